"""The body of `POST /v1/feedback`."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from router.errors import BadRequest
from router.features.unique_keys import check_keys


class Feedback(BaseModel):
    """A person's verdict on the answer to a request."""

    model_config = ConfigDict(extra="forbid", strict=True)

    request_id: str = Field(max_length=64, pattern=r"^[0-9A-Za-z_-]+$")
    """From the answer's `x-turnout-request-id`."""
    verdict: Literal["good", "bad", "should_be_cloud", "should_be_local"]


def read_feedback(body: bytes) -> Feedback:
    """Parse a body.

    Raises:
        BadRequest: it is not a JSON object with these two fields; the message names the wrong one.
    """
    check_keys(body)
    try:
        return Feedback.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "body"
        raise BadRequest(
            f"{where}: {first['msg']}; send "
            '{"request_id": "...", "verdict": "good" | "bad" | "should_be_cloud" | "should_be_local"}'
        ) from error
