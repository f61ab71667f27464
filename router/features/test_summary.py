"""What a test runner's summary says: how many tests failed and how many passed.

One row per family of runners. Summaries stand at an output's end, so only that is searched.
"""

import re
from collections.abc import Callable
from itertools import islice

import xxhash

_TAIL = 6_000
"""Characters at the end of an output that are searched."""


def _sum(pattern: str) -> Callable[[str], int]:
    compiled = re.compile(pattern, re.MULTILINE)
    return lambda text: sum(int(number) for number in compiled.findall(text))


def _count(pattern: str) -> Callable[[str], int]:
    compiled = re.compile(pattern, re.MULTILINE)
    return lambda text: len(compiled.findall(text))


_UNITTEST = re.compile(
    r"^Ran (\d{1,9}) tests? in [^\n]+\n(?:\s*\n)?(OK|FAILED|NO TESTS RAN)(?: \(([^)\n]*)\))?", re.MULTILINE
)
_UNITTEST_PART = re.compile(r"(failures|errors|skipped|unexpected successes)=(\d{1,9})\b")


def _unittest(text: str) -> tuple[int, int]:
    ran = _UNITTEST.findall(text)
    if not ran:
        return 0, 0
    count, _, detail = ran[-1]
    parts = {name: int(number) for name, number in _UNITTEST_PART.findall(detail)}
    failed = parts.get("failures", 0) + parts.get("errors", 0) + parts.get("unexpected successes", 0)
    return failed, max(int(count) - failed - parts.get("skipped", 0), 0)


_RUNNERS: tuple[tuple[str, re.Pattern[str], Callable[[str], int], Callable[[str], int]], ...] = tuple(
    (hint, re.compile(line, re.MULTILINE), failed, passed)
    for hint, line, failed, passed in (
        # cargo: one line per crate
        (
            "test result: ",
            r"^test result: (?:ok|FAILED)\. [^\n]+",
            _sum(r"\b(\d{1,9}) failed"),
            _sum(r"\b(\d{1,9}) passed"),
        ),
        # jest, vitest
        ("Tests", r"^[ \t]*Tests:? +(?=\d)[^\n]+", _sum(r"\b(\d{1,9}) failed"), _sum(r"\b(\d{1,9}) passed")),
        # pytest: `== 1 failed, 2 passed, 1 error in 0.1s ==`, and without the signs where it is quiet
        (
            " in ",
            r"^(?:=+ )?(?:\d+ [a-z]+, )*\d+ [a-z]+ in [\d.]+ ?s\b[^\n]*",
            _sum(r"\b(\d{1,9}) (?:failed|errors?)\b"),
            _sum(r"\b(\d{1,9}) passed"),
        ),
        # Maven
        (
            "Tests run: ",
            r"^(?:\[\w+\] )?Tests run: \d+, Failures: \d+, Errors: \d+[^\n]*",
            _sum(r"(?:Failures|Errors): (\d{1,9})\b"),
            _sum(r"Tests run: (\d{1,9})\b"),
        ),
        # mocha
        (
            "passing",
            r"^[ \t]++\d+ passing\b(?:.*\n\s++\d+ (?:failing|pending))*+",
            _sum(r"\b(\d{1,9}) failing"),
            _sum(r"\b(\d{1,9}) passing"),
        ),
        # rspec
        (
            "examples",
            r"^\d+ examples?, \d+ failures?",
            _sum(r"\b(\d{1,9}) failures?"),
            _sum(r"\b(\d{1,9}) examples?"),
        ),
    )
)
_ALL_COUNTED = ("Tests run: ", "examples")
"""Hints of runners whose count of all holds the failed ones, too."""
_GO = re.compile(r"^(?:(?P<ok>ok) +\t?|(?P<fail>FAIL)\t)\S+[ \t]", re.MULTILINE)
_GO_FAILED = _count(r"^[ \t]*--- FAIL: ")
_GO_PASSED = _count(r"^[ \t]*--- PASS: ")


def _go(text: str) -> tuple[int, int]:
    """Go: single tests where they are listed, else packages."""
    packages = [match["ok"] for match in _GO.finditer(text)]
    if not packages:
        return 0, 0
    failed = _GO_FAILED(text) or packages.count(None)
    return failed, _GO_PASSED(text) or len(packages) - packages.count(None)


_NAMED = 20_000
"""Characters at the end of an output in which failed tests are named."""
_MOST_NAMED = 100
_FAILING = re.compile(
    # pytest's short summary
    r"^(?:FAILED|ERROR) (?P<pytest>\S+::[^\n]{1,200}?)(?: - [^\n]*)?$|"
    # unittest
    r"^(?:FAIL|ERROR): (?P<unittest>\w+ \([\w.]+(?:\)| ))|"
    # jest, vitest
    r"^[ \t]*(?:\u25cf|\u2715|\u00d7) (?P<jest>[^\n]{1,200}?)(?: \(\d+ ?ms\)| \d+ ?ms)?$|"
    r"^ FAIL  (?P<vitest>\S+ > [^\n]{1,200})$|"
    # Go, cargo
    r"^[ \t]*--- FAIL: (?P<go>\S+)|"
    r"^test (?P<cargo>\S+) \.\.\. FAILED|"
    # rspec, Maven
    r"^rspec (?P<rspec>\S+)|"
    r"^\[ERROR\] +(?P<maven>[\w$]+\.[\w$]+):\d",
    re.MULTILINE,
)


def failing(text: str) -> tuple[int, ...]:
    """Names of the tests that failed, each as a number; empty where the runner does not name them."""
    names = {
        match[match.lastgroup]: None
        for match in islice(_FAILING.finditer(text[-_NAMED:]), _MOST_NAMED)
        if match.lastgroup
    }
    return tuple(xxhash.xxh3_64_intdigest(name.encode(errors="replace")) for name in names)


def summary(text: str) -> tuple[int, int] | None:
    """Tests that failed and that passed, by the newest summary in `text`; None where no test ran."""
    tail = text[-_TAIL:]
    if "Ran " in tail and any(counts := _unittest(tail)):
        return counts
    for hint, line, failed, passed in _RUNNERS:
        if hint not in tail:
            continue
        lines = line.findall(tail)
        if lines:
            report = "\n".join(lines if hint == "test result: " else lines[-1:])
            lost, won = failed(report), passed(report)
            if lost or won:
                return lost, won - lost * (hint in _ALL_COUNTED)
    counts = _go(tail) if "\t" in tail else (0, 0)
    return counts if any(counts) else None
