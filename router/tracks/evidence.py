"""What a provider really sent over a line, read beside litellm: it makes up endings and counts.

litellm gives every stream a finish reason and every answer a usage, whether or not one came.
The providers' formats differ; what is looked for here are their few words for an end and for
usage. As keys they cannot stand inside a string of JSON, where quotes are escaped.
"""

import re

import msgspec

from router.wire.sse import Splitter, parse

FINISHED = re.compile(
    rb'"(?:finish_reason|finishReason|stop_reason|stopReason|done_reason)"\s*:\s*"'
    rb'|"type"\s*:\s*"response\.(?:completed|incomplete)"'
    rb'|"(?:done|is_finished)"\s*:\s*true'
)
"""Why an answer ended, in OpenAI's, Google's, Anthropic's, AWS's, Ollama's and Cohere's words."""
USAGE = re.compile(
    rb'"(?:usage|usageMetadata|usage_metadata|billed_units)"\s*:\s*\{\s*"|"prompt_eval_count"\s*:\s*\d'
)
OVERLAP = 64
"""Bytes of the chunk before that a word may have begun in."""
DONE = b"[DONE]"

_json = msgspec.json.Decoder(msgspec.Raw)


class Evidence:
    """Reads an answer's bytes as they pass."""

    def __init__(self, *, events: bool) -> None:
        """Take whether the answer is an event stream."""
        self.finished = False
        """It gave a reason for its end."""
        self.done = False
        """It said `[DONE]`."""
        self.usage = False
        """It reported usage."""
        self.size = 0
        """Bytes so far."""
        self.readable = True
        """Nothing but the wire format has come so far."""
        self._splitter = Splitter() if events else None
        self._tail = b""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes, cut anywhere."""
        self.size += len(chunk)
        text = self._tail + chunk
        self.finished = self.finished or FINISHED.search(text) is not None
        self.usage = self.usage or USAGE.search(text) is not None
        self._tail = text[-OVERLAP:]
        for block in self._splitter.feed(chunk) if self._splitter else ():
            data = parse(block).data.strip()
            if data == DONE:
                self.done = True
            elif data and not _is_json(data):
                self.readable = False


def _is_json(data: bytes) -> bool:
    try:
        _json.decode(data)
    except msgspec.DecodeError:
        return False
    return True
