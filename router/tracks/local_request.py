"""What a local server is sent: Chat Completions, whatever dialect the client speaks."""

from typing import Any

import msgspec

from router.tracks.outgoing import OutgoingRequest, translate_request
from router.types import ModelRequest
from router.wire.capabilities import LOCAL, drop_fields
from router.wire.chat_history import repair_body

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _Streaming(msgspec.Struct):
    stream_options: Any = None


def local_request(request: ModelRequest, model: str, limit: int | None = None) -> OutgoingRequest:
    """Write the body of `POST /v1/chat/completions`; a stream always reports its usage.

    Args:
        request: in any dialect.
        model: the name to ask for.
        limit: of the answer, in tokens, instead of the client's own.

    Raises:
        BadRequest: it cannot be put to a local model.
    """
    if request.dialect != LOCAL.dialect:
        return translate_request(request, model, LOCAL, limit)
    fields, dropped = drop_fields(_FIELDS.decode(repair_body(request.body)), LOCAL)
    fields["model"] = msgspec.Raw(msgspec.json.encode(model))
    if "max_completion_tokens" in fields:
        fields["max_tokens"] = fields.pop("max_completion_tokens")  # the older name is known everywhere
    if limit is not None:
        fields["max_tokens"] = msgspec.Raw(b"%d" % limit)
    if request.stream:
        fields["stream_options"] = msgspec.Raw(b'{"include_usage":true}')
    return OutgoingRequest(body=msgspec.json.encode(fields), dropped=dropped)


def wants_usage(body: bytes) -> bool:
    """Whether the client of a streamed chat asked for the usage chunk."""
    options = msgspec.json.decode(body, type=_Streaming).stream_options
    return isinstance(options, dict) and options.get("include_usage") is True
