"""The values deciding takes and gives: `State` in, `Decision` out. Frozen; they do nothing."""

from dataclasses import dataclass
from typing import Literal

from classifiers.features import Features
from classifiers.verdict import Verdict
from policies.causes import DegradeCause, EscalationCause

TrackName = Literal["local", "cloud"]
StandIn = Literal["local", "refuse"]
"""What happens to the cloud's work without a credential: the local model stands in, or the client is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Where one request goes, and why."""

    track: TrackName
    model: str = ""
    """The model to ask the track for; empty for the track's own default."""
    rule: str
    """The rule's name, or what decided in its place: `asked`, `never_cloud`, `otherwise`, ..."""
    why: str
    """The rule's own words, for a person."""
    held: bool = False
    """True where this user turn's earlier decision was kept."""
    p_local: float = 0.0
    alternatives: tuple[TrackName, ...] = ()
    """Tracks that may serve instead, should this one fail before its first useful unit."""
    would: Literal["local", "cloud", ""] = ""
    """Under an observing policy, the track its rules would have chosen; empty otherwise."""
    refusal: str = ""
    """The error that the client gets because no track may serve this; empty if one may."""
    temporary: bool = False
    """Only how the tracks are right now decided: were both up and idle, the other would serve."""
    cause: EscalationCause | DegradeCause | Literal[""] = ""
    """Why a held local turn moves to the cloud with this request, or why the local model stands in for the
    cloud from the start; empty where neither is so."""
    remedy: str = ""
    """What would let the cloud serve, where nothing but the lack of a credential keeps this local."""
    move_usd: float | None = None
    """The price of that move, where a setback made it: `Move.usd`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What it costs that a held local turn goes on in the cloud now."""

    tokens: int
    """Of the prompt: none of it is cached there."""
    usd: float | None
    """The prompt as the provider bills it cold, and what was read of it locally in vain; None: not known."""
    saved_usd: float = 0.0
    """What the cloud would have billed at least for the turn's calls so far, its cache warm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastDecision:
    """The decision of the ask that a request belongs to, or else the conversation's last one."""

    track: TrackName
    model: str
    rule: str
    why: str
    turn: int
    """`Features.turns` at which it was made."""
    ask_key: str = ""
    """`Features.ask_key` of the ask it was made for."""
    age_s: float = 0.0
    """Seconds since a call of its turn was last decided."""
    temporary: bool = False
    """As in `Decision`."""
    features: Features | None = None
    """What was read when the ask was decided, without its text; None where that is not known."""
    verdict: Verdict | None = None
    """What the classifier said then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What a policy may know besides the request itself."""

    local_context: int = 0
    """The local model's window in tokens; 0 while unknown."""
    local_wait_s: float = 0.0
    """Seconds until a prompt given now would get its first token."""
    local_up: bool = True
    local_vision: bool = False
    """The local model is known to see images."""
    local_audio: bool = False
    """It is known to hear audio."""
    local_model: str = ""
    """The name that the local model goes by; empty while unknown."""
    cloud_up: bool = True
    without_credential: StandIn | Literal[""] = ""
    """Empty where there is a credential for this request; else what its work on the cloud comes to."""
    credential_remedy: str = "set the provider's key"
    """What gives the cloud a credential, in a few words."""
    budget_left_usd: float = float("inf")
    """The least of what the team's, the key's and the policy's budgets have left."""
    budget_why: str = "the team's budget for this month is used up"
    """Said where nothing is left."""
    last: LastDecision | None = None
    move: Move | None = None
    """None where a held turn cannot move now: no credential, no money, or no leave to use the model."""
