"""How an answer becomes a program, and what a client sends."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from benchmarks.evaluation.suites import humaneval, swebench
from benchmarks.evaluation.suites.problem import CLIENTS, Problem, completed, request
from benchmarks.live.sandbox import find
from benchmarks.live.trial import judge
from classifiers.rules import RuleClassifier
from router.accounts.teams import NOBODY
from router.features.extractor import FeatureExtractor
from router.types import ModelRequest

ADD = Problem(
    id="t/0",
    suite="humaneval",
    group="t",
    ask="",
    solution="",
    entry="add",
    stub="from typing import List\n\n\ndef one() -> int:\n    return 1\n\n\n"
    'def add(x: int) -> int:\n    """Adds."""\n',
    tests="def check(f):\n    assert f(1) == 2\n    assert f(-1) == 0\n\ncheck(add)\n",
)


def passes(problem, answer):
    return judge(find(unsafe=True), problem.trial(answer)).passed


RIGHT = {
    "body": "    return x + 1\n",
    "body without indentation": "return x + 1",
    "body, then the model goes on": "    return x + 1\n\nThis adds one to x, doesn't it?\n",
    "body in a fence": "```python\n    return x + 1\n```",
    "whole function": "def add(x: int) -> int:\n    return x + 1\n",
    "a function in a fence": "Sure:\n\n```python\ndef add(x):\n    return x + 1\n```\nIt works.",
    "fence never closed": "```python\ndef add(x):\n    return x + 1\n",
    "tildes": "~~~\ndef add(x):\n    return x + 1\n~~~\n",
    "second block has it": "```sh\npip install x\n```\n```python\ndef add(x):\n    return x + 1\n```",
    "an example after it": "```python\ndef add(x):\n    return x + 1\n```\n```python\nprint(add(1))\n```",
    "words before, no fence": "Here is the function:\n\ndef add(x):\n    return x + 1\n\nHope this helps!",
    "uses a helper of the stub": "```python\ndef add(x):\n    return x + one()\n```",
    "uses the stub's import": "```python\ndef add(x: List) -> int:\n    return x + 1\n```",
    "a constant before it": "STEP = 1\n\ndef add(x):\n    return x + STEP\n",
    "windows line ends": "```python\r\ndef add(x):\r\n    return x + 1\r\n```\r\n",
    "a main block that fails": "def add(x):\n    return x + 1\n\nif __name__ == '__main__':\n    1 / 0\n",
    "a dataclass": "from dataclasses import dataclass\n\n@dataclass\nclass N:\n    v: 'int'\n\n"
    "def add(x):\n    return N(x + 1).v\n",
    "an escape that warns": "def add(x):\n    '\\d'\n    return x + 1\n",
    "a thread left behind": "import threading, time\n\ndef add(x):\n"
    "    threading.Thread(target=time.sleep, args=(600,)).start()\n    return x + 1\n",
}
WRONG = {
    "nothing": "",
    "only words": "I cannot do that.",
    "another function": "```python\ndef sub(x):\n    return x - 1\n```",
    "a wrong result": "    return x + 2\n",
    "right once": "    return 2\n",
    "an exit at once": "import sys\nsys.exit(0)\n\ndef add(x):\n    return x + 1\n",
    "an exit in the function": "def add(x):\n    raise SystemExit(0)\n",
    "null bytes": "```python\ndef add(x):\n    return x + 1 \0\n```",
    "no Python": "```python\ndef add(x) {\n    return x + 1;\n}\n```",
    "deep nesting": f"```python\ndef add(x):\n    return {'(' * 5000}x{')' * 5000}\n```",
}


@pytest.fixture(scope="module")
def ran():
    answers = {**RIGHT, **WRONG}
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(answers, pool.map(lambda answer: passes(ADD, answer), answers.values()), strict=True))


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_answer_passes_however_it_is_written(name, ran):
    assert ran[name]


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_does_not_pass(name, ran):
    assert not ran[name]


def test_python_alone_is_kept_of_an_answer():
    assert completed("    return x\n\nSo much for that: it's done.", stub="def f(x):\n", entry="f") == (
        "def f(x):\n    return x\n\n"
    )


def test_humaneval_is_whole():
    problems = list(humaneval.problems())
    assert [problem.id for problem in problems] == [f"HumanEval/{n}" for n in range(164)]
    assert all(problem.ask == problem.stub and f"def {problem.entry}(" in problem.ask for problem in problems)


def test_an_answer_to_an_issue_cannot_be_run_here(recorded_data):
    problems = list(swebench.problems(recorded_data / "swebench_verified/instances.jsonl.gz"))
    assert (len(problems), len({problem.group for problem in problems})) in {(500, 12), (18, 2)}
    assert problems[0].trial("diff --git a/x b/x") is None


@pytest.mark.parametrize("client", CLIENTS)
def test_each_client_asks_the_same_in_its_own_way(client):
    problem = replace(ADD, ask="Write a function that adds one to `x`.")
    dialect, headers, body = request(problem, client, model="local")
    assert json.loads(body)["model"] == "local"
    features = FeatureExtractor(count_bytes=1 << 20).read(
        ModelRequest(
            id="r",
            account=NOBODY,
            dialect=dialect,
            operation="generate",
            client="",
            model="local",
            stream=False,
            body=body,
            headers=headers,
        )
    )
    assert (features.ask, features.kind, features.turns) == (problem.ask, "ask", 1)
    assert RuleClassifier().classify(features).kind == "self-contained"


def test_a_client_that_nobody_knows():
    with pytest.raises(ValueError, match="'emacs' is not known: choose one of bare, claude-code"):
        request(ADD, "emacs")
