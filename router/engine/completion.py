"""Completions of a prompt as it is, without a chat template: OpenAI's legacy form and llama.cpp's `/infill`.

A completion between two texts is asked for with the model's own tokens for it (FIM, fill in the middle),
as its file names them (`router.engine.fim`); a model that has none is not asked in words. What a client
writes between them is text, also where it spells a control token; a whole prompt is the client's, control
tokens included.
"""

import itertools
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from router.engine import chunks
from router.engine.answer import Answer, Prompt
from router.engine.errors import Refused
from router.engine.fields import Body, read_bool, read_list
from router.engine.fim import FimTokens
from router.engine.model import Model
from router.engine.parameters import FORMS, ChatRequest, read_generation, refuse

Json = dict[str, Any]
Form = Literal["completion", "infill"]
DEFAULT_LIMIT = 16
"""Tokens of an answer where the client names no limit, as OpenAI has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionRequest:
    """A completion request, checked."""

    form: Form
    chat: ChatRequest
    """How to generate; it has no messages and no tools."""
    before: str
    after: str | None
    """The text behind the gap; None where there is none."""
    begun: str = ""
    """How the text in the gap begins."""
    files: tuple[tuple[str, str], ...] = ()
    """Names and texts of other files of the same work."""
    echo: bool = False


def read_completion(body: Body) -> CompletionRequest:
    """Check the body of `POST /v1/completions`.

    Raises:
        Refused: names the field and what it may be.
    """
    refuse(
        ("best_of", body.get("best_of") not in {None, 1}, "only best_of = 1 is served"),
        ("logprobs", body.get("logprobs") is not None, "logprobs are not supported; leave it out"),
    )
    _refuse_unsupported(body)
    prompt = body.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str):
        raise Refused("prompt must be text, or a list of one text", param="prompt")
    suffix = _text(body, "suffix")
    limited = body if body.get("max_tokens") is not None else body | {"max_tokens": DEFAULT_LIMIT}
    return CompletionRequest(
        form="completion",
        chat=read_generation(limited),
        before=prompt,
        after=suffix or None,
        echo=read_bool(body, "echo", default=False),
    )


def read_infill(body: Body) -> CompletionRequest:
    """Check the body of llama.cpp's `POST /infill`.

    Raises:
        Refused: names the field and what it may be.
    """
    _refuse_unsupported(body)
    extra = read_list(body, "input_extra")
    if not all(isinstance(file, dict) and isinstance(file.get("text"), str) for file in extra):
        raise Refused("input_extra must be a list of objects with `filename` and `text`", param="input_extra")
    limit = body.get("n_predict")
    chat = read_generation(body | {"max_tokens": None if limit in {None, -1, 0} else limit})
    return CompletionRequest(
        form="infill",
        # Editors have other files read ahead so, and want no answer.
        chat=replace(chat, limit=0) if limit == 0 else chat,
        before=_text(body, "input_prefix"),
        after=_text(body, "input_suffix"),
        begun=_text(body, "prompt"),
        files=tuple((str(file.get("filename") or "file"), file["text"]) for file in extra),
    )


def _refuse_unsupported(body: Body) -> None:
    """Refuse what would be another answer, in either form; how tokens are drawn is no such thing."""
    formed = body.get("response_format") not in (None, {"type": "text"})
    refuse(
        ("n", body.get("n") not in {None, 1}, "only n = 1 is served"),
        ("logit_bias", bool(body.get("logit_bias")), "logit_bias is not supported; leave it out"),
        *((name, bool(body.get(name)), f"{name} is not supported; leave it out") for name in _PROBABILITIES),
        ("response_format", formed, f"response_format {_IN_CHATS}"),
        *((name, bool(body.get(name)), f"{name} {_IN_CHATS}") for name in FORMS),
    )


_PROBABILITIES = ("n_probs", "prompt_logprobs", "top_logprobs")
_IN_CHATS = "is not supported for a prompt that is completed as it is; send a chat with response_format"


def _text(body: Body, name: str) -> str:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise Refused(f"{name} must be text", param=name)
    return value or ""


def prompt_of(request: CompletionRequest, model: Model) -> Prompt:
    """Tokenise the prompt; runs beside the event loop.

    Raises:
        Refused: the model has no tokens for a completion between two texts.
    """
    if request.after is None:
        tokens = model.tokenize(request.before, start=True)
        ends = model.fim.ends if model.fim else frozenset()
        return Prompt(
            tokens=tokens or model.tokenize("\n", start=True), thinking=False, plain=True, ends=ends
        )
    fim = model.fim
    if fim is None:
        field = "suffix" if request.form == "completion" else "input_suffix"
        raise Refused(
            f"{field}: the local model cannot complete between two texts: its file names no tokens for that. "
            "Leave it out, or load a model that was trained for it, such as Qwen2.5-Coder",
            code="unsupported_value",
            param=field,
        )

    def plain(text: str) -> list[int]:
        return model.tokenize(text, start=False, special=False)

    tokens = fim.around(plain(request.before), plain(request.after)) + plain(request.begun)
    room = model.context - len(tokens) - (request.chat.limit or DEFAULT_LIMIT) - 1
    files = _files(request, fim, plain, room)
    return Prompt(
        tokens=[*model.tokenize("", start=True), *files, *tokens], thinking=False, plain=True, ends=fim.ends
    )


def _files(
    request: CompletionRequest, fim: FimTokens, plain: Callable[[str], list[int]], room: int
) -> list[int]:
    """Tokens of the other files, in the request's order: the last ones that fit, which are the nearest."""
    if not request.files:
        return []

    def opened(mark: int | None, name: str) -> list[int]:
        return [] if mark is None else [mark, *plain(f"{name}\n")]

    head, tail = opened(fim.repository, "project"), opened(fim.separator, "file")
    room -= len(head) + len(tail)
    kept: list[list[int]] = []
    for name, text in reversed(request.files):
        mark = opened(fim.separator, name) or plain(f"{name}\n")
        file = [*mark, *plain(f"{text}\n")]
        room -= len(file)
        if room < 0:
            break
        kept.append(file)
    return [*head, *itertools.chain.from_iterable(reversed(kept)), *tail] if kept else []


class Writer:
    """Writes the answer in the client's form."""

    def __init__(self, request: CompletionRequest, model: str, prompt: int) -> None:
        """Take the size of the prompt in tokens."""
        self._request = request
        self._model = model
        self._prompt = prompt
        self._base = {
            "id": f"cmpl-{secrets.token_hex(12)}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": model,
        }

    def piece(self, text: str) -> bytes:
        """Write an event with more text."""
        if self._request.form == "infill":
            return chunks.event({"index": 0, "content": text, "stop": False})
        return chunks.event(self._base | {"choices": [_choice(text, None)]})

    def end(self, answer: Answer) -> bytes:
        """Write what ends a stream."""
        if self._request.form == "infill":
            return chunks.event(self._infill("", answer))
        last = chunks.event(self._base | {"choices": [_choice("", answer)]})
        if self._request.chat.include_usage:
            last += chunks.event(self._base | {"choices": [], "usage": self._usage(answer)})
        return last + chunks.DONE

    def whole(self, text: str, answer: Answer) -> Json:
        """Write an answer that is not streamed."""
        if self._request.form == "infill":
            return self._infill(text, answer)
        return self._base | {"choices": [_choice(text, answer)], "usage": self._usage(answer)}

    def _usage(self, answer: Answer) -> Json:
        return chunks.usage(prompt=self._prompt, cached=answer.cached, produced=answer.produced)

    def _infill(self, text: str, answer: Answer) -> Json:
        stopped = "limit" if answer.finish == "length" else "word" if answer.stop else "eos"
        return {
            "index": 0,
            "content": text,
            "model": self._model,
            "stop": True,
            "stop_type": stopped,
            "stopping_word": answer.stop,
            "tokens_predicted": answer.produced,
            "tokens_evaluated": self._prompt,
            "tokens_cached": answer.cached,
            "truncated": False,
        }


def _choice(text: str, answer: Answer | None) -> Json:
    choice: Json = {"text": text, "index": 0, "logprobs": None, "finish_reason": answer and answer.finish}
    if answer and answer.stop:
        choice["stop_reason"] = answer.stop
    return choice
