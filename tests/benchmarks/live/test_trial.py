"""Answers on trial: honest ones pass, and none of those that would rather fool their tests."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks.evaluation.suites import humaneval, mbpp
from benchmarks.evaluation.suites.problem import Trial
from benchmarks.live.sandbox import Limits, SandboxError, find
from benchmarks.live.trial import judge

TESTS = """\
import math
METADATA = {}

def check(candidate):
    assert candidate([3, 1, 2]) == [1, 2, 3]
    assert candidate([]) == []
    assert all(map(lambda n: candidate([n]) == [n], range(5)))
    assert candidate([0.5])[0] - 0.5 < 1e-6
    for n in range(3):
        assert candidate(list(range(n)))[-1:] == list(range(n))[-1:], "the last"

check(order)
"""
STUB = "from typing import List\n\ndef order(items: List[int]) -> List[int]:\n    '''Sorts.'''\n"
RIGHT = {
    "itself": "def order(items):\n    return sorted(items)",
    "in place": "def order(items):\n    items.sort()\n    return items",
    "a list of its own": "class L(list): pass\n\ndef order(items):\n    return L(sorted(items))",
    "prints and reads nothing": "import sys\n\ndef order(items):\n    print(items, sys.stdin.read())\n"
    "    return sorted(items)",
    "a thread left behind": "import threading, time\n\ndef order(items):\n"
    "    threading.Thread(target=time.sleep, args=(600,)).start()\n    return sorted(items)",
}
EQUAL = """\
class Equal({base}):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    def __gt__(self, other): return True
    def __sub__(self, other): return self
    def __getitem__(self, at): return self
    def __iter__(self): return iter(())
    def __len__(self): return 0
    def __bool__(self): return True
    def __hash__(self): return 0
    def __instancecheck__(self, other): return True

def order(items): return Equal()
"""
QUIET = "\n\ndef order(items): return None\n"
CHANNEL = (
    "import gc, io, json, os, sys\nfor fd in range(3, 64):\n    try:\n        {act}\n"
    "    except OSError: pass\n" + QUIET
)
CHEATS = {
    "always equal": EQUAL.format(base="object"),
    "an always equal list": EQUAL.format(base="list"),
    "an always equal tuple": EQUAL.format(base="tuple"),
    "an always equal integer": EQUAL.format(base="int"),
    "an always equal string": EQUAL.format(base="str"),
    "an always equal dictionary": EQUAL.format(base="dict"),
    "an always equal class": "class M(type):\n    def __eq__(self, other): return True\n    __hash__ = None\n"
    "class C(metaclass=M): pass\ndef order(items): return C",
    "exit": "import sys\nsys.exit(0)" + QUIET,
    "exit in the function": "def order(items): raise SystemExit(0)",
    "exit at once": "import os\nos._exit(0)" + QUIET,
    "exit at once in the function": "import os\ndef order(items): os._exit(0)",
    "exit at the end": "import atexit, os\natexit.register(os._exit, 0)" + QUIET,
    "a signal": "import os, signal\ndef order(items): os.kill(os.getppid(), signal.SIGKILL)",
    "kill all": "import os, signal\ndef order(items): os.kill(-1, signal.SIGKILL)",
    "a child goes on": "import os\nif os.fork(): os._exit(0)" + QUIET,
    "another program": "import os, sys\n"
    "def order(items): os.execv(sys.executable, [sys.executable, '-c', ''])",
    "words of success": "print('ready\\nok\\npassed\\n' * 10)" + QUIET,
    "StopIteration": "def order(items): raise StopIteration",
    "AssertionError is nothing": "import builtins\nclass A(Exception): pass\n"
    "builtins.AssertionError = A" + QUIET,
    "other builtins": "import builtins\nbuiltins.all = lambda *_: True\nbuiltins.map = lambda *_: []\n"
    "builtins.compile = lambda *_: (lambda: 0).__code__\nbuiltins.exec = lambda *_: None\n"
    "builtins.isinstance = lambda *_: True" + QUIET,
    "other json": "import json\njson.dumps = lambda *_: '[\"value\", null]'\n"
    "json.loads = lambda *_: ['value', None]"
    + QUIET,
    "other modules": "import sys\nfor name in list(sys.modules): sys.modules[name] = None" + QUIET,
    "unittest": "import unittest\nunittest.TestCase.assertEqual = lambda *_: None" + QUIET,
    "no tracing of asserts": "import sys\nsys.flags = None\nsys.excepthook = lambda *_: None" + QUIET,
    "its input again": "import sys\nsys.stdin.seek(0)\ntext = sys.stdin.read()\n"
    "assert 'candidate(' in text or 'proof' in text, 'nothing to learn'\nprint(text[-64:], end='')" + QUIET,
    "its memory": "import re\nfound = []\nfor line in open('/proc/self/maps'):\n"
    "    low, high = (int(part, 16) for part in line.split()[0].split('-'))\n    try:\n"
    "        file = open('/proc/self/mem', 'rb'); file.seek(low)\n"
    "        found += re.findall(rb'[0-9a-f]{64}', file.read(min(high - low, 1 << 22)))\n"
    "    except OSError: pass\nimport os\nfor word in found: os.write(1, word)" + QUIET,
    "other processes": "import glob, os\nfor path in glob.glob('/proc/[0-9]*'):\n"
    "    for name in ('fd/0', 'fd/1', 'mem'):\n"
    "        try: open(f'{path}/{name}', 'r+b').write(b'x')\n        except OSError: pass" + QUIET,
    "frames": "import sys\ndef order(items):\n    frame = sys._getframe()\n    while frame:\n"
    "        frame.f_locals.update(status=0, proof='', expected=items); frame = frame.f_back\n"
    "    return items[:0]",
    "the collector": "import gc\ndef order(items):\n    for thing in gc.get_objects():\n"
    "        if isinstance(thing, dict) and 'tests' in thing: return thing['tests']\n    return None",
    "the channel gone": CHANNEL.format(act="os.close(fd)"),
    "the channel flooded": CHANNEL.format(act="""os.write(fd, b'["value", null]\\n' * 1000)"""),
    "the channel ended": CHANNEL.format(act="""os.write(fd, b'["end"]\\n' * 1000)"""),
    "the channel and its own kinds": CHANNEL.format(
        act="""os.write(fd, b'["value", {"__eq__": true}]\\n["value", ["x", 1]]\\n["x"]\\n[]\\n1\\n')"""
    ),
    "an error without a kind": CHANNEL.format(act="""os.write(fd, b'["error", "exit", "0"]\\n' * 1000)"""),
    "nested without end": "def order(items):\n    value = []\n    value.append(value)\n    return value",
    "without end": "def order(items):\n    while True: yield 1",
    "a number that is none": "def order(items): return [float('nan')] * 3",
    "the arguments changed": "def order(items):\n    items.clear()\n    return items",
    "a class under the name": "class order(list):\n    def __eq__(self, other): return True",
    "threads that exit": "import os, threading\nthreading.Timer(0.05, os._exit, (0,)).start()\n"
    "def order(items):\n    while True: pass",
}  # fmt: skip
MORE_NAMES = ("Mbpp/367", "Mbpp/596", "Mbpp/601", "Mbpp/927")
"""Their tests use more of the answer than its function, or a module that only the answer imports."""
QUICK = Limits(wall_s=20, cpu_s=5)


@pytest.fixture(scope="module", params=["the best", pytest.param("namespaces", marks=pytest.mark.slow)])
def sandbox(request):
    try:
        return find(only=None if request.param == "the best" else request.param)
    except SandboxError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def results(sandbox):
    def result(code):
        return judge(sandbox, Trial(answer=code, entry="order", stub=STUB, tests=TESTS), QUICK)

    with ThreadPoolExecutor(4) as pool:
        answers = RIGHT | CHEATS
        return dict(zip(answers, pool.map(result, answers.values()), strict=True))


@pytest.mark.parametrize("name", RIGHT)
def test_an_honest_answer_passes(results, name):
    assert results[name].passed, results[name]


@pytest.mark.parametrize("name", CHEATS)
def test_an_answer_that_would_fool_its_tests_does_not_pass(results, name):
    assert not results[name].passed


VALUES = """\
None, True, -1, 2**70, 10**5000, 1.5, float("inf"), "a\\ud800", b"\\x00", (1, [2, {3: (4,)}]), {1, 2},
frozenset({"x"}), {(1, 2): {"y": []}}, 2 + 3j, range(0, 9, 2), Fraction(1, 3), Decimal("0.10")
"""


def test_values_come_and_go_as_they_are():
    uses = "from decimal import Decimal\nfrom fractions import Fraction\n"
    tests = (
        f"{uses}for value in ({VALUES}):\n    result = echo(value)\n"
        "    assert (type(result), result) == (type(value), value), value\n"
        "assert [next(count), next(count)] == [0, 1]\nassert list(pairs()) == [('a', 1)]\n"
        "try:\n    fail()\nexcept ValueError as error:\n    assert str(error) == 'no'\n"
        "else:\n    assert False\n"
        "node = Node(1)\nnode.next = Node(2)\nassert total(node) == 3\nassert node.next.value == 2\n"
    )
    answer = (
        "import itertools\ncount = None\ndef echo(value): return value\n"
        "class Node:\n    def __init__(self, value): self.value, self.next = value, None\n"
        "def total(node): return node.value + total(node.next) if node else 0\n"
        "def pairs(): return {'a': 1}.items()\ndef counting(): return itertools.count()\n"
        "def fail(): raise ValueError('no')\n"
    )
    tests = "count = counting()\n" + tests
    ran = judge(find(unsafe=True), Trial(answer=answer, entry="echo", stub="", tests=tests), QUICK)
    assert ran.passed, ran


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("def order(items): return 7 // 0", "ZeroDivisionError: "),
        ("def order(items): return object()", "returned an object of its own, which is no value"),
        ("import os\ndef order(items): os._exit(0)", "ended before its tests did"),
        ("def order(items: return", "SyntaxError: "),
        ("def other(items): return items", "KeyError: "),
        ("def order(items): return items[:1]", "AssertionError"),
    ],
)
def test_a_failure_says_why(answer, why):
    ran = judge(find(unsafe=True), Trial(answer=answer, entry="order", stub=STUB, tests=TESTS), QUICK)
    assert ran.ended == "failed"
    assert why in ran.why


def test_a_sample_of_humaneval_passes():
    sandbox = find(unsafe=True)
    for problem in list(humaneval.problems())[2::30]:
        assert judge(sandbox, problem.trial(problem.solution)).passed, problem.id


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_humaneval_solution_passes_and_every_empty_answer_fails():
    sandbox = find(unsafe=True)
    for problem in humaneval.problems():
        for answer in (problem.solution, f"```python\n{problem.stub}{problem.solution}```"):
            assert judge(sandbox, problem.trial(answer)).passed, problem.id
        assert not judge(sandbox, problem.trial("    return None\n")).passed, problem.id


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_mbpp_solutions_pass(shared_data: Path):
    sandbox = find(unsafe=True)
    every = list(mbpp.problems(shared_data / "self_contained/mbpp.jsonl.gz"))
    problems = [problem for at, problem in enumerate(every) if at % 6 == 0 or problem.id in MORE_NAMES]
    with ThreadPoolExecutor(2) as pool:
        ran = pool.map(
            lambda problem: judge(sandbox, problem.trial(f"```python\n{problem.solution}\n```")), problems
        )
        failed = [
            (problem.id, each.why) for problem, each in zip(problems, ran, strict=True) if not each.passed
        ]
    assert failed == []
