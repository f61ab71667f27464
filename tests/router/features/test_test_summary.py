import json

import pytest

from router.features.extractor import FeatureExtractor
from router.features.test_summary import summary

SUMMARIES = [
    ("===== 1 failed, 3 passed, 2 warnings in 0.42s =====\n", (1, 3)),
    ("FAILED tests/test_a.py::test_x - assert 1 == 2\n2 failed, 1 passed, 1 error in 3.10s\n", (3, 1)),
    ("..........\n10 passed in 0.03s", (0, 10)),
    (
        "==== 12 passed, 1 skipped in 61.20s (0:01:01) ====\n[The command completed with exit code 0.]",
        (0, 12),
    ),
    ("====== no tests ran in 0.01s ======", None),
    ("..F\n----\nRan 3 tests in 0.004s\n\nFAILED (failures=1)\n", (1, 2)),
    ("Ran 7 tests in 0.1s\n\nFAILED (failures=2, errors=1, skipped=1)\nDestroying test database", (3, 3)),
    ("Ran 5 tests in 0.010s\n\nOK (skipped=2)\n", (0, 3)),
    ("Ran 5 tests in 0.010s\n\nOK\n", (0, 5)),
    ("Test Suites: 1 failed, 1 total\nTests:       1 failed, 2 passed, 3 total\nTime:  1.2 s", (1, 2)),
    (" Test Files  1 passed (1)\n      Tests  4 passed (4)\n   Duration  1s", (0, 4)),
    ("      Tests  1 failed | 4 passed (5)\n", (1, 4)),
    (
        (
            "test result: ok. 4 passed; 0 failed; 0 ignored\n\n"
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; finished in 0.1s\n"
        ),
        (2, 5),
    ),
    ("ok  \tx/a\t0.01s\nok  \tx/b\t(cached)\n", (0, 2)),
    (
        "--- FAIL: TestA (0.00s)\n    a_test.go:3: no\nFAIL\nFAIL\tx/a\t0.01s\nok  \tx/b\t0.01s\nFAIL\n",
        (1, 1),
    ),
    ("=== RUN   TestA\n--- PASS: TestA (0.00s)\n--- PASS: TestB (0.00s)\nPASS\nok  \tx/a\t0.01s\n", (0, 2)),
    ("  3 passing (12ms)\n  1 failing\n", (1, 3)),
    ("5 examples, 2 failures\n", (2, 3)),
    ("[ERROR] Tests run: 6, Failures: 1, Errors: 1, Skipped: 0\n", (2, 4)),
    ("1 failed, 1 passed in 0.1s\nsome more\n3 passed in 0.1s\n", (0, 3)),
    ("the 3 tests passed in my head", None),
    ("def tests_passed(): return 1\nTests are in tests/", None),
    ("copied 3 files in 2s", None),
    ("", None),
]


@pytest.mark.parametrize(("output", "found"), SUMMARIES)
def test_summaries(output, found):
    assert summary(output) == found


@pytest.mark.parametrize(
    "output",
    ["\n" * 50_000, " 1 passing\n" + "\n" * 50_000, "Ran 1 tests in 1\n" * 9_000, "1 a, " * 20_000 + " in "],
)
def test_adversarial_outputs_are_read(output):
    summary(output)


def step(at, command, output, failed=False):
    call = {"type": "tool_use", "id": f"c{at}", "name": "Bash", "input": {"command": command}}
    answer = {"type": "tool_result", "tool_use_id": f"c{at}", "content": output, "is_error": failed}
    return [{"role": "assistant", "content": [call]}, {"role": "user", "content": [answer]}]


RED, GREEN = "1 failed, 2 passed in 0.1s", "3 passed in 0.1s"
STORIES = {
    "errors end the turn": (
        [*step(0, "a", "ok"), *step(1, "b", "no", failed=True), *step(2, "c", "no", failed=True)],
        {"error_streak": 2, "tool_errors": 2, "repeat_streak": 0},
    ),
    "an answer that is none ends them": (
        [*step(1, "b", "no", failed=True), *step(2, "c", "ok")],
        {"error_streak": 0, "tool_errors": 1},
    ),
    "repeats end the turn": (
        [*step(0, "a", ""), *step(1, "a", ""), *step(2, "a", "")],
        {"repeat_streak": 2, "repeats": 2},
    ),
    "another call ends them": (
        [*step(0, "a", ""), *step(1, "a", ""), *step(2, "b", "")],
        {"repeat_streak": 0, "repeats": 1},
    ),
    "an ask begins anew": (
        [
            *step(0, "a", "", failed=True),
            *step(1, "a", RED, failed=True),
            {"role": "user", "content": "stop"},
        ],
        {"error_streak": 0, "repeat_streak": 0, "tests_failed": 1, "tests_fixed": False},
    ),
    "tests fail": (step(0, "pytest", RED), {"tests_failed": 1, "tests_passed": 2, "tests_fixed": False}),
    "tests fail, then pass": (
        [*step(0, "pytest", RED), *step(1, "cat a.py", "x"), *step(2, "pytest", GREEN)],
        {"tests_failed": 0, "tests_passed": 3, "tests_fixed": True},
    ),
    "tests only pass": (step(0, "pytest", GREEN), {"tests_passed": 3, "tests_fixed": False}),
    "tests pass, then fail": (
        [*step(0, "pytest", RED), *step(1, "pytest", GREEN), *step(2, "pytest -x", RED)],
        {"tests_failed": 1, "tests_fixed": False},
    ),
}


@pytest.mark.parametrize("story", STORIES)
def test_trouble_and_progress(story, request_of):
    messages, expected = STORIES[story]
    body = {"messages": [{"role": "user", "content": "fix it"}, *messages]}
    features = FeatureExtractor().read(request_of(json.dumps(body).encode()))
    assert {name: getattr(features, name) for name in expected} == expected


def test_several_answers_in_one_message_are_counted_in_their_order(request_of):
    answers = [
        {"type": "tool_result", "tool_use_id": str(at), "content": "x", "is_error": failed}
        for at, failed in enumerate([True, False, True, True])
    ]
    body = {"messages": [{"role": "user", "content": "go"}, {"role": "user", "content": answers}]}
    assert FeatureExtractor().read(request_of(body)).error_streak == 2
