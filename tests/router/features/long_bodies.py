"""Conversations that are long in one way each, such as a client may send."""

import json
from typing import Any


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
