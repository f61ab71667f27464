"""`turnout policy check`: hold a policy to its bars before it serves."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmarks.cli.options import (
    AsJson,
    AskedAs,
    Client,
    CloudSystem,
    Judge,
    JudgeFile,
    LocalContext,
    LocalSystem,
    LocalUsd,
    Markdown,
    Outcomes,
    OwnSuite,
    Policy,
    PriceModel,
    Seed,
)
from benchmarks.cli.plain import plain_errors
from benchmarks.evaluation.cases import LOCAL_CONTEXT, PRICE_MODEL
from classifiers.choose import DEFAULT as DEFAULT_CLASSIFIER
from router.errors import Misconfigured

if TYPE_CHECKING:
    from benchmarks.evaluation.check.result import Options, Result


FELL = 1


def check(
    policy: Policy = "balanced",
    *,
    mix: Annotated[
        str,
        typer.Option(
            help="Share of the tasks by suite, e.g. humaneval=0.7,swebench=0.3.",
            show_default="humaneval=1,swebench=1",
        ),
    ] = "",
    client: AskedAs = Client.bare,
    classifier: Judge = DEFAULT_CLASSIFIER,
    classifier_file: JudgeFile = "",
    compare: Annotated[
        list[Path] | None, typer.Option(help="Another router's decisions, a CSV of task,track; a row more.")
    ] = None,
    outcomes: Outcomes = None,
    suite: OwnSuite = None,
    local: LocalSystem = None,
    cloud: CloudSystem = None,
    local_context: LocalContext = LOCAL_CONTEXT,
    price_model: PriceModel = PRICE_MODEL,
    local_usd_per_mtok: LocalUsd = 0.0,
    seed: Seed = 0,
    as_json: AsJson = False,
    markdown: Markdown = None,
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
    from benchmarks.evaluation import traffic
    from benchmarks.evaluation.check.result import Options
    from benchmarks.evaluation.selection import Selection, parse

    with plain_errors():
        own = Selection(suite=suite).own_suite
        systems = {"local": parse("--local", local or ()), "cloud": parse("--cloud", cloud or ())}
    options = Options(
        mix=traffic.parse(mix, own).mix,
        client=client.value,
        classifier=classifier,
        classifier_file=classifier_file,
        local_context=local_context,
        price_model=price_model,
        local_usd_per_mtok=local_usd_per_mtok,
        seed=seed,
        local=systems["local"],
        cloud=systems["cloud"],
        outcomes=outcomes,
        suite=suite,
    )
    with plain_errors():
        result = _run_check(policy, options, compare or [])
        _print_result(result, as_json=as_json)
        _write_reports(policy, result, markdown=markdown, junit=junit, publish=publish)
    if not result.passed:
        raise typer.Exit(FELL)


def _run_check(policy: str, options: "Options", compare: list[Path]) -> "Result":
    from rich.console import Console

    from benchmarks.evaluation.check.decisions import load as decisions
    from benchmarks.evaluation.check.measure import check as measure
    from benchmarks.evaluation.check.measure import tasks
    from policies.load import load

    loaded = load(policy)
    names = tasks() if compare else frozenset()
    compared = {file.stem: decisions(file, names) for file in compare}
    with Console(stderr=True).status("checking"):
        return measure(loaded, options, compared)


def _print_result(result: "Result", *, as_json: bool) -> None:
    import json

    from benchmarks.evaluation.check.export import values
    from benchmarks.evaluation.check.report import render

    if as_json:
        typer.echo(json.dumps(values(result), allow_nan=False))
    else:
        from router.cli.render import make_console

        render(result, make_console())


def _write_reports(
    policy: str, result: "Result", *, markdown: Path | None, junit: Path | None, publish: bool
) -> None:
    from benchmarks.evaluation.check import export as check_export
    from benchmarks.evaluation.check import report as check_report

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
