"""Records the small set that stands for published runs where those are missing.

`python tests/recorded/record.py` writes it anew.

An agent of ours works on each session's issue in a repository of its own. Its model is the scripted
upstream, reached through a real endpoint; its commands are run for real. What comes out has the layout
of the published data, so that the same tests read both.
"""

import gzip
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent), str(HERE)]

import httpx  # noqa: E402 # behind the path
from conftest import PLAIN, environment, free_port, launch  # noqa: E402
from library_runs import FILES, FUNCTIONS, SESSIONS, Session  # noqa: E402

from benchmarks.evaluation.suites import everyday  # noqa: E402
from router.training.envelopes import ENVELOPES, SHELL  # noqa: E402

ISSUES = "bug-report-upstream"
"""The kind of everyday asks that are issues, too."""


def main() -> None:
    """Write all files beside this one."""
    with tempfile.TemporaryDirectory() as folder:
        upstream, endpoint = start(Path(folder))
        try:
            runs = [played(session, upstream.url, endpoint.url) for session in SESSIONS]
        finally:
            endpoint.stop()
            upstream.stop()
    write("agent_trajectories/mini_swe_agent.jsonl.gz", runs)
    issues = [
        issue(run["instance_id"], session.issue, run["messages"][-1]["content"])
        for run, session in zip(runs, SESSIONS, strict=True)
    ]
    issues += [
        issue(f"everyday__{number}", item.ask.text, "")
        for number, item in enumerate(everyday.load())
        if item.ask.kind == ISSUES
    ]
    write("swebench_verified/instances.jsonl.gz", issues)
    write("self_contained/mbpp.jsonl.gz", map(function, range(1, len(FUNCTIONS) + 1), FUNCTIONS))
    write("everyday/asks.jsonl.gz", asks())


def start(folder: Path):
    """The scripted upstream, and an endpoint before it."""
    ports = free_port(), free_port()
    program = [sys.executable, "-m", "router.scripted", "--port", str(ports[0])]
    upstream = launch(
        program, f"http://127.0.0.1:{ports[0]}", folder / "upstream.log", env=environment(), ready="/_totals"
    )
    env = environment(
        TURNOUT_LISTEN=f"127.0.0.1:{ports[1]}",
        TURNOUT_CLOUD__BASE_URL=upstream.url,
        TURNOUT_LEDGER=str(folder / "ledger.db"),
        ANTHROPIC_API_KEY="unused",
    )
    serve = [sys.executable, "-m", "router.cli.main", "serve"]
    endpoint = launch(
        serve, f"http://127.0.0.1:{ports[1]}", folder / "endpoint.log", env=env, ready="/health"
    )
    return upstream, endpoint


def played(session: Session, upstream: str, endpoint: str) -> dict:
    """One run: each step is what the scripted model says, and the command that it calls."""
    steps = [
        {"text": text, "tools": [{"name": "bash", "input": {"command": command}}]}
        for text, command in session.steps
    ]
    httpx.post(f"{upstream}/_script", json=steps, verify=PLAIN).raise_for_status()
    messages = ENVELOPES["mini-swe-agent"].body(session.issue)["messages"]
    with tempfile.TemporaryDirectory() as folder:
        for name, text in FILES.items():
            (path := Path(folder, name)).parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        run("git init -q && git add -A && git -c user.name=a -c user.email=a@b commit -qm start", folder)
        for _ in session.steps:
            answer = (
                httpx.post(
                    f"{endpoint}/v1/chat/completions",
                    json={
                        "model": "cloud",
                        "messages": sent(messages),
                        "tools": [SHELL],
                        "max_tokens": 4_000,
                    },
                    timeout=60,
                    verify=PLAIN,
                )
                .raise_for_status()
                .json()
            )
            message = answer["choices"][0]["message"]
            usage = {key: answer["usage"][key] for key in ("prompt_tokens", "completion_tokens")}
            calls = message["tool_calls"]
            messages.append(
                {"role": "assistant", "content": message["content"], "tool_calls": calls, "usage": usage}
            )
            for call in calls:
                code, output = run(json.loads(call["function"]["arguments"])["command"], folder)
                content = f"<returncode>{code}</returncode>\n<output>\n{output}</output>"
                messages.append({"role": "tool", "content": content, "tool_call_id": call["id"]})
        run("git add -A", folder)
        patch = run("git diff --cached", folder)[1]
        passed = run("python -m pytest -q -p no:cacheprovider", folder)[0] == 0
    messages.append({"role": "exit", "content": patch})
    return {"instance_id": session.name, "resolved": int(passed), "messages": messages}


def sent(messages: list[dict]) -> list[dict]:
    """As a client sends them: without what was billed."""
    return [{key: value for key, value in message.items() if key != "usage"} for message in messages]


def run(command: str, folder: str) -> tuple[int, str]:
    """The exit code and all that was printed; paths of this machine are called as agents know them."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ended = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={
            "PATH": path,
            "HOME": folder,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_ADDOPTS": "-p no:asyncio -W ignore",
            "LANG": "C.UTF-8",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    output = ended.stdout.replace(folder, "/testbed")
    for prefix in (sys.prefix, sys.base_prefix):
        output = output.replace(prefix, "/usr")
    return ended.returncode, output


def issue(name: str, text: str, patch: str) -> dict:
    """A row as SWE-bench has it."""
    repo = name.rpartition("-")[0].replace("__", "/") or "everyday/everyday"
    return {"instance_id": name, "repo": repo, "problem_statement": text, "patch": patch}


def function(number: int, row: dict) -> dict:
    """A row as MBPP has it."""
    return {
        "task_id": number,
        "text": row["text"],
        "code": row["code"],
        "test_setup_code": "",
        "test_list": [f"assert {test}" for test in row["tests"]],
    }


def asks() -> Iterator[dict]:
    """Labelled asks: a function is self-contained, an issue is not, and one is right on either track."""
    for number, row in enumerate(FUNCTIONS, 1):
        yield {"id": f"function/{number}", "kind": "function", "label": "local", "ask": row["text"]}
    for session in SESSIONS:
        yield {"id": f"issue/{session.name}", "kind": "issue", "label": "cloud", "ask": session.issue}
    yield {"id": "thanks/1", "kind": "thanks", "label": "either", "ask": "Thanks, that is all for today."}


def write(name: str, rows: Iterable[dict]) -> None:
    """JSON lines, gzipped, the same bytes for the same rows."""
    path = HERE / name
    path.parent.mkdir(exist_ok=True)
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main()
