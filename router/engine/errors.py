"""Errors that the engine's server answers with, in OpenAI's form."""

from collections.abc import Mapping

from router.errors import BadRequest, TurnoutError, Unavailable


class EngineError(TurnoutError):
    """An error with OpenAI's `code`, the field at fault in `param`, and `extra` members."""

    code = ""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        extra: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code if code is not None else type(self).code
        self.param = param
        self.extra = dict(extra or {})


class Refused(EngineError, BadRequest):
    """The request cannot be served as it is; trying again will not help."""

    code = "invalid_value"


class EngineFailed(EngineError):
    """The engine broke off; nothing the client can change."""

    code = "engine_failed"


class BadToolCall(EngineError):
    """The model's tool call is not valid, and a second try was not, either."""

    status = 422
    code = "bad_tool_call"


class QueueFull(EngineError, Unavailable):
    """The queue has reached its limit; trying again later helps."""

    code = "queue_full"
    retry_after = 2.0
