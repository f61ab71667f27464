"""`turnout bench`: measurements, through the endpoint as it is."""

import typer

app = typer.Typer(help="Measure: what the endpoint adds, and what the tracks can do.", no_args_is_help=True)


@app.callback()
def options() -> None:
    """Measurements report what they ran on, and compare in one run."""
