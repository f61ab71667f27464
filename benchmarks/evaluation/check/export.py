"""A check for other programs: JSON, JUnit, and the proof beside the policy."""

from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.cases import SUITES
from benchmarks.evaluation.check.measure import figures
from benchmarks.evaluation.check.result import POOL, BarResult, Part, Result
from benchmarks.evaluation.stats import Interval
from benchmarks.json_values import plain
from policies.bars import split
from policies.load import find, proof_beside
from policies.proof import Figure, Proof


def values(result: Result) -> dict[str, Any]:
    """A result as JSON values; what has no meaning is null. `check.schema.json` describes it."""
    payload: dict[str, Any] = plain(asdict(result))
    return {"format": 1, **payload}


def junit(result: Result) -> bytes:
    """A test-suite for each suite and one for the pool, a test case for each bar."""
    root = ET.Element("testsuites", name="turnout policy check", time=f"{result.seconds:g}")
    for part in result.parts:
        bars = [bar for bar in result.bars if _of(bar, result.parts) == part.name]
        if not bars:
            continue
        fallen = sum(not bar.held for bar in bars)
        suite = ET.SubElement(
            root, "testsuite", name=part.title, tests=str(len(bars)), failures=str(fallen), errors="0"
        )
        for bar in bars:
            case = ET.SubElement(suite, "testcase", name=f"{bar.metric} {bar.bar}", classname=result.policy)
            if not bar.held:
                ET.SubElement(case, "failure", message=bar.words, type="bar")
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _of(bar: BarResult, parts: tuple[Part, ...]) -> str:
    """The suite that a bar is about; the pool, too, for one of a suite that was not given."""
    suite = split(bar.metric)[0]
    return suite if suite in {part.name for part in parts} else POOL


def publish(name_or_path: str, result: Result) -> Path:
    """Write a check's outcome beside the policy; `serve --require-check` reads it.

    Raises:
        BenchmarkError: it has no bars, or the file cannot be written.
    """
    if not result.bars:
        raise BenchmarkError(
            "--publish: the policy has no bars, so there is nothing to prove; add them under `check:`"
        )
    proof = Proof(
        policy=result.policy,
        digest=result.digest,
        passed=result.passed,
        bars={bar.metric: bar.bar for bar in result.bars},
        figures={name: _figure(figure) for name, figure in figures(result).items()},
        data=result.data,
        classifier=result.classifier,
        reading=result.reading,
        options={
            "mix": ",".join(f"{suite}={weight:g}" for suite, weight in result.mix.items()),
            "client": result.client,
            "local_context": str(result.local_context),
            "price_model": result.price_model,
            "seed": str(result.seed),
            **({"suites": ",".join(own)} if (own := _own_suites(result)) else {}),
        },
        checked=result.checked,
        version=result.version,
    )
    path = Path(proof_beside(find(name_or_path)[0]))
    try:
        path.write_text(proof.model_dump_json(indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise BenchmarkError(f"--publish: {path}: cannot be written: {error.strerror}") from error
    return path


def _own_suites(result: Result) -> list[str]:
    """The suites that are not shipped."""
    return [part.name for part in result.parts if part.name not in {*SUITES, POOL}]


def _figure(interval: Interval) -> Figure:
    point, low, high = (
        round(part, 4) if isfinite(part) else None for part in (interval.point, interval.low, interval.high)
    )
    return Figure(point=point, low=low, high=high)
