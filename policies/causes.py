"""Why a track could not serve, and which of that a policy may answer by another track."""

from collections.abc import Mapping
from typing import Literal

_LocalFailure = Literal[
    "overflow",  # the prompt does not fit the model's window
    "bad_tool_call",  # the local model's tool call stayed invalid after a changed retry
    "local_error",  # the engine is down, died, or answered with an error
    "slow",  # nothing useful came within the policy's first_byte_s
    "unsupported",  # this track cannot do what the request needs (images, ...)
]
Setback = Literal[
    "same_call_failed",  # a tool call failed again with the same arguments
    "same_test_failed",  # a test failed again after an edit
    "edit_rejected",  # edits in a row do not apply
    "error_streak",  # tool calls fail in a row
    "no_edit_after",  # so many calls of the turn, and nothing is edited
    "window_filled",  # the prompt fills this share of the local model's window
]
"""What the conversation itself tells of a local turn that does not go well."""
EscalationCause = Literal[_LocalFailure, "turn_too_long", Setback]
"""What a policy's `escalate` may name."""
DegradeCause = Literal[
    "no_credential",  # nothing to authenticate to the provider with
    "cloud_error",  # the provider is down, overloaded, or answered 5xx / 429
]
"""What a policy's `degrade` may name."""
Cause = Literal[_LocalFailure, DegradeCause, "private"]
"""Why an attempt at a track failed; `private`: the policy forbids that this leaves the machine."""

CAUSES: Mapping[Cause, str] = {
    "overflow": "the prompt does not fit the model's window",
    "bad_tool_call": "the local model's tool call stayed invalid",
    "local_error": "the local model failed",
    "cloud_error": "the provider failed",
    "no_credential": "no credential for the provider",
    "private": "this must not leave the machine",
    "slow": "nothing useful came in time",
    "unsupported": "the track cannot do what the request needs",
}
"""Causes in words for the ledger."""
ESCALATED: Mapping[str, str] = {
    "overflow": "the prompt does not fit the local window",
    "turn_too_long": "the turn has gone on too long for the local model",
    "local_error": "the local model is down or failed",
    "bad_tool_call": "the local model's tool call stayed invalid",
    "slow": "the local model gave nothing useful in time",
    "unsupported": "the local model cannot do what this needs",
    "same_call_failed": "the same tool call failed again",
    "same_test_failed": "the same test failed again after an edit",
    "edit_rejected": "edits do not apply",
    "error_streak": "tool calls fail in a row",
    "no_edit_after": "many calls, and nothing is edited",
    "window_filled": "the local window is nearly full",
}
"""Why the cloud serves in the local track's place, by `EscalationCause`."""
OUTAGES = frozenset({"local_error", "slow"})
"""Causes that tell of the local model's state alone: once it is well again, so is the work there."""
DEGRADED: Mapping[str, str] = {
    "no_credential": "there is no credential for the cloud",
    "cloud_error": "the cloud failed",
}
"""Why the local track serves in the cloud's place, by `DegradeCause`."""
