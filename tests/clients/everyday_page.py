"""The page on twenty everyday asks through real assistants, and the command that measures it.

.venv/bin/python tests/clients/everyday_page.py benchmarks/results/everyday-clients.md
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import assistants
import everyday
import servers
from everyday import CLIENTS, WINDOW, Ask, Client, Run

from benchmarks.machine import machine
from benchmarks.render import Sheet, table, where
from classifiers.corpus import load_asks, near_duplicates

LIKENESS = 0.4
"""Share of words from which an ask counts as one of the corpus, as its own test has it of the suites."""
Told = Mapping[str, Mapping[str, Any]]
"""What the endpoint says of each ask alone, by the ask's name."""


def in_corpus(asks: Sequence[Ask]) -> list[str]:
    """Names of the asks that resemble one that the classifier was trained on."""
    texts = [ask.text for ask in load_asks()]
    alike = near_duplicates([*texts, *(ask.ask for ask in asks)], share=LIKENESS)
    return [asks[other - len(texts)].name for one, other in alike if one < len(texts) <= other]


def given(runs: Iterable[Run]) -> list[Client]:
    """The clients that have run."""
    names = {run.client for run in runs}
    return [client for client in CLIENTS if client.name in names]


def page(asks: Sequence[Ask], runs: Sequence[Run], alone: Told) -> str:
    sheets = (by_ask(asks, runs, alone), by_client(runs, alone), by_request(runs))
    return "\n\n".join((opening(runs, alone), *map(table, sheets), disagreements(runs), notes(asks))) + "\n"


def opening(runs: Sequence[Run], alone: Told) -> str:
    by = sorted({told["verdict"]["by"] for told in alone.values()})
    versions = ", ".join(f"{client.name} {client.version()}" for client in given(runs))
    return (
        "# Twenty everyday asks through real clients\n\n"
        f"Measured {datetime.now(UTC).date()} on {where(machine())}: {versions}.\n"
        f"An endpoint with its default settings (`balanced`, classifier `{'`, `'.join(by)}`); both tracks\n"
        f"are the scripted upstream, a local window of {WINDOW} tokens. Each client was given each ask\n"
        "once, in a project of thirty files of its own. Again:\n"
        "`.venv/bin/python tests/clients/everyday_page.py PAGE`; `make test-slow` holds the asks to the key."
    )


def by_ask(asks: Sequence[Ask], runs: Sequence[Run], alone: Told) -> Sheet:
    def row(ask: Ask) -> Iterator[str]:
        own = [run for run in runs if run.ask == ask]
        whys = dict.fromkeys(row["why"] for run in own for row in run.work)
        sure = sorted({f"{row['p_local']:.2f}" for run in own for row in run.work})
        yield from (f"`{ask.name}`: {ask.ask}", f"{ask.track}: {ask.reason}")
        yield marked(ask, (alone[ask.name]["decision"]["track"],))
        yield from (marked(ask, run.tracks) for run in own)
        yield from (" to ".join(dict.fromkeys((sure[0], sure[-1]))), "; ".join(whys))

    names = tuple(client.name for client in given(runs))
    return Sheet(
        title="Where each ask went (bold: not where a person would have sent it)",
        columns=("ask", "a person", "alone", *names, "p_local", "why"),
        rows=tuple(tuple(row(ask)) for ask in asks),
    )


def marked(ask: Ask, tracks: Iterable[str]) -> str:
    return ", ".join(track if ask.allows(track) else f"**{track}**" for track in tracks)


def by_client(runs: Sequence[Run], alone: Told) -> Sheet:
    def share(own: Iterable[Run]) -> str:
        right = [run.agrees for run in own]
        return f"{sum(right)} of {len(right)}"

    def row(client: Client) -> tuple[str, ...]:
        own = [run for run in runs if run.client == client.name]
        same = sum(run.tracks == (alone[run.ask.name]["decision"]["track"],) for run in own)
        return (
            client.name,
            *(share(run for run in own if run.ask.track == track) for track in ("local", "cloud", "either")),
            *(share(run for run in own if run.ask.needs == needs) for needs in ("message", "project")),
            f"{same} of {len(own)}",
        )

    return Sheet(
        title="Would a person agree?",
        columns=(
            *("client", "local", "cloud", "either", "needs nothing but the message", "needs the project"),
            "as alone",
        ),
        rows=tuple(row(client) for client in given(runs)),
    )


def by_request(runs: Sequence[Run]) -> Sheet:
    def held(row: Mapping[str, Any]) -> str:
        return "held" if row["held"] else "decided"

    sent = Counter(
        (run.client, row["dialect"], row["kind"], row["served_track"], row["rule"], held(row))
        for run in runs
        for row in run.rows
    )
    return Sheet(
        title="All requests",
        columns=("client", "dialect", "kind", "track", "rule", "how", "requests"),
        rows=tuple((*row, str(count)) for row, count in sorted(sent.items())),
    )


def disagreements(runs: Sequence[Run]) -> str:
    wrong: dict[Ask, list[Run]] = {}
    for run in runs:
        if not run.agrees:
            wrong.setdefault(run.ask, []).append(run)
    lines = [
        f"- `{ask.name}`, {ask.language}: a person would take {ask.track} ({ask.reason}). It went to "
        f"{' and '.join(own[0].tracks)} through {', '.join(run.client for run in own)}: "
        f"{own[0].work[0]['why']}."
        for ask, own in wrong.items()
    ]
    return "## Where a person would not agree\n\n" + ("\n".join(lines) or "Nowhere.")


def notes(asks: Sequence[Ask]) -> str:
    alike = ", ".join(f"`{name}`" for name in in_corpus(asks)) or "none"
    return NOTES.replace("LIKENESS", str(LIKENESS)).replace("ALIKE", alike)


NOTES = """\
## What is shown, and what not

- The key, `tests/clients/everyday.csv`, was made by hand before any run and not changed after, by
  somebody who had read the classifier's card. Twenty asks are few: one is 5% of a column. Each opens a
  conversation of its own; none goes on from another.
- Asks that resemble one of the classifier's corpus (a share of LIKENESS of the words): ALIKE.
- Nothing of an answer counts, only the track; whether a local model's answer would do is not shown. The
  upstream answers an ask that needs nothing but the message at once. For one that needs the project it
  has the client look into a file first; aider, which has no tools, is told of a file and adds it.
- `alone` is what `POST /v1/route` says of the ask without a client. All else is of the ledger's rows;
  `why` is what `x-turnout-why` says, too. Titles and the like, which a client asks for itself, count in
  the last table alone."""


def main() -> None:
    """Run all, and write the page to the path given, anew after each client."""
    if missing := assistants.missing(*(client.name for client in CLIENTS)):
        sys.exit(missing)
    (target,) = map(Path, sys.argv[1:])
    asks, runs = everyday.key(), []
    with tempfile.TemporaryDirectory() as name, servers.upstream() as upstream:
        local = {"local__url": f"{upstream.url}/v1", "local__context": WINDOW}
        with servers.endpoint(Path(name), cloud=upstream.url, **local) as endpoint:
            alone = {ask.name: everyday.bare(ask, endpoint) for ask in asks}
            for client in CLIENTS:
                for run in everyday.give_all(client, endpoint=endpoint, upstream=upstream, folder=Path(name)):
                    print(client.name, run.ask.name, *run.tracks, "" if run.agrees else "?", flush=True)  # noqa: T201
                    runs.append(run)
                target.write_text(page(asks, runs, alone), encoding="utf-8")


if __name__ == "__main__":
    main()
