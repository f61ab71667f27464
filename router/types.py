"""The values that travel down the path, and the one verb of each seam.

    ModelRequest ─ reading ▶ Features ─ classify ▶ Verdict ─ decide ▶ Decision ─ track.open ▶ Reply

Values are frozen and do nothing; behaviour is functions over them.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Literal, NamedTuple, Protocol

from classifiers.features import Features
from classifiers.verdict import Verdict
from policies.causes import CAUSES, Cause, DegradeCause, EscalationCause
from policies.decision import Decision, TrackName
from policies.privacy import Clearance
from router.accounts.teams import Account
from router.errors import TurnoutError

DialectName = Literal[
    "openai_chat",
    "openai_responses",
    "anthropic_messages",
    "gemini",
    "ollama",
    "openai_completions",
    "llama_infill",
    "openai_embeddings",
    "ollama_embed",
    "ollama_embeddings",
    "llama_embedding",
]
RAW_DIALECTS: frozenset[DialectName] = frozenset({"openai_completions", "llama_infill"})
"""Those in which a prompt is completed as it is, by the local model alone."""
EMBEDDING_DIALECTS: frozenset[DialectName] = frozenset({
    "openai_embeddings", "ollama_embed", "ollama_embeddings", "llama_embedding",
})  # fmt: skip
"""Those in which texts are embedded."""
EMBEDDING = "embedding"
"""The kind of a request that has texts embedded."""
Operation = Literal["generate", "count", "embed"]
End = Literal["complete", "client_left", "failed"]
"""How an answer ended: to its end, given up by its client, or in an error of anybody's."""
Headers = tuple[tuple[str, str], ...]
"""Header fields in order, names in lower case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """What a client asked, as bytes, with the few facts needed to carry it."""

    id: str
    account: Account
    """On whose behalf it comes: team, user and key, budgets, rates, models and policy."""
    dialect: DialectName
    operation: Operation
    client: str
    """Which assistant, from its headers; reading may know better."""
    model: str
    """The name the client asked for, as it wrote it."""
    stream: bool
    body: bytes
    headers: Headers
    """As received, without a Turnout key."""
    query: str = ""
    """The raw query string, without `?`."""
    subpath: str = ""
    """Of an operation beside answering, below the dialect's own path, such as `/compact`."""
    provider_field: str = ""
    """What the provider alone can serve, such as `previous_response_id`; empty where there is nothing."""


class Protected(NamedTuple):
    """Something that had to stay, as it is stored: no text, only a digest under a secret key."""

    kind: Literal["session", "line"]
    digest: str
    team: str
    source: str
    """The policy's own glob or pattern."""
    at: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens as billed. The five never overlap: `input` leaves cached tokens out."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    estimated: bool = False
    """True where the upstream reported none, or the stream ended early."""
    terms: str = ""
    """What else the price depends on: `batch`, `priority`, `flex`, `fast`, `us`; empty: standard."""
    reasoning: int = 0
    """Of `output`, what was thought rather than said; 0 where the upstream does not tell."""

    @property
    def prompt(self) -> int:
        """All tokens of the prompt, however they were billed."""
        return self.input + self.cache_read + self.cache_write_5m + self.cache_write_1h


NAME_LENGTH = 200
"""Characters kept of a name that a client or a proxy chose."""

USAGE_FIELDS = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
"""The five counts of `Usage`, which are columns of the ledger and of every price."""


class Tap(Protocol):
    """What a reply has said so far; grows as its bytes pass."""

    usage: Usage | None
    """What the upstream has reported so far; final once the reply ended."""
    model: str
    """The model the upstream says it served; empty until known."""
    started: bool
    """A useful unit has passed: a content token, or (part of) a tool call."""
    complete: bool
    """The reply ended as its dialect says it must."""
    error: str
    """The message of an error event seen in the stream; empty where none was."""
    written: int
    """About how many bytes of content a stream has brought: what is known where it is cut off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An opened answer in the client's dialect. Its first useful unit is already there."""

    track: TrackName
    model: str
    status: int
    headers: Headers
    """The upstream's, without hop-by-hop fields, length and encoding."""
    chunks: AsyncGenerator[bytes]
    """The body; the consumer must close it (`contextlib.aclosing`)."""
    tap: Tap
    """Fed by whoever made `chunks`, before each chunk is yielded."""
    dropped: tuple[str, ...] = ()
    """What the request asks for that whoever answers has not, in the client's words."""


Fault = Literal[
    "connection",  # no connection: nothing of the request was read
    "unavailable",  # the server says that it cannot serve anybody: 502, 503, 529
    "server_error",  # another 5xx, or an answer that nobody can read
    "dropped",  # the connection ended before anything useful came
    "timeout",  # nothing useful came in time
]
"""How a track itself failed; see `router.tracks.circuit_breaker` for what each one proves."""


class TrackError(TurnoutError):
    """A track failed before its first useful unit, so another track may still serve.

    `reply`, where set, is the upstream's own error answer, to be relayed unchanged
    if nothing else serves. `retry_after` is in seconds. `tokens` and `limit` are set
    for `overflow`: the prompt's size and the model's window, in tokens. `fault` is set
    where the track itself failed, and not what this one request asked for. `type` is the
    upstream's error type where it is one of `router.tracks.failures.ERROR_TYPES`.
    """

    status = 502

    def __init__(
        self,
        message: str,
        *,
        cause: Cause,
        status: int | None = None,
        kind: str | None = None,
        retry_after: float | None = None,
        tokens: int = 0,
        limit: int = 0,
        reply: Reply | None = None,
        fault: Fault | None = None,
        type: str = "",  # noqa: A002 - as error bodies call it
    ) -> None:
        """See the class."""
        super().__init__(message, status=status, kind=kind)
        self.cause = cause
        self.retry_after = retry_after
        self.tokens = tokens
        self.limit = limit
        self.reply = reply
        self.fault = fault
        self.type = type
        facts = (str(self.status), fault or "", type)
        self.record = f"{CAUSES[cause]} ({', '.join(filter(None, dict.fromkeys(facts)))})"

    @property
    def label(self) -> str:
        """See the class above; only these messages quote nobody."""
        return self.message if self.cause in {"private", "no_credential"} else self.record


@dataclass(slots=True, kw_only=True)
class Progress:
    """How far one attempt got, which its bill is made of; grows while a track opens a reply."""

    model: str = ""
    """The model that the track was asked for."""
    sent: bool = False
    """Some of the request may have reached the upstream."""
    status: int = 0
    """The upstream's; 0 before its head came."""
    tap: Tap | None = None
    """What has been read of the reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at a track, for the ledger and the bill."""

    track: TrackName
    model: str
    cause: Cause | Literal[""]
    """Why it failed; empty for the one that served, or that the client did not wait for."""
    status: int
    seconds: float
    sent: bool | None = None
    """Whether any of it may have reached the upstream; None in rows from before that was noted."""
    usage: Usage | None = None
    """What a failed attempt used, where the upstream bills it; of the others the row has it."""
    engine_s: float | None = None
    """As in `Outcome`; None where it was not measured, or the attempt still served."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How it ended."""

    track: TrackName
    model: str
    status: int
    usage: Usage
    first_byte_s: float | None
    seconds: float
    attempts: tuple[Attempt, ...]
    end: End
    error: str = ""
    """Why, in our words; a complete count says here why it is an estimate."""
    engine_s: float | None = None
    """Its share of the time the local model worked, in seconds; None where it was not measured."""
    moved: EscalationCause | DegradeCause | Literal[""] = ""
    """Why this request went to the other track before anything was tried; empty where it did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptParts:
    """What a prompt is made of, in order: tools, system text, messages. Three columns of one length."""

    keys: tuple[bytes, ...] = ()
    """Equal for parts that say the same."""
    tokens: tuple[int, ...] = ()
    """Counted, or estimated, as in `Features.context_tokens`."""
    roles: tuple[str, ...] = ()
    before: tuple[int, ...] = field(init=False, repr=False, compare=False)
    """Tokens before each part, and last those of the whole."""

    def __post_init__(self) -> None:
        """Add up once what is asked for at every comparison."""
        object.__setattr__(self, "before", tuple(accumulate(self.tokens, initial=0)))

    @property
    def total(self) -> int:
        """Tokens of the whole."""
        return self.before[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A request with everything decided about it, before anything was sent."""

    request: ModelRequest
    features: Features
    verdict: Verdict
    decision: Decision
    clearance: Clearance
    policy: str
    """Name of the policy that decided."""
    classifier: str = ""
    """Which classifier judged, by name and, where it was trained, its numbers' digest."""
    overhead_s: float
    """Time spent reading and deciding."""
    notes: tuple[str, ...] = field(default=())
    """What went wrong on the way, e.g. that reading failed."""
    prompt: PromptParts = field(default=PromptParts())

    @property
    def kind(self) -> str:
        """What kind of request it is: as was read of it, or one for embeddings, of which nothing is."""
        return EMBEDDING if self.request.operation == "embed" else self.features.kind


class Track(Protocol):
    """A place that answers."""

    def usable(self, request: ModelRequest) -> bool:
        """Whether an answer can come from here at all: nobody is moved here in vain."""
        ...

    async def open(self, plan: Plan, decision: Decision, progress: Progress | None = None) -> Reply:
        """Answer `plan.request` as `decision` says; return once the first useful unit is there.

        Notes in `progress` how far it got, which holds however this ends.

        Raises:
            TrackError: nothing was sent to the client yet, another track may serve.
        """
        ...

    async def count(self, plan: Plan) -> int:
        """Count the prompt's tokens as this track's model would.

        Raises:
            TrackError: the track cannot tell; the caller estimates.
        """
        ...


class Ledger(Protocol):
    """Where requests are written down."""

    def begin(self, plan: Plan) -> None:
        """Write the row; on return it survives `kill -9`."""
        ...

    def move(self, request_id: str) -> None:
        """Note that a request goes on to the cloud, which may bill it; on return that survives `kill -9`."""
        ...

    def finish(self, request_id: str, outcome: Outcome) -> None:
        """Complete the row."""
        ...
