"""`turnout classifier`: train the sufficiency classifier, and show what the shipped one reached."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer(help="The trained classifier: its card, and training it anew.", no_args_is_help=True)

DATA = Path("data")
OUT = Path("sufficiency.json")
HELD_OUT = "On held-out repositories and benchmarks"


@app.callback()
def options() -> None:
    """Trained on published outcomes; docs/classifier.md says where it does not work."""


@app.command()
def train(
    data: Annotated[Path, typer.Option(help="Folder with the outcomes; see docs/classifier.md.")] = DATA,
    out: Annotated[Path, typer.Option(help="File to write the trained numbers to.")] = OUT,
    picture: Annotated[
        Path | None, typer.Option(help="Write the calibration curve to this SVG file.")
    ] = None,
) -> None:
    """Train on outcomes, compare the candidates on held-out groups, and write the numbers.

    Example: [bold]turnout classifier train --data outcomes --out sufficiency.json[/bold]
    """
    from classifiers import train as training
    from router.cli.calibration import draw
    from router.cli.outcomes import rows
    from router.errors import Misconfigured

    if not out.parent.is_dir():
        raise Misconfigured(f"--out: there is no folder {out.parent}; make it first")
    console = Console()
    with Console(stderr=True).status("reading") as status:
        artefact, _ = training.train(rows(data, status.update), status.update)
    _show(dict(artefact.card), console)
    out.write_text(training.written(artefact), encoding="utf-8")
    if picture:
        picture.write_text(draw(artefact.card["calibration"]), encoding="utf-8")
    console.print(f"written: {out}")


@app.command()
def show(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show what the shipped classifier was trained on and what it reached on held-out rows.

    Example: [bold]turnout classifier show[/bold]
    """
    from classifiers.artefact import ArtefactRefused, shipped
    from router.errors import Misconfigured

    try:
        card = dict(shipped().card)
    except ArtefactRefused as error:
        raise Misconfigured(f"the shipped classifier: {error}") from error
    if as_json:
        typer.echo(json.dumps(card))
    else:
        _show(card, Console())


def _show(card: dict[str, Any], console: Console) -> None:
    sources = list(card["rows"])
    table = Table("source", "rows", "local suffices", title="Trained on", title_justify="left")
    for source in sources:
        table.add_row(source, str(card["rows"][source]), f"{card['share'][source]:.2f}")
    console.print(table)
    table = Table("candidate", "log-loss", "Brier", "AUC", title=HELD_OUT, title_justify="left")
    inside = Table("candidate", *sources, title="AUC inside each source", title_justify="left")
    for score in card["scores"]:
        style = "bold" if score["name"] == card["ships"] else ""
        numbers = (score["log_loss"], score["brier"], score["auc"])
        table.add_row(score["name"], *(f"{number:.3f}" for number in numbers), style=style)
        within = (score["within"][source] for source in sources)
        inside.add_row(score["name"], *(f"{number:.2f}" for number in within), style=style)
    console.print(table, inside, sep="\n")
    console.print(f"ships: [bold]{card['ships']}[/bold]; rows' hash {card['data']}")
