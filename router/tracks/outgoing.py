"""A request as an upstream gets it: in the client's own words, or translated."""

from dataclasses import dataclass, replace

from router.types import ModelRequest
from router.wire import DIALECTS
from router.wire.capabilities import Target, adapt
from router.wire.conversation import Conversation


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingRequest:
    """What is sent, and what its answer's translation needs to know of it."""

    body: bytes
    conversation: Conversation | None = None
    """What the client asked for, but for its turns; None where it speaks the upstream's dialect, and its
    words were passed on."""
    dropped: tuple[str, ...] = ()
    """What it asked for that the upstream has not, in its words."""


PIECE = 200
"""Bytes of plain JSON that cost as much to decode as one message or part costs to translate."""


def weight(body: bytes) -> int:
    """How much work it is to translate a body: its size, or more where it is many small messages or parts.

    A megabyte of the smallest messages takes 120 ms, one of a coding assistant's 5 ms.
    """
    return max(len(body), PIECE * (body.count(b'"role"') + body.count(b'"type"')))


def translate_request(
    request: ModelRequest, model: str, target: Target, limit: int | None = None
) -> OutgoingRequest:
    """Write a request in the upstream's dialect.

    Args:
        request: in another one.
        model: the name to ask for.
        target: what the upstream's model takes.
        limit: of the answer, in tokens, instead of the client's own.

    Raises:
        BadRequest: it cannot be put to this model; names the field and the remedy.
    """
    decoded = DIALECTS[request.dialect].decode_request(request.body)
    if limit is not None:
        decoded = replace(decoded, output_limit=limit)
    conversation, dropped = adapt(decoded, target)
    body = DIALECTS[target.dialect].encode_request(conversation, model=model, target=target)
    return OutgoingRequest(body=body, conversation=replace(decoded, turns=()), dropped=dropped)
