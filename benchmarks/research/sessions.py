"""Labelled sessions, decided ask by ask: how many go where they should, after what was asked before.

- The whole path decides: reading, the classifier, the policy, and what is kept of an ask for the next.
  Between two asks stands an answer of one word; no tool is used.
- An ask's kind is its relation to those before it: it is the first, goes on, changes the subject, or returns
  to an earlier one. What goes on or returns has the label of what it goes on from.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.suites.rows import rows
from benchmarks.evaluation.verdicts import make_classifier
from benchmarks.planner import make_planner
from benchmarks.research.everyday import UNSTATED, DecidedAsk, Options, Result, make_result
from classifiers.corpus import CorpusError, Session, parse_session
from classifiers.verdict import Classifier
from router.features.ask_reader import AskReader
from router.features.extractor import FeatureExtractor
from router.training.envelopes import ENVELOPES, Envelope, model_request

SESSIONS = Path(__file__).parents[1] / "labelled" / "sessions.jsonl"
"""Written by people who had seen neither the corpus nor the suites; for judging alone."""
CLIENTS = tuple(name for name in ENVELOPES if name != "mini-swe-agent")
"""Those with whom one talks on; mini-SWE-agent takes a single ask."""
_ANSWER = "Done."
_READER = AskReader()
"""One for all: what is asked before an ask is part of what it is read by."""


@dataclass(frozen=True, slots=True)
class _Named:
    """A session with its number, from 1."""

    number: int
    session: Session


def run(options: Options, progress: Callable[[str], None] = lambda _: None) -> Result:
    """Decide every ask of every session; `progress` is called with each step.

    Args:
        options: `asks` is the file: JSON lines as in the corpus's `sequences.jsonl`.
        progress: Called with each step.

    Raises:
        BenchmarkError: the sessions or the classifier's numbers cannot be read, or a client is not known.
    """
    file = options.asks or SESSIONS
    sessions, left_out = _load(file)
    for client in options.clients:
        if client not in CLIENTS:
            raise BenchmarkError(f"--client: {client!r} is not known; there are {', '.join(CLIENTS)}")
    classifier = make_classifier(options.classifier, options.classifier_file)
    decisions: list[DecidedAsk] = []
    for client in dict.fromkeys(options.clients):
        progress(f"{len(sessions)} sessions through {client}")
        for named in sessions:
            decisions += _decide(named, client, options.policy, classifier)
    return make_result(
        options, classifier.name, decisions, source=f"{len(sessions)} sessions", left_out=left_out
    )


def _load(file: Path) -> tuple[list[_Named], int]:
    """The sessions, and how many asks are right on both tracks.

    Raises:
        BenchmarkError: the file cannot be read or holds none.
    """
    try:
        sessions = [
            _Named(number, parse_session(f"{file}, row {number}", dict(row)))
            for number, row in enumerate(rows(file, ("human", "asks")), 1)
        ]
    except CorpusError as error:
        raise BenchmarkError(str(error)) from error
    if not sessions:
        raise BenchmarkError(f"{file} has no session")
    return sessions, sum(turn.label == "either" for named in sessions for turn in named.session.turns)


def _decide(named: _Named, client: str, policy: str, classifier: Classifier) -> Iterator[DecidedAsk]:
    session, envelope = named.session, ENVELOPES[client]
    planner = make_planner(
        FeatureExtractor(count_bytes=1 << 30, asks=_READER), policy=policy, classifier=classifier
    )
    body = envelope.body(session.turns[0].text)
    for number, turn in enumerate(session.turns, 1):
        if number > 1:
            _talk_on(body, envelope, turn.text)
        plan = planner.plan(model_request(json.dumps(body).encode(), envelope.dialect, envelope.headers))
        planner.keep(plan, plan.decision)
        if turn.label == "either":
            continue
        yield DecidedAsk(
            id=f"{named.number}/{number}",
            kind=turn.relation,
            label=turn.label,
            human=session.human,
            code=UNSTATED,
            client=client,
            track=plan.decision.track,
            p_local=round(plan.verdict.p_local, 4),
            why=plan.decision.why,
        )


def _talk_on(body: dict[str, Any], envelope: Envelope, ask: str) -> None:
    """Add an answer and the next ask."""
    content = [{"type": "text", "text": ask}] if envelope.dialect == "anthropic_messages" else ask
    body["messages"] += [{"role": "assistant", "content": _ANSWER}, {"role": "user", "content": content}]
