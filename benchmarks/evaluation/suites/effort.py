"""What a whole task takes: calls and tokens, estimated where nobody has published them per task.

- A self-contained task is one call: the prompt is counted, the answer is taken to be as long as the
  source's own solution.
- A repository task is many calls, and each sends the whole conversation again. 59 recorded runs tell
  how a conversation grows; they are scaled to the mean number of calls that was published for a
  system of that kind. So it is the same for every task of the suite.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import fmean

from benchmarks.evaluation.cases import Effort
from benchmarks.evaluation.suites.facts import RECORDED, read
from benchmarks.evaluation.suites.systems import Runs


def one_call(prompt: float, output: float) -> Effort:
    """Return the effort of a self-contained task: one call."""
    return Effort(calls=1, prompt=prompt, last_prompt=prompt, output=output, measured=False)


def agent_efforts(folder: Path = RECORDED) -> Mapping[Runs, Effort]:
    """The effort of an agent's task by track: recorded runs, as long as the published means."""
    runs, published = read("runs.csv", folder).rows, read("published.csv", folder).rows
    calls = {row["runs"]: float(row["calls"]) for row in published}
    return {"local": agent(runs, calls["local"]), "cloud": agent(runs, calls["cloud"])}


def last_prompt_growth(folder: Path = RECORDED) -> float:
    """A run's last prompt as a multiple of its mean one."""
    return fmean(
        float(row["last_prompt"]) * float(row["calls"]) / float(row["prompt"])
        for row in read("runs.csv", folder).rows
    )


def agent(runs: Iterable[Mapping[str, str]], calls: float) -> Effort:
    """The mean of the runs, each made as many times longer or shorter as brings their mean to `calls`.

    A prompt grows evenly from the first call's to the last's, so that a run's prompts together are a
    trapezium; that leaves out what a client compacts.
    """
    numbers = [{key: float(value) for key, value in run.items() if key != "task"} for run in runs]
    scale = calls / fmean(run["calls"] for run in numbers)
    scaled = []
    for run in numbers:
        growth = (run["last_prompt"] - run["first_prompt"]) / max(run["calls"] - 1, 1)
        length = run["calls"] * scale
        last = run["first_prompt"] + growth * (length - 1)
        scaled.append((length * (run["first_prompt"] + last) / 2, last, run["output"] * scale))
    prompt, last, output = (round(fmean(column)) for column in zip(*scaled, strict=True))
    return Effort(calls=calls, prompt=prompt, last_prompt=last, output=output, measured=False)
