"""grok-cli, a client that has no row of its own, set up as the page on OpenAI's API says."""

import re
import time
from dataclasses import replace
from pathlib import Path

import assistants
import orchard
import pytest
from assistants import ASK, COMMAND, Place
from servers import ROOT, Endpoint, Upstream
from sessions import call, calls, says

PAGE = ROOT / "docs/clients/openai.md"
ADDRESS = "http://127.0.0.1:4747"


@pytest.mark.slow
def test_it_works_by_the_instructions_that_are_for_any_client(
    fast_endpoint: Endpoint, upstream: Upstream, tmp_path: Path
) -> None:
    assistants.need("grok-cli")
    place = Place(home=tmp_path / "home", workspace=tmp_path / "orchard-shop")
    place.home.mkdir()
    orchard.plant(place.workspace)
    told = dict(re.findall(r"\b(GROK_\w+)=(\S+)", PAGE.read_text()))
    assert told["GROK_BASE_URL"].startswith(ADDRESS)
    told["GROK_BASE_URL"] = told["GROK_BASE_URL"].replace(ADDRESS, fast_endpoint.url)
    # The page's key may be any word, as the endpoint asks none; this one is to reach the provider.
    told["GROK_API_KEY"] = assistants.KEY

    began = time.time()
    reads = [calls(call("view_file", path=f"orchard/{fruit}.py")) for fruit in orchard.FRUITS[:2]]
    upstream.play(*reads, calls(call("bash", command=COMMAND)), says("All done."))
    program = assistants.grok(place, ASK, url=fast_endpoint.url)
    finished = assistants.run(replace(program, env=program.env | told))
    assert "All done." in finished.out, finished
    assert place.made == "proof"
    rows = fast_endpoint.rows(4, since=began)
    assert [row["status"] for row in rows] == [200] * 4
    assert rows[-1]["files"] >= 2
