"""An Anthropic Messages request, as an OpenAI chat request for a local model."""


def to_chat(body: bytes, *, model: str) -> bytes:
    """Translate a Messages body that `anthropic_messages.read` has accepted.

    Args:
        body: the client's body.
        model: the name the local server knows its model by.

    Returns:
        The body of `POST /v1/chat/completions`, streaming where the client streams.
    """
    raise NotImplementedError
