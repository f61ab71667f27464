"""What each client was seen to do, as a table: the command that measures it, and the pages made of it.

.venv/bin/python tests/clients/conformance_page.py                  measure all, write the pages
.venv/bin/python tests/clients/conformance_page.py codex aider      measure these anew, write the pages
.venv/bin/python tests/clients/conformance_page.py --pages          write the pages of what is measured
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from conformance import CLIENTS, PROVEN, SCENARIOS, STAYS_S, Client
from servers import ROOT

from benchmarks.json_values import dumps
from benchmarks.machine import machine
from benchmarks.render import Sheet, table, where

RESULTS = ROOT / "benchmarks/results/clients.json"
PAGE = ROOT / "benchmarks/results/clients.md"
DOCS = ROOT / "docs/clients.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
HERE = Path(__file__).parent
Row = dict[str, Any]
"""A client's: `version`, `day`, and `cells` by scenario."""


class Collector:
    """Pytest's plugin that keeps how each test went, and says so after each."""

    def __init__(self, keep: Callable[[Mapping[str, pytest.TestReport]], None]) -> None:
        self._keep = keep
        self._reports: dict[str, pytest.TestReport] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or not report.passed:
            self._reports[report.nodeid.rpartition("/")[2]] = report
            self._keep(self._reports)


def test_of(client: Client, scenario: str) -> str:
    """The test that measures a cell."""
    own = f"test_conformance.py::test_a_client_does_as_is_known_of_it[{client.name}-{scenario}]"
    return PROVEN.get((client.name, scenario), own)


def measure(clients: Sequence[Client]) -> None:
    """Run the tests of these clients; a test that was skipped has no cell."""
    tests = [
        test_of(client, scenario.name)
        for client in clients
        for scenario in SCENARIOS
        if scenario.name not in client.absent
    ]
    others = load()["clients"] if RESULTS.exists() else {}

    def keep(reports: Mapping[str, pytest.TestReport]) -> None:
        rows = others | {client.name: row(client, reports) for client in clients}
        known = {client.name: rows[client.name] for client in CLIENTS if client.name in rows}
        results = {"machine": where(machine()), "clients": known}
        RESULTS.write_text(dumps(results, indent=1) + "\n", encoding="utf-8")

    pytest.main(
        ["-q", "--rootdir", str(ROOT), *(str(HERE / test) for test in tests)], plugins=[Collector(keep)]
    )


def row(client: Client, reports: Mapping[str, pytest.TestReport]) -> Row:
    cells = {name: {"result": "not applicable", "words": words} for name, words in client.absent.items()}
    for scenario in SCENARIOS:
        report = reports.get(test_of(client, scenario.name))
        if report is not None and (not report.skipped or hasattr(report, "wasxfail")):
            cells[scenario.name] = cell(report)
    return {"version": client.version(), "day": str(datetime.now(UTC).date()), "cells": cells}


def cell(report: pytest.TestReport) -> dict[str, Any]:
    told = dict(report.user_properties)
    seconds = round(report.duration, 1)
    if report.passed:
        return {"result": "passed", **told, "seconds": seconds}
    crash = getattr(report.longrepr, "reprcrash", None)
    words = str(getattr(crash, "message", report.longrepr)).splitlines()[0][:120]
    return {"result": "failed", "words": words, "seconds": seconds}


def load() -> dict[str, Any]:
    results: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return results


def is_measured(client: Client, scenario: str) -> bool:
    return scenario in load()["clients"].get(client.name, {}).get("cells", {})


def matrix(results: Mapping[str, Any]) -> Sheet:
    """The cells that were measured; a client that was not has no row."""
    rows = results["clients"]
    return Sheet(
        title="Proven with real clients",
        columns=("client", *(scenario.title for scenario in SCENARIOS)),
        rows=tuple(
            (f"{client.title} {rows[client.name]['version']}", *cells(rows[client.name]["cells"]))
            for client in CLIENTS
            if client.name in rows
        ),
    )


def cells(measured: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for scenario in SCENARIOS:
        one = measured.get(scenario.name)
        if one is None:
            yield ""
        elif one["result"] == "passed":
            words = " ".join(filter(None, ("✓", one.get("words", ""))))
            yield f"{words} ({one['requests']})" if "requests" in one else words
        else:
            yield f"{'✗' if one['result'] == 'failed' else 'n/a:'} {one['words']}".replace("|", "\\|")


def section(results: Mapping[str, Any]) -> str:
    """The part of docs/clients.md that is made of the results."""
    days = sorted({row["day"] for row in results["clients"].values()})
    return (
        f"{table(matrix(results))}\n\n"
        f"Measured {' to '.join(dict.fromkeys((days[0], days[-1])))} on {results['machine']}. ✓ did as it "
        "should; ✗ did not; n/a does not\napply. In brackets: the model requests that it took, those that a "
        f"client makes for itself (titles, topics) apart. {NOTES}"
    )


LATE = ", ".join(client.title for client in CLIENTS if client.starts_late)
NOTES = f"""\
The provider is the scripted upstream. An edit
is a loop of calls: read, edit, run a command, answer. A fault hits one answer, and the next is whole; whether
a client then asks again or stops is its own choice. The last column breaks every stream off and watches how
often a client asks within {STAYS_S} seconds.

`make conformance` holds all of it, and `tests/clients/conformance_page.py` measures it anew.
`make test-slow`, which CI runs, sees the first column alone of clients that take seconds to start
({LATE}). A cell that is empty, or a client without a row, was not measured."""


def page(results: Mapping[str, Any]) -> str:
    """The page of results: how each client was run, and the matrix."""
    rows = results["clients"]
    how = Sheet(
        title="The clients",
        columns=("client", "package", "version", "speaks", "run by", "day"),
        rows=tuple(
            (
                *(client.title, f"`{client.package}`", rows[client.name]["version"]),
                *(f"`{client.speaks}`", client.run, rows[client.name]["day"]),
            )
            for client in CLIENTS
            if client.name in rows
        ),
    )
    return f"# Real clients through the endpoint\n\n{table(how)}\n\n{section(results)}\n"


def spliced(text: str, results: Mapping[str, Any]) -> str:
    """docs/clients.md with its measured part made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{section(results)}\n\n{END}{after}"


def write(results: Mapping[str, Any]) -> None:
    PAGE.write_text(page(results), encoding="utf-8")
    DOCS.write_text(spliced(DOCS.read_text(encoding="utf-8"), results), encoding="utf-8")


def main() -> None:
    """Measure, and write the results and the pages."""
    names = sys.argv[1:]
    if names != ["--pages"]:
        known = {client.name: client for client in CLIENTS}
        if unknown := set(names) - known.keys():
            sys.exit(f"no clients: {', '.join(unknown)}; known are {', '.join(known)}")
        chosen = [known[name] for name in names or known]
        measure(chosen)
    write(load())


if __name__ == "__main__":
    main()
