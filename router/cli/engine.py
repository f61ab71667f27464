"""`turnout engine`: what computes the local model's answers on this machine."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer
from rich.markup import escape
from rich.table import Table

from router.cli.ledger import AsJson
from router.cli.render import make_console

if TYPE_CHECKING:
    from router.engine.build import Device, EngineBuild

app = typer.Typer(help="The local model's engine: what build of llama.cpp there is.", no_args_is_help=True)
_GIB = 2**30


@app.callback()
def options() -> None:
    """The engine is llama.cpp, compiled for this machine."""


@app.command("status")
def status(*, as_json: AsJson = False) -> None:
    """Show the build of llama.cpp: versions, kernels, cards, and whether its own server is there.

    Example: [bold]turnout engine status[/bold]
    """
    from router.engine.build import find_build

    build = find_build()
    if as_json:
        typer.echo(json.dumps(asdict(build), default=str))
    else:
        _show(build)


def _show(build: "EngineBuild") -> None:
    table = Table(show_header=False, box=None)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("llama.cpp", f"{build.llama}, of llama-cpp-python {build.package}")
    for backend, kernels in build.kernels.items():
        table.add_row(f"kernels, {backend}", " ".join(kernels))
    table.add_row("card", escape(_cards(build)))
    table.add_row("llama-server", escape(str(build.server or "not built; `make run` builds it")))
    make_console(highlight=False).print(table)


def _cards(build: "EngineBuild") -> str:
    if build.devices:
        return ", ".join(map(_card, build.devices))
    if build.offload:
        return "none is seen, though this build could use one; see that its driver is installed"
    return (
        "none: this build computes on the CPU; `make run GPU=cuda` (or metal, vulkan, hip) builds for a card"
    )


def _card(device: "Device") -> str:
    return f"{device.name}, {device.free / _GIB:.1f} of {device.total / _GIB:.1f} GiB free"
