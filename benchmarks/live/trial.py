"""An answer on trial: it and its tests run in two sandboxes, see `benchmarks.live.exam`."""

import secrets
from pathlib import Path

from benchmarks.evaluation.suites.problem import Trial
from benchmarks.live import exam
from benchmarks.live.sandbox import Limits, Pipes, ProgramResult, Sandbox


def judge(sandbox: Sandbox, trial: Trial, limits: Limits | None = None) -> ProgramResult:
    """Run an answer's tests; it passed only where all of them are through.

    Raises:
        SandboxError: nothing was even started.
    """
    text = Path(exam.__file__).read_text(encoding="utf-8")
    pipes = Pipes.make()
    proof = secrets.token_hex()
    tests = {"entry": trial.entry, "stub": trial.stub, "tests": trial.tests, "pipes": pipes.program}
    answer = {"source": trial.answer, "pipes": pipes.other}
    return sandbox.run_beside(
        f"{text}\n\nexamine(**{tests | {'proof': proof}!r})\n",
        f"{text}\n\nserve(**{answer!r})\n",
        limits or Limits(),
        pipes=pipes,
        proof=proof,
    )
