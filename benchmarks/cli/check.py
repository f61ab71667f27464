"""`turnout policy check`: hold a policy to its bars before it serves."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router.errors import Misconfigured

if TYPE_CHECKING:
    from benchmarks.cases import SuiteName
    from benchmarks.check.result import Options, Result


class Client(StrEnum):
    """Whose requests are recorded."""

    bare = "bare"
    claude_code = "claude-code"
    mini_swe_agent = "mini-swe-agent"
    aider = "aider"


class Classifier(StrEnum):
    """Whose verdicts the policy may see."""

    rules = "rules"
    sufficiency = "sufficiency"


FELL = 1
ROUNDING = 1e-6


def check(
    policy: Annotated[str, typer.Argument(help="A shipped policy's name or a YAML file.")] = "balanced",
    *,
    mix: Annotated[
        str, typer.Option(help="Share of the tasks by suite, e.g. humaneval=0.7,swebench=0.3; adds up to 1.")
    ] = "humaneval=0.5,swebench=0.5",
    client: Annotated[Client, typer.Option(help="In whose words the tasks are asked.")] = Client.bare,
    classifier: Annotated[
        Classifier, typer.Option(help="Whose verdicts the policy sees; the one that serves.")
    ] = Classifier.rules,
    compare: Annotated[
        list[Path] | None, typer.Option(help="Another router's decisions, a CSV of task,track; a row more.")
    ] = None,
    outcomes: Annotated[Path | None, typer.Option(help="Your own recorded outcomes, a CSV.")] = None,
    local: Annotated[str, typer.Option(help="The local system by suite, e.g. swebench=NAME.")] = "",
    cloud: Annotated[str, typer.Option(help="The cloud system by suite, likewise.")] = "",
    local_context: Annotated[
        int, typer.Option(min=0, help="The local window in tokens; 0 for unknown.")
    ] = 32768,
    price_model: Annotated[
        str, typer.Option(help="At whose price the cloud's tokens are counted.")
    ] = "claude-sonnet-4-5",
    local_usd_per_mtok: Annotated[
        float, typer.Option(min=0, help="US dollars per million tokens that the local model computes.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="What the resamples are drawn from.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    markdown: Annotated[Path | None, typer.Option(help="Write the tables to this file.")] = None,
    junit: Annotated[
        Path | None, typer.Option(help="Write a JUnit report, a test case for each bar.")
    ] = None,
    publish: Annotated[
        bool,
        typer.Option("--publish", help="Keep the outcome beside the policy, for `serve --require-check`."),
    ] = False,
) -> None:
    """Hold a policy to its bars on HumanEval and SWE-bench Verified; exit code 1 where one falls.

    Example: [bold]turnout policy check my-policy.yaml --mix humaneval=0.7,swebench=0.3[/bold]
    """
    from benchmarks.check.result import Options
    from benchmarks.process import BenchmarkError

    options = Options(
        mix=_mix(mix),
        client=client.value,
        classifier=classifier.value,
        local_context=local_context,
        price_model=price_model,
        local_usd_per_mtok=local_usd_per_mtok,
        seed=seed,
        local=_pairs("--local", local),
        cloud=_pairs("--cloud", cloud),
        outcomes=outcomes,
    )
    try:
        result = _checked(policy, options, compare or [])
        _tell(result, as_json=as_json)
        _keep(policy, result, markdown=markdown, junit=junit, publish=publish)
    except BenchmarkError as error:
        raise Misconfigured(str(error)) from error
    if not result.passed:
        raise typer.Exit(FELL)


def _checked(policy: str, options: "Options", compare: list[Path]) -> "Result":
    from rich.console import Console

    from benchmarks.check.decisions import load as decisions
    from benchmarks.check.measure import check as measure
    from benchmarks.check.measure import tasks
    from policies.load import load

    loaded = load(policy)
    known = tasks() if compare else frozenset()
    compared = {file.stem: decisions(file, known) for file in compare}
    with Console(stderr=True).status("checking"):
        return measure(loaded, options, compared)


def _tell(result: "Result", *, as_json: bool) -> None:
    import json

    from rich.console import Console

    from benchmarks.check.export import values
    from benchmarks.check.report import render

    if as_json:
        typer.echo(json.dumps(values(result), allow_nan=False))
    else:
        render(result, Console())


def _keep(policy: str, result: "Result", *, markdown: Path | None, junit: Path | None, publish: bool) -> None:
    from benchmarks.check import export as check_export
    from benchmarks.check import report as check_report

    if markdown:
        _write("--markdown", markdown, check_report.markdown(result).encode())
    if junit:
        _write("--junit", junit, check_export.junit(result))
    if publish:
        path = check_export.publish(policy, result)
        typer.echo(f"kept in {path}", err=True)


def _write(flag: str, file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        raise Misconfigured(f"{flag}: {file}: cannot be written: {error.strerror}") from error


def _mix(text: str) -> "dict[SuiteName, float]":
    pairs = _pairs("--mix", text)
    try:
        weights = {suite: float(share) for suite, share in pairs.items()}
    except ValueError as error:
        raise Misconfigured(
            f"--mix: {text!r}: a share is a number, such as humaneval=0.7,swebench=0.3"
        ) from error
    if any(not 0 <= share <= 1 for share in weights.values()) or abs(sum(weights.values()) - 1) > ROUNDING:
        raise Misconfigured(f"--mix: {text!r}: shares are between 0 and 1 and add up to 1")
    return weights


def _pairs(flag: str, text: str) -> "dict[SuiteName, str]":
    """Read `suite=value,suite=value`."""
    from benchmarks.cases import SUITES
    from policies.conditions import nearest

    found: dict[SuiteName, str] = {}
    for part in filter(None, text.split(",")):
        given, equals, value = (piece.strip() for piece in part.partition("="))
        suite = next((name for name in SUITES if name == given), None)
        if suite is None:
            raise Misconfigured(f"{flag}: no suite is called {given!r}{nearest(given, list(SUITES))}")
        if not equals or not value:
            raise Misconfigured(f"{flag}: {part!r} is not SUITE=VALUE")
        if suite in found:
            raise Misconfigured(f"{flag}: {suite} is said twice")
        found[suite] = value
    return found
