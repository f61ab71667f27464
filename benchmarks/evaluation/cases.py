"""The cases of the gate: tasks as they were read and judged, with what is known of their outcomes.

A case is read now where its text is at hand, and else recorded without any, so that a policy can be
checked on a machine that has nothing else. Both are of the same reading and the same rules that serve.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from classifiers.features import Features
from classifiers.verdict import Verdict

ShippedSuite = Literal["humaneval", "mbpp", "swebench", "everyday"]
SUITES: tuple[ShippedSuite, ...] = get_args(ShippedSuite)
SuiteName = str
"""One of the shipped suites, or the name of a file with tasks of a user's own."""
Label = Literal["", "self-contained", "repository"]
"""Whether all that an ask refers to stands in the message, or the answer needs the person's repository."""

LOCAL_CONTEXT = 32_768
"""Tokens of the local window, unless an option says otherwise."""
PRICE_MODEL = "claude-sonnet-4-5"
"""At whose price the cloud's tokens are counted, unless an option says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """Who was measured: a model, in the scaffold it ran in."""

    name: str
    """As the source names it."""
    model: str
    """As a price table names it; for a local system, for people."""
    runs: Literal["local", "cloud"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What a whole task takes of one system: one call for a self-contained one, many for an agent's."""

    calls: float
    prompt: float
    """Tokens of all calls' prompts together, cached or not."""
    last_prompt: float
    """Tokens of the last call's prompt: with a warm cache, all that is ever read anew."""
    output: float
    """Tokens written in all calls."""
    measured: bool
    """False where calls and tokens are an estimate from other tasks, as the suite's notes say."""
    usd: float | None = None
    """What the whole task cost, in US dollars, where that was measured; goes before any price of tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One task, as the policy sees its first request, with both systems' outcomes."""

    id: str
    """As its suite names it, e.g. `HumanEval/0`, `django__django-11001`."""
    suite: SuiteName
    group: str
    """What a fold must keep together: the repository, or the benchmark."""
    features: Features
    """As read from the first request; `conversation` is the id. Recorded ones have no `ask` and `paths`."""
    judged: Verdict
    """What the classifier said; of a recorded case, what `RuleClassifier` said with the ask before it."""
    local: float | None
    """How often the local system passes, 0..1: one outcome, or a share of samples; None: not measured."""
    cloud: float | None
    """The same for the cloud system."""
    local_effort: Effort
    cloud_effort: Effort
    label: Label = ""
    """Empty where nobody said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """All cases of one suite, asked in the words of one client."""

    name: SuiteName
    title: str
    """For people, e.g. `SWE-bench Verified`."""
    client: str
    """Whose request it is: `bare`, `claude-code`, `mini-swe-agent`, `aider`."""
    local: System
    cloud: System
    cases: tuple[Case, ...]
    notes: tuple[str, ...]
    """What these numbers do not show, in sentences; printed wherever they are."""
    sources: Mapping[str, str]
    """What they were made from: name of the file, and its source, licence and date."""
