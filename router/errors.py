"""Everything that can go wrong, as one tree; only `app` turns it into an answer.

    TurnoutError                      has `status`, `kind` (the provider's error type), `message`
    ├── BadRequest            400     the client's request cannot be served as it is
    │   ├── NotFound          404
    │   ├── MethodNotAllowed  405
    │   ├── RequestTimeout    408
    │   ├── Conflict          409
    │   ├── TooLarge          413
    │   ├── UnsupportedMedia  415
    │   ├── NoWebSocket       426
    │   └── HeadersTooLarge   431
    ├── BadKey                401     a Turnout key is required and this is none
    ├── OverBudget            402     the budget is used up, and the policy or the budget says `over: error`
    ├── NotAllowed            403     this key, team or address may not do that
    ├── RateLimited           429     too many requests or tokens this minute
    ├── Unavailable           503     something that is needed does not answer now; trying again helps
    ├── Misconfigured                 settings, policy or start-up; never reaches a client
    └── TrackError                    a track could not open a reply; carries its `cause` (in `router.types`)

`kind` uses Anthropic's words; each dialect maps them to its own.
"""

from collections.abc import Iterable

from policies.decision import Decision


class TurnoutError(Exception):
    """Base of all: a message for a person, and how it maps to HTTP."""

    status = 500
    kind = "api_error"
    record = "internal error"
    """What the ledger and the log call it: our words alone, while `message` may quote an upstream."""
    retry_after: float | None = None
    """Seconds after which trying again may help."""
    decision: Decision | None = None
    """Which track failed last, where one was tried."""

    def __init__(self, message: str, *, status: int | None = None, kind: str | None = None) -> None:
        """Keep `message` as what the client is shown; it names the field and the remedy."""
        super().__init__(message)
        self.message = message
        self.status = status if status is not None else type(self).status
        self.kind = kind if kind is not None else type(self).kind

    @property
    def label(self) -> str:
        """What a header may tell; proxies write heads down."""
        return self.message


class BadRequest(TurnoutError):
    """The body, a header or a parameter is wrong; trying again will not help."""

    status = 400
    kind = "invalid_request_error"
    record = "bad request"


class NotFound(BadRequest):
    """The path, or what its last part or the body names, does not exist."""

    status = 404
    kind = "not_found_error"
    record = "not found"


class MethodNotAllowed(BadRequest):
    """The path exists and does not take this method.

    Args:
        message: as for all.
        allowed: the methods that it takes.
    """

    status = 405
    kind = "method_not_allowed"
    record = "method not allowed"

    def __init__(self, message: str, *, allowed: Iterable[str]) -> None:
        """Keep the methods, for the field `allow`."""
        super().__init__(message)
        self.allowed = tuple(allowed)


class RequestTimeout(BadRequest):
    """The body came too slowly."""

    status = 408
    record = "request timeout"


class Conflict(BadRequest):
    """What is to be created exists already."""

    status = 409
    record = "conflict"


class TooLarge(BadRequest):
    """The body is larger than `max_body_mb`, or holds too many values."""

    status = 413
    record = "request too large"
    kind = "request_too_large"


class UnsupportedMedia(BadRequest):
    """The body's type or encoding is none that is read here."""

    status = 415
    record = "unsupported media type"


class NoWebSocket(BadRequest):
    """A WebSocket is asked for, and there is none; at this status Codex goes on over HTTP at once."""

    status = 426
    record = "no WebSocket"


class HeadersTooLarge(BadRequest):
    """The head has too many fields."""

    status = 431
    record = "head too large"


class BadKey(TurnoutError):
    """Keys exist, and the request carries none of them."""

    status = 401
    kind = "authentication_error"
    record = "wrong key"


class OverBudget(TurnoutError):
    """There is no money left. 402, since clients send a 429 again and again."""

    status = 402
    kind = "billing_error"
    record = "over budget"


class NotAllowed(TurnoutError):
    """Whoever asks is known, and may not do this."""

    status = 403
    kind = "permission_error"
    record = "not allowed"


class RateLimited(TurnoutError):
    """A limit per minute is reached; `retry_after` seconds from now there is room."""

    status = 429
    kind = "rate_limit_error"
    record = "rate limited"

    def __init__(self, message: str, *, retry_after: float) -> None:
        """See the class."""
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(TurnoutError):
    """Something that is needed cannot be used now; trying again later helps."""

    status = 503
    kind = "overloaded_error"
    record = "unavailable"


class Misconfigured(TurnoutError):
    """Settings or a policy file are wrong: says file, line and the nearest valid name."""

    record = "misconfigured"
