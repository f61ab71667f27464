"""What was protected once stays so: over turns, agents, compaction, restarts, quotations and warm caches."""

import random
from dataclasses import dataclass

import httpx
import pytest
from judge import Fence
from scenarios import Scenario, scenarios


@dataclass(frozen=True, kw_only=True)
class Fault:
    scenario: str
    step: int
    fate: str
    why: str

    def __str__(self) -> str:
        return f"{self.scenario}, step {self.step}: must be one that {self.fate}: {self.why}"


def play(fence: Fence, every: list[Scenario]) -> list[Fault]:
    """Play each scenario as a team of its own; those that restart share one restart."""
    queue = [(number, at, item) for number, item in enumerate(every) for at in range(len(item.steps))]
    if any(map(restarts, every)):
        queue.sort(key=lambda entry: entry[1])
    faults, restarted = [], False
    fence.arrived()
    with httpx.Client(timeout=60, verify=False) as client:
        for number, at, scenario in queue:
            step = scenario.steps[at]
            if step.restart and not restarted:
                fence.restart()
                restarted = True
            headers = fence.headers(step.request, fence.keys[number % len(fence.keys)])
            answer = client.post(
                fence.url(step.request, step.endpoint), content=step.request.content, headers=headers
            )
            if (step.marker.encode() in fence.arrived()) is not (step.fate == "leaves"):
                why = f"{answer.status_code} {answer.headers.get('x-turnout-why', answer.text[:200])}"
                faults.append(Fault(scenario=scenario.name, step=at + 1, fate=step.fate, why=why))
    print("\n".join(map(str, faults)))
    return faults


def restarts(scenario: Scenario) -> bool:
    return any(step.restart for step in scenario.steps)


def test_a_sample_of_scenarios(fence):
    every = [scenario for scenario in scenarios("st") if not restarts(scenario)]
    assert play(fence, random.Random(3).sample(every, 40)) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_all_scenarios(fence):
    assert play(fence, [scenario for scenario in scenarios("sa") if not restarts(scenario)]) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_stayed_stays_after_a_restart(start_fence):
    assert play(start_fence(), [scenario for scenario in scenarios("sr") if restarts(scenario)]) == []
