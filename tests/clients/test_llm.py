"""`llm`, a client that has no row of its own, set up as the page on OpenAI's API says."""

import re
import subprocess
import sys
from pathlib import Path

import assistants
from assistants import KEY, Place
from servers import ROOT, Endpoint, Upstream

PAGE = ROOT / "docs/clients/openai.md"
ADDRESS = "http://127.0.0.1:4747"
TOOL = 'def read_file(path: str) -> str:\n    "Read a file."\n    return f"{path}: a + b"\n'
READ = {"tools": [{"name": "read_file", "input": {"path": "main.py"}}]}


def llm(place: Place, *arguments: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-P", "-m", "llm", *arguments],
        env={**assistants.bare_env(place), "LLM_USER_PATH": str(place.home)},
        cwd=place.workspace,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.returncode == 0, ended
    return ended.stdout


def test_it_works_by_the_instructions_that_are_for_any_client(
    fast_endpoint: Endpoint, upstream: Upstream, tmp_path: Path
) -> None:
    place = Place(home=tmp_path / "home", workspace=tmp_path)
    place.home.mkdir()
    (settings,) = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert ADDRESS in settings
    (place.home / "extra-openai-models.yaml").write_text(settings.replace(ADDRESS, fast_endpoint.url))
    llm(place, "keys", "set", "turnout", "--value", KEY)

    upstream.play(READ, {"text": "It adds."}, {"text": "Nothing else."})
    assert llm(place, "-m", "turnout", "--functions", TOOL, "What does main.py do?") == "It adds.\n"
    assert llm(place, "-c", "And what else?") == "Nothing else.\n"

    seen = [one for one in upstream.seen() if one.method == "POST"]
    assert len(seen) == 3
    assert all(one.body["stream"] for one in seen)
    assert "main.py: a + b" in str(seen[1].body["messages"])
    assert "It adds." in str(seen[2].body["messages"])
