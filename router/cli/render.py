"""Renders explanations in a terminal."""

import sys
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

Json = dict[str, Any]
_COLOURS = {"local": "green", "cloud": "cyan"}


UNBOUNDED = 100_000
"""Columns where there is no terminal."""


def make_console(*, highlight: bool = True) -> Console:
    """A console for what a command prints: what is piped elsewhere is neither cut nor wrapped."""
    return Console(width=None if sys.stdout.isatty() else UNBOUNDED, highlight=highlight)


def escape_controls(text: str) -> str:
    """Spell out control characters, which a terminal would obey: text may quote untrusted input."""
    return "".join(
        character if character.isprintable() or character in "\n\t" else repr(character)[1:-1]
        for character in text
    )


def show_explanation(explanation: Json, console: Console) -> None:
    """Print the answer of `POST /v1/route`: the decision, the rules and what would change it."""
    decision, verdict = explanation["decision"], explanation["verdict"]
    colour = _COLOURS[decision["track"]]
    classifier_note = "" if verdict["why"] in decision["why"] else f": {verdict['why']}"
    console.print(
        f"[bold {colour}]{decision['track']}[/] by [bold]{escape(decision['rule'])}[/]: "
        f"{escape(decision['why'])}  [dim](policy {escape(explanation['policy'])}, "
        f"p_local {verdict['p_local']:.2f}{escape(classifier_note)})[/]"
    )
    if decision["refusal"]:
        console.print(f"[bold red]refused[/]: {escape(decision['refusal'])}")
    if explanation["privacy"]:
        console.print(_privacy(explanation["privacy"]))
    console.print(_rules(explanation["rules"], decision["rule"]))
    console.print(_features(explanation["features"]))
    if explanation["changes"]:
        console.print("[bold]What would change it[/]")
        for change in explanation["changes"]:
            console.print(escape(f"  {change['when']}  ->  {change['track']} ({change['rule']})"))


def _privacy(sightings: list[Json]) -> Table:
    title = "Matches of never_cloud, and where they are"
    table = Table("pattern", "where", "in", "words", title=title, title_justify="left")
    for item in sightings:
        table.add_row(*(escape(item[name]) for name in ("source", "where", "part", "text")))
    return table


def _rules(rules: list[Json], decided: str) -> Table:
    title = "Rules, in order; the first that holds decides"
    table = Table("rule", "holds", "because", title=title, title_justify="left")
    for rule in rules:
        style = "bold" if rule["rule"] == decided else "" if rule["matched"] else "dim"
        because = escape(rule["because"])
        table.add_row(escape(rule["rule"]), "yes" if rule["matched"] else "no", because, style=style)
    return table


def _features(features: Json) -> Table:
    table = Table("feature", "value", title="What was read (the rest is zero or empty)", title_justify="left")
    for name, value in features.items():
        if value not in (0, "", False, None):
            table.add_row(name, escape(str(value)))
    return table
