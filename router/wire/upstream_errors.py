"""Sizes in an upstream's error body: of a prompt that is too long, or of an answer limit that is."""

import re

import msgspec

from router.wire.body import UNREADABLE

OVERFLOWS = (
    # Anthropic
    re.compile(r"prompt is too long: (?P<tokens>\d{1,12}) tokens > (?P<limit>\d{1,12})"),
    # OpenAI ("resulted in"), vLLM ("requested", "has", "contains at least")
    re.compile(
        r"maximum context length is (?P<limit>\d{1,12}) tokens.*?"
        r"(?:in|requested|has|contains|contains at least) (?P<tokens>\d{1,12})",
        re.DOTALL,
    ),
    # llama-server
    re.compile(r"\((?P<tokens>\d{1,12}) tokens\) exceeds the available context size \((?P<limit>\d{1,12})"),
    # LM Studio
    re.compile(
        r"keep the first (?P<tokens>\d{1,12}) tokens.*?context length of only (?P<limit>\d{1,12})", re.DOTALL
    ),
)
OVERFLOW_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error"})

_ABOUT_OUTPUT = re.compile(
    r"max_(?:completion_|new_|output_)?tokens|(?:in|for) the completion|(?:output|completion) tokens",
    re.IGNORECASE,
)
_MOST = (
    # OpenAI, Anthropic, Groq: the model's own limit, whatever the prompt
    re.compile(r"supports at most (\d{1,12}) completion tokens"),
    re.compile(r"max_tokens: \d+ > (\d{1,12}), which is the maximum allowed number of output tokens"),
    re.compile(
        r"max_(?:completion_)?tokens`? must be (?:less than or equal to|at most|<=) `?(\d{1,12})",
        re.IGNORECASE,
    ),
)
_WINDOWS = (
    re.compile(r"maximum context length (?:is|of) (\d{1,12})"),  # OpenAI, vLLM, SGLang
    re.compile(r"context length is only (\d{1,12})"),  # vLLM since 0.10
    re.compile(r"max_model_len(?:=max_total_tokens)?[=: ]+(\d{1,12})"),  # vLLM's parameter check
    re.compile(r"max_new_tokens` must be <= (\d{1,12})"),  # TGI
    re.compile(r"context limit: \d+ \+ \d+ > (\d{1,12})"),  # Anthropic
)
_PROMPTS = (
    re.compile(r"\((\d{1,12}) in (?:the |your )?(?:messages|prompt)"),  # OpenAI, vLLM
    re.compile(
        r"(\d{1,12}) (?:input tokens|tokens (?:from|in) the (?:input|messages|prompt)|`inputs` tokens)"
    ),
    re.compile(r"context limit: (\d{1,12}) \+ \d+ > \d+"),  # Anthropic
)


class OutputLimit(msgspec.Struct, frozen=True, kw_only=True):
    """The answer's limit (`max_tokens`) was refused, and the prompt was not. Sizes in tokens."""

    most: int = 0
    """The largest limit the server would take; 0 where that depends on the prompt."""
    window: int = 0
    """Prompt and answer together; 0 where not named."""
    prompt: int = 0
    """The prompt, as the server counts; 0 where not named."""


class UpstreamError(msgspec.Struct, frozen=True, kw_only=True):
    """An error body of any dialect."""

    message: str = ""
    type: str | None = None
    code: str | int | None = None
    n_prompt_tokens: int = 0
    n_ctx: int = 0

    @property
    def output_limit(self) -> OutputLimit | None:
        """Why `max_tokens` was refused; None where the refusal is about anything else.

        A prompt that fills the window by itself is an overflow, whatever limit came with it.
        """
        if self.n_prompt_tokens or not _ABOUT_OUTPUT.search(self.message):
            return None
        if most := _number(_MOST, self.message):
            return OutputLimit(most=most)
        window, prompt = _number(_WINDOWS, self.message), _number(_PROMPTS, self.message)
        if not window or prompt >= window:
            return None
        return OutputLimit(most=window - prompt if prompt else 0, window=window, prompt=prompt)

    @property
    def overflow(self) -> tuple[int, int] | None:
        """The prompt's size and the window in tokens, 0 where unknown; None if this is no overflow."""
        if self.n_prompt_tokens and self.n_ctx:
            return self.n_prompt_tokens, self.n_ctx
        if self.output_limit:
            return None
        for pattern in OVERFLOWS:
            if match := pattern.search(self.message):
                return int(match["tokens"]), int(match["limit"])
        return (0, 0) if {self.code, self.type} & OVERFLOW_CODES else None


class _Body(msgspec.Struct, frozen=True):
    error: UpstreamError | str | None = None
    message: str = ""
    type: str | None = None
    code: str | int | None = None


def read_upstream_error(body: bytes) -> UpstreamError:
    """Read an error body of any dialect; what is not JSON is its own message."""
    try:
        document = msgspec.json.decode(body, type=_Body)
    except UNREADABLE:
        return UpstreamError(message=body.decode("utf-8", "replace")[:500])
    if isinstance(document.error, UpstreamError):
        return document.error
    # vLLM's older servers, and those made after it, have no `error` around it.
    return UpstreamError(message=document.error or document.message, type=document.type, code=document.code)


def _number(patterns: tuple[re.Pattern[str], ...], message: str) -> int:
    matches = (pattern.search(message) for pattern in patterns)
    return next((int(match[1]) for match in matches if match), 0)
