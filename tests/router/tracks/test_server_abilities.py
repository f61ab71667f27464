"""What local servers tell of their model, in the documents that each of them has."""

import json
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar

import pytest

from policies.decision import Decision
from policies.privacy import Clearance
from router.tracks import server_abilities
from router.types import TrackError
from tests.conftest import wait_for

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
KEPT = PNG.replace("mNk", "mNl")
"""What was sent beside a protected word is remembered."""
SHOWN = [
    (["completion", "vision", "tools"], {"completion", "vision", "tools"}),
    (["completion", "insert"], {"completion", "insert"}),
    (["completion", "thinking", "speech", 5], {"completion", "thinking"}),
    (["completion", "audio"], {"completion", "audio"}),
]


@pytest.mark.parametrize(("words", "told"), SHOWN)
def test_what_ollama_shows(words, told):
    assert server_abilities.from_show(json.dumps({"capabilities": words}).encode()) == told


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b'{"capabilities": {}}', b'{"data": 1}'])
def test_documents_that_do_not_say(body):
    assert server_abilities.from_show(body) is None
    assert server_abilities.from_props(body) is None
    assert server_abilities.from_lm_studio(body, "m") is None


def test_what_llama_server_and_lm_studio_tell():
    for vision in (True, False):
        props = json.dumps({"modalities": {"vision": vision, "audio": False}}).encode()
        assert ("vision" in server_abilities.from_props(props)) is vision
        props = json.dumps({"modalities": {"vision": False, "audio": vision}}).encode()
        assert ("audio" in server_abilities.from_props(props)) is vision
        row = {"id": "m", "type": "vlm" if vision else "llm", "capabilities": ["tool_use"]}
        listed = json.dumps({"data": [{"id": "other", "type": "vlm"}, row]}).encode()
        told = server_abilities.from_lm_studio(listed, "m")
        assert told == {"completion", "tools"} | ({"vision"} if vision else set())


class Server(BaseHTTPRequestHandler):
    """A local server of a kind: `documents` by path, and an answer to every chat."""

    documents: ClassVar[dict[str, object]] = {}
    asked: ClassVar[list[dict[str, object]]] = []

    def do_GET(self) -> None:
        self.answer(self.documents.get(self.path))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path == "/v1/chat/completions":
            self.asked.append(body)
            choice = {
                "index": 0,
                "message": {"role": "assistant", "content": "A dot."},
                "finish_reason": "stop",
            }
            self.answer(
                {
                    "id": "c",
                    "model": "m",
                    "choices": [choice],
                    "usage": {"prompt_tokens": 9, "completion_tokens": 3},
                }
            )
        else:
            self.answer(self.documents.get(self.path) if body.get("model") == "m" else None)

    def answer(self, document: object) -> None:
        content = json.dumps(document).encode()
        self.send_response(404 if document is None else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


KINDS = {
    "ollama": lambda vision: {
        "/api/show": {"capabilities": ["completion", "tools", *(["vision"] if vision else [])]}
    },
    "llama-server": lambda vision: {"/props": {"modalities": {"vision": vision, "audio": False}}},
    "lm-studio": lambda vision: {
        "/props": {"error": "Unexpected endpoint or method."},
        "/api/v0/models": {"data": [{"id": "m", "type": "vlm" if vision else "llm"}]},
    },
}
POLICY = """\
name: mine
rules:
  - {name: images, when: "images > 0 && !local.vision", to: cloud, why: needs a model that sees}
otherwise: {to: local, why: stays}
never_cloud: {match: ["INTERNAL"]}
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as listening:
        Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_address[1]}/v1"
        listening.shutdown()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_track_knows_what_its_server_tells(server, local, kind):
    track = local(url=server, name="m")
    assert track.abilities is None
    for vision in (True, False):  # another model is loaded
        Server.documents = KINDS[kind](vision=vision)
        assert await track.look()
        assert ("vision" in track.abilities) is vision
    Server.documents = {}
    assert await track.look()
    assert track.abilities is None


async def test_a_server_that_is_not_there_and_one_that_does_not_tell(server, local):
    assert not await local(url="http://127.0.0.1:9/v1", name="m").look()
    Server.documents = {}
    assert "vision" in local(url=server, name="m", vision=True).abilities
    assert "vision" not in local(url=server, name="m", vision=False).abilities


@pytest.mark.parametrize("told", [True, False, None])
@pytest.mark.parametrize("set_to", [True, False, None])
async def test_audio_goes_to_a_model_that_hears(server, local, plan, whole, told, set_to):
    part = {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}}
    asked = plan({"messages": [{"role": "user", "content": [part]}]}, dialect="openai_chat")
    asked = replace(asked, features=replace(asked.features, images=1))
    Server.documents = {} if told is None else {"/props": {"modalities": {"vision": True, "audio": told}}}
    track = local(url=server, name="m", audio=set_to)
    assert await track.look()
    if (told if set_to is None else set_to) is False:
        with pytest.raises(TrackError, match="does not hear audio; leave the audio out") as failure:
            await track.open(asked, asked.decision)
        assert (failure.value.cause, failure.value.status) == ("unsupported", 400)
        kept = replace(asked, clearance=Clearance(allowed=False, why="never_cloud: a word"))
        with pytest.raises(TrackError, match=r"must stay on this machine \(never_cloud: a word"):
            await track.open(kept, asked.decision)
    else:
        assert b"A dot." in await whole(await track.open(asked, asked.decision))
        assert Server.asked[-1]["messages"][0]["content"] == [part]


@pytest.mark.parametrize("hears", [True, False])
async def test_audio_of_geminis_clients_goes_there_too(server, local, plan, whole, hears):
    sound = {"inlineData": {"mimeType": "audio/mp3", "data": "SUQz"}}
    asked = plan({"contents": [{"parts": [sound, {"text": "What is sung?"}]}]}, dialect="gemini")
    asked = replace(asked, features=replace(asked.features, images=1))
    Server.documents = {}
    track = local(url=server, name="m", audio=hears)
    if hears:
        assert b"A dot." in await whole(await track.open(asked, asked.decision))
        assert Server.asked[-1]["messages"][0]["content"] == [
            {"type": "input_audio", "input_audio": {"data": "SUQz", "format": "mp3"}},
            {"type": "text", "text": "What is sung?"},
        ]
    else:
        with pytest.raises(TrackError, match="does not hear audio; leave the audio out"):
            await track.open(asked, asked.decision)


async def test_a_document_that_must_stay_is_refused(server, local, plan):
    source = {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}
    asked = plan({"messages": [{"role": "user", "content": [{"type": "document", "source": source}]}]})
    kept = replace(asked, clearance=Clearance(allowed=False, why="never_cloud: a word"))
    with pytest.raises(TrackError, match="reads no PDF or other file, and this must stay") as failure:
        await local(url=server, name="m").open(kept, kept.decision)
    assert failure.value.cause == "unsupported"


@pytest.mark.parametrize("alternatives", [(), ("cloud",)])
async def test_a_document_goes_to_whoever_reads_it(server, local, plan, whole, alternatives):
    source = {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}
    asked = plan({"messages": [{"role": "user", "content": [{"type": "document", "source": source}]}]})
    decision = Decision(track="local", rule="r", why="w", alternatives=alternatives)
    track = local(url=server, name="m")
    if alternatives:
        with pytest.raises(TrackError, match="reads no PDF") as failure:
            await track.open(replace(asked, decision=decision), decision)
        assert failure.value.cause == "unsupported"
    else:
        reply = await track.open(replace(asked, decision=decision), decision)
        assert (reply.dropped, b"A dot." in await whole(reply)) == (("document",), True)


@pytest.fixture(scope="module")
def endpoint(server, start_endpoint, tmp_path_factory):
    policy = tmp_path_factory.mktemp("policy") / "mine.yaml"
    policy.write_text(POLICY)
    Server.documents = KINDS["ollama"](vision=False)
    return start_endpoint(
        also={"ANTHROPIC_API_KEY": "sk-ant-test"},
        LOCAL__URL=server,
        LOCAL__NAME="m",
        LOCAL__CONTEXT="8000",
        POLICY=str(policy),
        CLOUD__BASE_URL="http://127.0.0.1:9",
    )


def image(text: str, data: str = PNG) -> list[dict[str, object]]:
    parts = [
        {"type": "text", "text": text},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}},
    ]
    return [{"role": "user", "content": parts}]


CLAUDES = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": KEPT}}


def sees(program) -> bool | None:
    (row,) = [row for row in program.get("/v1/models")["data"] if row["id"] == "m"]
    return "vision" in row["capabilities"]


def test_images_go_to_the_cloud_are_refused_in_words_or_are_seen(endpoint):
    blind = endpoint
    wait_for(lambda: "tools" in str(blind.get("/v1/models")), "the list")
    asked = len(Server.asked)
    asks = {"model": "auto", "messages": image("What is it?")}
    decision = blind.post("/v1/route", asks, headers={"x-api-key": "sk-ant-mine"}).json()["decision"]
    assert (decision["track"], decision["why"]) == ("cloud", "needs a model that sees")
    assert not sees(blind)
    answer = blind.post(
        "/v1/chat/completions", {"model": "auto", "messages": image("INTERNAL drawing, explain", KEPT)}
    )
    assert answer.status_code == 400
    told = answer.json()["error"]["message"]
    assert "does not see images, and this must stay on this machine" in told
    assert "`local.url`" in told
    messages = [{"role": "user", "content": [{"type": "text", "text": "INTERNAL?"}, CLAUDES]}]
    answer = blind.post("/v1/messages", {"model": "auto", "max_tokens": 9, "messages": messages})
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert "does not see images" in answer.json()["error"]["message"]
    quoted = [{"role": "user", "content": json.dumps(image("no image, a text about one"))}]
    answer = blind.post("/v1/chat/completions", {"model": "local", "messages": quoted})
    assert answer.status_code == 200
    assert len(Server.asked) == asked + 1
    Server.documents = KINDS["llama-server"](vision=True)  # the server was started anew with a projector
    wait_for(lambda: sees(blind), "the look", 90)
    assert blind.post("/api/show", {"model": "m"}).json()["capabilities"].count("vision") == 1
    decision = blind.post("/v1/route", {"model": "auto", "messages": image("What is it?")}).json()["decision"]
    assert (decision["track"], decision["why"]) == ("local", "stays")
    answer = blind.post("/v1/chat/completions", {"model": "auto", "messages": image("What is it?")})
    assert (answer.status_code, answer.headers["x-turnout-track"]) == (200, "local")
    assert PNG in json.dumps(Server.asked[-1])
