"""Labelled asks, decided one by one: by kind, by language and by client, how many go where they should.

- The whole path decides: reading, the classifier, the policy. Each ask is the first of its conversation;
  the tracks are up and idle, and the local window is unknown.
- What is right is whether the message alone suffices, not an outcome: a share does not say how good the
  local model's answer would have been.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.cases import Label
from benchmarks.evaluation.stats import wilson
from benchmarks.evaluation.suites import everyday
from benchmarks.evaluation.suites.rows import rows
from benchmarks.evaluation.verdicts import make_classifier
from benchmarks.planner import POLICY, make_planner
from classifiers.choose import DEFAULT, ClassifierName
from policies.decision import TrackName
from router.features.ask_reader import AskReader
from router.features.extractor import FeatureExtractor
from router.features.fingerprint import reading_digest
from router.training.envelopes import ENVELOPES, model_request

UNSTATED = "not stated"
EITHER = "either"
"""What an ask is called that is right on both tracks; it is left out."""
_LABELS: Mapping[str, Label] = MappingProxyType(
    {
        "self-contained": "self-contained",
        "repository": "repository",
        "local": "self-contained",
        "cloud": "repository",
    }
)
"""Ours, and those of files that name the track."""
_TRACKS: Mapping[Label, TrackName] = MappingProxyType({"self-contained": "local", "repository": "cloud"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledAsk:
    """An ask, and whether its message alone suffices."""

    id: str
    kind: str
    label: Label
    human: str
    """The language it is written in."""
    code: str
    """The programming language concerned."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedAsk:
    """Where an ask went, without its text."""

    id: str
    kind: str
    label: Label
    human: str
    code: str
    client: str
    track: TrackName
    p_local: float
    why: str

    @property
    def is_right(self) -> bool:
        """Whether it went where its label says."""
        return self.track == _TRACKS[self.label]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How many of some asks are right, with the 95% interval (Wilson)."""

    right: int
    of: int
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Asks that have something in common."""

    name: str
    all: Share
    self_contained: Share
    repository: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is decided, and by whom."""

    asks: Path | None = None
    """JSON lines with `kind`, `label` and `ask`; the everyday suite unless given."""
    policy: str = POLICY
    classifier: ClassifierName = DEFAULT
    classifier_file: str = ""
    clients: tuple[str, ...] = ("bare",)
    """In whose words they are asked: names of `ENVELOPES`, at least one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was decided of all asks."""

    measured: str
    """Date, UTC."""
    source: str
    """The suite, or the file's name."""
    policy: str
    classifier: str
    reading: str
    total: Group
    """As the first client sends them."""
    groups: Mapping[str, tuple[Group, ...]]
    """By what they have in common: `client`; and as the first client sends them, `kind`, `human`, `code`."""
    left_out: int
    """Asks that are right on both tracks."""
    decisions: tuple[DecidedAsk, ...]


def run(options: Options, progress: Callable[[str], None] = lambda _: None) -> Result:
    """Decide every ask; `progress` is called with each step.

    Raises:
        BenchmarkError: the asks or the classifier's numbers cannot be read, or a client is not known.
    """
    asks, left_out = _load(options.asks)
    for client in options.clients:
        if client not in ENVELOPES:
            raise BenchmarkError(f"--client: {client!r} is not known; there are {', '.join(ENVELOPES)}")
    classifier = make_classifier(options.classifier, options.classifier_file)
    decisions: list[DecidedAsk] = []
    for client in dict.fromkeys(options.clients):
        progress(f"{len(asks)} asks as {client} sends them")
        path = make_planner(
            FeatureExtractor(count_bytes=1 << 30, asks=AskReader()),
            policy=options.policy,
            classifier=classifier,
        )
        envelope = ENVELOPES[client]
        for ask in asks:
            body = json.dumps(envelope.body(ask.text)).encode()
            plan = path.plan(model_request(body, envelope.dialect, envelope.headers))
            decisions.append(
                DecidedAsk(
                    id=ask.id,
                    kind=ask.kind,
                    label=ask.label,
                    human=ask.human,
                    code=ask.code,
                    client=client,
                    track=plan.decision.track,
                    p_local=round(plan.verdict.p_local, 4),
                    why=plan.decision.why,
                )
            )
    source = options.asks.name if options.asks else "the everyday suite"
    return make_result(options, classifier.name, decisions, source=source, left_out=left_out)


def make_result(
    options: Options, classifier: str, decisions: Sequence[DecidedAsk], *, source: str, left_out: int
) -> Result:
    """Count what was decided.

    Args:
        options: By which it was decided.
        classifier: The name of who judged, with its numbers' digest.
        decisions: Of all clients.
        source: What the asks are.
        left_out: Asks that are right on both tracks.
    """
    # The same ask through several clients is no more evidence on a kind than once.
    first = [decision for decision in decisions if decision.client == options.clients[0]]
    return Result(
        measured=datetime.now(UTC).date().isoformat(),
        source=source,
        policy=options.policy,
        classifier=classifier,
        reading=reading_digest(),
        total=_group("all", first),
        groups={field: tuple(_groups(field, first)) for field in ("kind", "human", "code")}
        | {"client": tuple(_groups("client", decisions))},
        left_out=left_out,
        decisions=tuple(decisions),
    )


def _load(file: Path | None) -> tuple[list[LabelledAsk], int]:
    """The asks, and how many were left out.

    Raises:
        BenchmarkError: the file cannot be read or holds none; a row has another label, or an empty ask.
    """
    if file is None:
        suite = [
            LabelledAsk(
                id=item.id,
                kind=item.ask.kind,
                label=item.label,
                human=item.ask.human,
                code=item.ask.code,
                text=item.ask.text,
            )
            for item in everyday.load()
        ]
        return suite, 0
    asks, left_out = [], 0
    for number, row in enumerate(rows(file, ("kind", "label", "ask")), 1):
        if not isinstance(row["ask"], str) or not row["ask"].strip():
            raise BenchmarkError(
                f"{file}, row {number}: ask is empty or no text; write what is asked, or remove the row"
            )
        if row["label"] == EITHER:
            left_out += 1
            continue
        if row["label"] not in _LABELS:
            raise BenchmarkError(
                f"{file}, row {number}: label is {row['label']!r}; one of {', '.join(_LABELS)}, {EITHER}"
            )
        asks.append(
            LabelledAsk(
                id=str(row.get("id", number)),
                kind=str(row["kind"]),
                label=_LABELS[row["label"]],
                human=str(row.get("human", UNSTATED)),
                code=str(row.get("code", UNSTATED)),
                text=row["ask"],
            )
        )
    if not asks:
        raise BenchmarkError(f"{file} has no labelled ask")
    return asks, left_out


def _groups(field: str, decisions: Iterable[DecidedAsk]) -> Iterator[Group]:
    """Those of one kind, language or client each, in the order in which they first come."""
    members: dict[str, list[DecidedAsk]] = defaultdict(list)
    for decision in decisions:
        members[getattr(decision, field)].append(decision)
    return (_group(name, group) for name, group in members.items())


def _group(name: str, decisions: Sequence[DecidedAsk]) -> Group:
    def share(*labels: Label) -> Share:
        flags = [decision.is_right for decision in decisions if decision.label in labels]
        low, high = wilson(sum(flags) / len(flags) if flags else 0.0, len(flags))
        return Share(right=sum(flags), of=len(flags), low=low, high=high)

    return Group(
        name=name,
        all=share("self-contained", "repository"),
        self_contained=share("self-contained"),
        repository=share("repository"),
    )
