"""What a client sends can be long, never slow: CPU of reading stays in proportion to the bytes.

Bounds are on CPU of this thread, a hundred times what the work takes where it is in proportion, so that a
busy machine fails none and a search that is not linear fails all.
"""

import json
import time
from typing import Any

import pytest

from benchmarks.routing.routers import planner, request
from router.reading.fold import goes_on
from router.reading.paths import MOST_FILES, PathSet
from router.reading.reader import Reader


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {
        "role": "assistant",
        "content": [{"type": "tool_use", "id": "c", "name": name, "input": arguments}],
    }


def printed(text: str) -> dict[str, Any]:
    return user([{"type": "tool_result", "tool_use_id": "c", "content": text}])


def shell(command: str) -> tuple[dict[str, Any], ...]:
    return user("run it"), call("Bash", command=command), printed("done")


AIDER = {"role": "system", "content": "Act as an expert software developer."}
DIFF = "".join(
    f"diff --git a/apps/a{n}/lib/main.rs b/apps/a{n}/lib/main.rs\n--- a/apps/a{n}/lib/main.rs\n"
    f"+++ b/apps/a{n}/lib/main.rs\n@@ -1 +1 @@\n-use a;\n+use b;\n"
    for n in range(2_000)
)
CONVERSATIONS: dict[str, tuple[dict[str, Any], ...]] = {
    "one name in 6,000 folders": tuple(call("Read", file_path=f"/w/p{n}/mod.rs") for n in range(6_000)),
    "one name in 6,000 folders, at once": (
        call("read_many_files", paths=[f"p{n}/mod.rs" for n in range(6_000)]),
    ),
    "a diff over 2,000 files": (*shell("git diff"), printed(DIFF)),
    "20,000 small messages": tuple(
        {"role": ("user", "assistant")[n % 2], "content": f"part {n}"} for n in range(20_000)
    ),
    "blank lines, as aider's": (AIDER, user("tidy" + "\n" * 300_000 + "up")),
    "blank lines with spaces, as aider's": (AIDER, user("tidy" + " \n\t\n" * 100_000 + "up")),
    "a colon for each digit": (user("see " + "a.py" + ":1" * 30_000 + "x"),),
    "fences, then spaces, then a backtick": (user(("```" + " " * 4_000 + "`\n") * 15),),
    "opened elements": (user("<file " * 60_000),),
    "opened elements with names": (user("<file name='a'" * 5_000),),
    "a list in a loop, never closed": shell("python3 <<E\nfor p in [" + "'a'   " * 45 + "\n open(p)\nE\n"),
    "digits for a test summary": (*shell("cargo test"), printed("test result: ok. " + "7" * 5_900)),
    "digits for unittest": (*shell("python -m unittest"), printed("Ran " + "9" * 5_900 + " tests in 1s\nOK")),
    "options": shell("perl " + "-e " * 16_000),
    "folders of git": shell("git " + "-C x " * 10_000),
    "loops over themselves": shell("for f in '$f' '$f$f'; do cat $f$f$f; done; " * 500),
    "documents for a shell": shell("".join(f"cat <<END{n}\nx\nEND{n}\n" for n in range(3_000))),
    "results in results": (
        user("go"),
        user([json.loads('{"type":"tool_result","content":[' * 60 + '"' + "y" * 200_000 + '"' + "]}" * 60)]),
    ),
    "quotes, slashes, hashes": (user("'\"`" * 50_000 + "/" * 100_000 + "\n#" * 100_000 + "<" * 100_000),),
}  # fmt: skip
BOUND_S = 3.0
"""The slowest takes 0.3 s; each took from 4 s to minutes where it was not in proportion."""


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_reading_is_linear(name):
    body = json.dumps({"model": "auto", "max_tokens": 9, "messages": CONVERSATIONS[name]}).encode()
    path, asked = planner(Reader()), request(body, "anthropic_messages")
    began = time.thread_time()
    plan = path.plan(asked)
    assert time.thread_time() - began < BOUND_S
    assert plan.notes == ()


@pytest.mark.parametrize("phrase", ["do it ", "try again ", "fix that ", "go on ", "y,"])
def test_phrases_are_read_in_one_way(phrase):
    began = time.thread_time()
    assert not goes_on((phrase * 40)[:79] + "x")
    assert time.thread_time() - began < 0.05


def test_more_files_than_are_told_apart_count_as_one_more():
    files = PathSet()
    for n in range(MOST_FILES + 500):
        files.add(f"d{n}/a.py")
    assert len(files) == MOST_FILES
    assert files.add("d3/a.py") == 3
    assert files.add("/w/d3/a.py") == 3
    assert files.directories() == MOST_FILES


def test_directories_are_counted_as_the_paths_come():
    files = PathSet()
    for path in ("a.py", "io/b.py", "/w/lib/io/b.py", "/w/lib/c.py", "lib/d.py"):
        files.add(path)
    assert (len(files), files.directories()) == (4, 2)
