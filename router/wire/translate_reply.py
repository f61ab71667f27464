"""An OpenAI chat reply, as an Anthropic Messages reply."""

from router.types import Usage


def from_chat(body: bytes, *, model: str) -> bytes:
    """Translate a whole reply.

    Raises:
        TrackError: the body is no chat completion (`local_error`), or the arguments of a
            tool call are no JSON object (`bad_tool_call`).
    """
    raise NotImplementedError


class ReplyStream:
    """Translates a streamed reply: OpenAI's bytes in, Anthropic's bytes out."""

    usage: Usage | None
    complete: bool
    """`message_stop` was written. If the upstream ends and this is False, drop the connection."""
    error: str

    def __init__(self, *, model: str, prompt_tokens: int = 0) -> None:
        """Start.

        Args:
            model: the name the client is told.
            prompt_tokens: what `message_start` reports; the true count follows in `message_delta`.
        """

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes, cut anywhere; return what can be said so far, maybe nothing."""
        raise NotImplementedError

    def end(self) -> bytes:
        """Say what is owed when the upstream closed; look at `complete` afterwards."""
        raise NotImplementedError
