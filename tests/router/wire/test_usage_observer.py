"""What an observer gathers from a reply's events."""

import pytest

from router.types import Usage
from router.wire.events import (
    CallArguments,
    CallEnded,
    CallStarted,
    Failed,
    Foreign,
    RefusalDelta,
    Signature,
    Started,
    Stopped,
    TextDelta,
    ThinkingDelta,
    UsageReport,
)
from router.wire.usage_observer import UsageObserver

FIRST, LAST = Usage(input=9, estimated=True), Usage(input=9, output=4)
CALL = CallStarted(id="c1", name="read")
NOTHING = {"usage": None, "model": "", "started": False, "complete": False, "error": "", "written": 0}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], {}),
        ([Started(id="r1", model="m1")], {"model": "m1"}),
        ([Started(id="r1")], {}),
        ([TextDelta("")], {}),
        ([TextDelta("four")], {"started": True, "written": 4}),
        ([ThinkingDelta("hm")], {"started": True, "written": 2}),
        ([RefusalDelta("no")], {"started": True, "written": 2}),
        ([Signature(signature="s")], {}),
        ([CALL], {"started": True}),
        ([CALL, CallArguments("{}"), CallEnded()], {"started": True, "written": 2}),
        ([Foreign("server_tool_use")], {"started": True}),
        ([Foreign("web_search_tool_result")], {}),
        ([UsageReport(FIRST), UsageReport(LAST)], {"usage": LAST}),
        ([Stopped(reason="unstated")], {"complete": True}),
        ([Failed(message="no memory")], {"error": "no memory"}),
        ([Failed(message="", kind="overloaded_error")], {"error": "overloaded_error"}),
    ],
)
def test_what_is_gathered(events, expected):
    whole, singly = UsageObserver(), UsageObserver()
    whole.observe(events)
    for event in events:
        singly.observe([event])
    for observer in (whole, singly):
        assert {name: getattr(observer, name) for name in NOTHING} == NOTHING | expected


def test_the_model_that_was_asked_for_counts_until_the_upstream_names_one():
    observer = UsageObserver("asked")
    observer.observe([Started(id="r1")])
    assert observer.model == "asked"
    observer.observe([Started(id="r1", model="served")])
    assert observer.model == "served"
