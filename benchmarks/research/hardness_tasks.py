"""Self-contained tasks with published outcomes of open models, by how large these models are.

- A task's rate in a size class is the mean over the class's models; its ask is the source's own text,
  which is read and not kept.
- Left out: hybrid-arena's edits and scripts, of which its local model failed all eight, so that nothing is
  ordered; and BigCodeBench-Hard, whose texts are not at hand.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from types import MappingProxyType
from typing import Literal, get_args

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.suites import arena, facts, humaneval, mbpp, outcomes

SizeClass = Literal["below 1B", "3B", "7B", "14B", "32B", "larger"]
SIZE_CLASSES: tuple[SizeClass, ...] = get_args(SizeClass)
_BOUNDS: Mapping[SizeClass, float] = MappingProxyType(
    {"below 1B": 1, "3B": 5, "7B": 10, "14B": 18, "32B": 40}
)
"""Billions of parameters below which a model is of the class; `larger` has no bound."""
PARAMETERS: Mapping[str, float] = MappingProxyType(
    {
        "HuggingFaceTB/SmolLM2-135M-Instruct": 0.135,
        "deepseek-ai/deepseek-coder-6.7b-instruct": 6.7,
        "ise-uiuc/Magicoder-S-DS-6.7B": 6.7,
        "Qwen/CodeQwen1.5-7B-Chat": 7.3,
        "Qwen/Qwen2.5-7B-Instruct": 7.6,
        "infly/OpenCoder-8B-Instruct": 7.8,
        "meta-llama/Llama-3.1-8B-Instruct": 8,
        "meta-llama/Meta-Llama-3-8B-Instruct": 8,
        "01-ai/Yi-Coder-9B-Chat": 8.8,
        "google/gemma-2-9b-it": 9.2,
        "mistralai/Mistral-Nemo-Instruct-2407": 12.2,
        "microsoft/Phi-3-medium-4k-instruct": 14,
        "Qwen/Qwen2.5-14B-Instruct": 14.8,
        "deepseek-ai/DeepSeek-Coder-V2-Lite-Instruct": 15.7,
        "mistralai/Codestral-22B-v0.1": 22.2,
        "mistralai/Mistral-Small-Instruct-2409": 22.2,
        "devstral:24b": 23.6,
        "qwen3.6:27b-coding-mxfp8": 27,
        "google/gemma-2-27b-it": 27.2,
        "Qwen/QwQ-32B-Preview": 32.8,
        "Qwen/Qwen2.5-32B-Instruct": 32.8,
        "deepseek-ai/deepseek-coder-33b-instruct": 33.3,
        "meta-llama/Llama-3.1-70B-Instruct": 70.6,
        "nvidia/Llama-3.1-Nemotron-70B-Instruct-HF": 70.6,
        "Qwen/Qwen2.5-72B-Instruct": 72.7,
        "mistralai/Mistral-Large-Instruct-2407": 122.6,
        "deepseek-chat-v2.5": 236,
        "deepseek-coder (API 2024-08, V2 236B)": 236,
        "deepseek-chat-v3": 671,
    }
)
"""Billions in all, of the models whose weights are published; the others' outcomes are not read."""
CLOUD = "claude-3-5-sonnet-20240620"
MBPP = "self_contained/mbpp.jsonl.gz"
DEMO = Path(__file__).parents[1] / "results" / "humaneval-smollm2.csv"
"""Measured with the model that comes with the package."""

Rates = Mapping[SizeClass, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task, its text, and how often models pass it."""

    id: str
    benchmark: str
    """Held out as one."""
    source: str
    """Whose outcomes they are: rates are compared among the tasks of one source only."""
    ask: str
    rates: Rates
    """Share of answers that pass, 0..1, by size class."""
    cloud: float | None = None
    """The same of Claude 3.5 Sonnet; None where nobody published it."""


def size_class(parameters: float) -> SizeClass:
    """The class of a model by its parameters, in billions."""
    return next((name for name, bound in _BOUNDS.items() if parameters < bound), "larger")


def load(data: Path) -> list[Task]:
    """All tasks.

    Args:
        data: The folder that has `self_contained/mbpp.jsonl.gz`; the other texts come with a package.

    Raises:
        BenchmarkError: the texts or recorded outcomes cannot be read.
    """
    file = data / MBPP
    if not file.is_file():
        raise BenchmarkError(f"--data: there is no {file}")
    functions = {problem.id: problem.ask for problem in humaneval.problems()}
    programs = {problem.id: problem.ask for problem in mbpp.problems(file)}
    return [
        *_evalperf(functions | programs),
        *_arena(functions),
        *_exercism(),
        *_demo(functions),
    ]


def _evalperf(asks: Mapping[str, str]) -> Iterator[Task]:
    for row in facts.read("evalperf.csv").rows:
        benchmark = "HumanEval" if row["task"].startswith("HumanEval/") else "MBPP"
        yield Task(
            id=row["task"],
            benchmark=benchmark,
            source=f"EvalPerf, {benchmark}+",
            ask=asks[row["task"]],
            rates=_rates((name, float(value)) for name, value in row.items() if name in PARAMETERS),
            cloud=float(row[CLOUD]),
        )


def _arena(asks: Mapping[str, str]) -> Iterator[Task]:
    passed: dict[str, list[tuple[str, float]]] = {}
    for row in facts.read(arena.FILE).rows:
        if row["category"] == arena.FUNCTIONS and row["strategy"] == "always-local" and row["passed"]:
            passed.setdefault(row["task"], []).append((row["local"], float(row["passed"])))
    for task, results in passed.items():
        name = task.rpartition("/")[2].replace("_", "/")
        yield Task(
            id=f"arena/{name}",
            benchmark="HumanEval",
            source="hybrid-arena, HumanEval+",
            ask=asks[name],
            rates=_rates(results),
        )


def _exercism() -> Iterator[Task]:
    for row in facts.read("exercism.csv").rows:
        words = row["task"].replace("-", " ").replace("_", " ")
        if any(row[name] for name in row if name in PARAMETERS):
            yield Task(
                id=f"exercism/{row['task']}",
                benchmark="Exercism",
                source="Exercism, by name",
                ask=f"Implement {words} in Python.",
                rates=_rates((name, float(value)) for name, value in row.items() if name in PARAMETERS),
                cloud=float(row[CLOUD]) if row[CLOUD] else None,
            )


def _demo(asks: Mapping[str, str]) -> Iterator[Task]:
    for outcome in outcomes.load(DEMO, asks):
        yield Task(
            id=f"demo/{outcome.task}",
            benchmark="HumanEval",
            source="measured here, HumanEval",
            ask=asks[outcome.task],
            rates=_rates([(f"HuggingFaceTB/{outcome.system}", outcome.passed)]),
        )


def _rates(results: Iterable[tuple[str, float]]) -> Rates:
    by_class: dict[SizeClass, dict[str, list[float]]] = {}
    for model, passed in results:
        by_class.setdefault(size_class(PARAMETERS[model]), {}).setdefault(model, []).append(passed)
    return {name: fmean(map(fmean, models.values())) for name, models in by_class.items()}
