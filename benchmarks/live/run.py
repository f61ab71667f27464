"""A suite asked live: every task through the running endpoint, every answer run in the sandbox.

- The endpoint is spoken to as any client does, in OpenAI chat, streamed; its headers say who served.
- A wrong answer and no answer are two things: what could not be asked or scored is counted apart and
  asked again by the next run with the same file.
"""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.suites.problem import Problem, Trial, request
from benchmarks.live.answers import Answer, Failure, Run, keep, open_run, read_run
from benchmarks.live.chat import NoAnswer, Refused, ask, greet, open_session
from benchmarks.live.sandbox import Limits, Sandbox, SandboxError
from benchmarks.live.trial import judge
from router.billing.prices import Prices

OnResult = Callable[[Answer | Failure], None]

_IN_A_ROW = 8
"""So many failures one after the other mean that the endpoint is gone, not that a task is hard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What makes two runs comparable; kept in the run's file."""

    suite: str
    track: str
    """The model name that is asked for: `local`, `cloud` or `auto`."""
    max_tokens: int
    temperature: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to ask, where, and how much at once."""

    settings: Settings
    problems: Sequence[Problem]
    samples: int
    concurrency: int
    url: str
    """Of the endpoint, without `/v1`."""
    key: str
    out: Path
    timeout_s: float = 1800
    """For one answer."""


async def run(plan: Plan, sandbox: Sandbox, on_result: OnResult) -> Run:
    """Ask what the file does not hold yet.

    Args:
        plan: What to ask.
        sandbox: Runs the answers.
        on_result: Is called with each answer and each failure.

    Returns:
        All that the file holds now.

    Raises:
        Refused: nothing answers at the address, or the key is not good.
        BenchmarkError: the file holds another run.
    """
    before = open_run(plan.out, asdict(plan.settings))
    done = {(answer.task, answer.sample) for answer in before.answers}
    todo = [(p, n) for n in range(plan.samples) for p in plan.problems if (p.id, n) not in done]
    async with open_session(plan.key, plan.timeout_s) as session:
        await greet(session, plan.url)
        workers = _Workers(plan=plan, sandbox=sandbox, session=session, on_result=on_result)
        await workers.work(todo)
    return read_run(plan.out)


class _Workers:
    """Asks and scores, so many at once."""

    def __init__(
        self, *, plan: Plan, sandbox: Sandbox, session: aiohttp.ClientSession, on_result: OnResult
    ) -> None:
        self._plan = plan
        self._sandbox = sandbox
        self._session = session
        self._on_result = on_result
        self._prices = Prices()
        self._failed_in_a_row = 0

    async def work(self, todo: Sequence[tuple[Problem, int]]) -> None:
        """Go through all of it."""
        left = iter(todo)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._plan.concurrency):
                    group.create_task(self._answer_in_turn(left))
        except* BenchmarkError as several:
            raise several.exceptions[0] from several

    async def _answer_in_turn(self, left: Iterator[tuple[Problem, int]]) -> None:
        for problem, sample in left:
            result = await self._ask_and_score(problem, sample)
            keep(self._plan.out, result)
            self._on_result(result)
            self._failed_in_a_row = self._failed_in_a_row + 1 if isinstance(result, Failure) else 0
            if isinstance(result, Failure) and self._failed_in_a_row >= _IN_A_ROW:
                raise Refused(
                    f"{_IN_A_ROW} tasks in a row got no answer, the last one: {result.error}. "
                    "The same command goes on from here."
                )

    async def _ask_and_score(self, problem: Problem, sample: int) -> Answer | Failure:
        try:
            reply = await ask(self._session, self._plan.url, self._body(problem))
            trial = _trial(problem, reply.text)
            # A generous clock: what decides is the time on the CPU, which a busy machine does not spend.
            ran = await asyncio.to_thread(judge, self._sandbox, trial, Limits(wall_s=30))
        except (NoAnswer, SandboxError) as error:
            return Failure(task=problem.id, sample=sample, error=str(error))
        cloud = reply.track == "cloud"
        return Answer(
            task=problem.id,
            sample=sample,
            passed=ran.passed,
            ended=ran.ended,
            why=ran.why,
            track=reply.track,
            model=reply.model,
            escalated=reply.escalated,
            prompt=reply.usage.prompt,
            output=reply.usage.output,
            usd=self._prices.cost(reply.model, reply.usage) if cloud else None,
            first_byte_s=round(reply.first_byte_s, 4),
            seconds=round(reply.seconds, 4),
            text=reply.text,
        )

    def _body(self, problem: Problem) -> dict[str, Any]:
        settings = self._plan.settings
        _, _, body = request(problem, "bare", model=settings.track)
        return {
            **json.loads(body),
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": settings.max_tokens,
            "temperature": settings.temperature,
        }


def _trial(problem: Problem, text: str) -> Trial:
    trial = problem.trial(text)
    if trial is None:
        raise NoAnswer(f"answers of {problem.suite} cannot be run here")
    return trial
