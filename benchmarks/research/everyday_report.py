"""How decisions on labelled asks read: in a terminal and as Markdown. No text of an ask is shown."""

from collections.abc import Iterator

from rich.console import Console

from benchmarks.render import Sheet, report, table
from benchmarks.research.everyday import UNSTATED, Group, Result, Share

_TITLES = {
    "client": "By client",
    "kind": "By kind",
    "human": "By language",
    "code": "By programming language",
}


def render(result: Result, console: Console) -> None:
    """Print the tables and their notes."""
    report(console, _sheets(result), _notes(result))


def markdown(result: Result) -> str:
    """Return the tables as a page."""
    parts = [f"# Labelled asks, decided: {result.source}", *map(table, _sheets(result)), "## What is shown"]
    return "\n\n".join([*parts, "\n".join(f"- {line}" for line in _notes(result))]) + "\n"


def _sheets(result: Result) -> Iterator[Sheet]:
    yield _sheet("All asks: share on the right track (95% interval)", (result.total,))
    for field, title in _TITLES.items():
        groups = result.groups[field]
        if len(groups) > 1 or (field != "client" and groups[0].name != UNSTATED):
            yield _sheet(title, groups)


def _sheet(title: str, groups: tuple[Group, ...]) -> Sheet:
    return Sheet(
        title=title,
        columns=("", "all", "self-contained, stay local", "need the repository, go to the cloud"),
        rows=tuple(
            (group.name, *map(_share, (group.all, group.self_contained, group.repository)))
            for group in groups
        ),
    )


def _share(share: Share) -> str:
    if not share.of:
        return "-"
    return f"{share.right} of {share.of}, {share.right / share.of:.0%} ({share.low:.0%} to {share.high:.0%})"


def _placed(result: Result) -> str:
    if any(group.name == "goes-on" for group in result.groups["kind"]):
        return "Each ask comes after those before it in its session"
    return "Each ask is the first of its conversation"


def _notes(result: Result) -> Iterator[str]:
    yield (
        f"Measured {result.measured}: policy `{result.policy}`, classifier `{result.classifier}`, reading "
        f"`{result.reading}`. {_placed(result)}; both tracks up and idle, the local window unknown."
    )
    yield (
        "The label says whether all that an ask refers to stands in the message, or the answer needs the "
        "person's repository, files or running system. It does not say whether the local model's answer "
        "would be good."
    )
    clients = [group.name for group in result.groups["client"]]
    if len(clients) > 1:
        yield f"All tables but that of the clients are of the asks as {clients[0]} sends them."
    if result.left_out:
        yield f"{result.left_out} asks that are right on either track are left out."
    yield "Intervals are Wilson's, of asks by themselves; those of one kind resemble each other."
