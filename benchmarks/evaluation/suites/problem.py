"""`Problem`: what is asked, and the trial that tells whether an answer passes.

- A problem's text comes from its own source and is never kept in this repository.
- Nothing is run here: `Problem.trial` only takes the code out of an answer; a sandbox runs it.
- The ask is the suite's own text and nothing else, so that what is measured live is the request whose
  decision was recorded.
"""

import ast
import json
import re
import warnings
from dataclasses import dataclass

import xxhash

from benchmarks.evaluation.cases import Label, SuiteName
from router.training.envelopes import ENVELOPES
from router.types import DialectName, Headers

CLIENTS = ("bare", "claude-code", "mini-swe-agent", "aider")
"""Whose requests are recorded: the names of `ENVELOPES`."""

_FENCE = re.compile(
    r"^[ \t]*(?P<ticks>`{3,}|~{3,})[^\n`]*\n(?P<code>.*?)(?:^[ \t]*(?P=ticks)|\Z)", re.MULTILINE | re.DOTALL
)
_BEGINS = re.compile(r"^(?:(?:from|import|def|async def|class) |@|\w+ *=)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """An answer, and what tells whether it passes; `benchmarks.live.trial` runs it."""

    answer: str
    """A module that should define `entry`."""
    entry: str
    stub: str
    """What the tests may use beside it."""
    tests: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One task of a suite."""

    id: str
    """As the suite names it, e.g. `HumanEval/0`, `Mbpp/2`, `django__django-11001`."""
    suite: SuiteName
    group: str
    """What a fold must keep together: the repository, or the benchmark."""
    ask: str
    """What the user says."""
    solution: str
    """The source's own solution, a program or a patch: to tell how long an answer is. Never sent."""
    entry: str = ""
    """The function that the tests call; empty where `tests` is."""
    stub: str = ""
    """The code that an answer goes on from: imports, helpers and the signature."""
    tests: str = ""
    """A program that raises where the function is wrong; empty where answers cannot be run here."""
    label: Label = ""
    """Whether all that the ask refers to stands in it; empty where nobody said."""

    def trial(self, answer: str) -> Trial | None:
        """Make a trial of a model's text: code in a Markdown fence, a whole function, or only its body.

        Returns:
            The trial; None where this suite's answers cannot be run here.
        """
        if not self.tests:
            return None
        code = completed(answer, stub=self.stub, entry=self.entry)
        return Trial(answer=code, entry=self.entry, stub=self.stub, tests=self.tests)


def fingerprint(problem: Problem) -> str:
    """Eight hex digits of the ask: tells whether a text is the one that was recorded."""
    return xxhash.xxh32_hexdigest(problem.ask.encode())


def completed(answer: str, *, stub: str, entry: str) -> str:
    """The code that `answer` stands for: what it defines after the stub's head, or the stub gone on with."""
    defines = re.compile(rf"^(?:async )?def {re.escape(entry)}\b", re.MULTILINE)
    code = extracted(answer.replace("\r\n", "\n"), defines)
    if defines.search(code) or not stub:
        head = defines.split(stub)[0]
        return f"{head}\n{_python(code)}"
    body = code.lstrip("\n")
    if body[:1] not in {" ", "\t"}:
        body = "".join(f"    {line}" for line in body.splitlines(keepends=True))
    return _python(stub + body)


def extracted(answer: str, defines: re.Pattern[str]) -> str:
    """The code block of `answer` that `defines` is found in, else its first; with none, what may be code."""
    blocks = [match["code"] for match in _FENCE.finditer(answer)]
    if blocks:
        return next(filter(defines.search, blocks), blocks[0])
    begins = _BEGINS.search(answer) if defines.search(answer) else None
    return answer[begins.start() :] if begins else answer


def _python(code: str) -> str:
    """`code` up to where it stops being Python: a model's words after it are not part of the answer."""
    lines = code.splitlines(keepends=True)
    valid = len(lines)
    while valid:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # an escape like "\d" is the answer's own affair
                ast.parse("".join(lines[:valid]))
        except SyntaxError as error:
            valid = min(valid, error.lineno or valid) - 1
        except (ValueError, RecursionError, MemoryError):  # null bytes, nesting: fails when it is run
            break
        else:
            break
    return "".join(lines[:valid]) or code


def request(
    problem: Problem, client: str = "bare", *, model: str = "auto"
) -> tuple[DialectName, Headers, bytes]:
    """The request that `client` would send first: its dialect, headers and body.

    Raises:
        ValueError: `client` is not one of `ENVELOPES`.
    """
    if client not in ENVELOPES:
        raise ValueError(f"client {client!r} is not known: choose one of {', '.join(ENVELOPES)}")
    envelope = ENVELOPES[client]
    body = envelope.body(problem.ask) | {"model": model}
    return envelope.dialect, envelope.headers, json.dumps(body).encode()
