import pytest

from router.telemetry.observers import ObservedLedger


class Request:
    id = "r1"


class Plan:
    request = Request()


class Book:
    def __init__(self, events):
        self.events = events

    def begin(self, plan):
        self.events.append("begin")

    def move(self, request_id):
        self.events.append("move")

    def finish(self, request_id, outcome):
        self.events.append("finish")


class Recorder:
    def __init__(self, events, *, broken=False):
        self.events, self.broken = events, broken

    def began(self, plan):
        self._record("began", plan)

    def finished(self, plan, outcome):
        self._record("finished", plan, outcome)

    def _record(self, *what):
        if self.broken:
            raise RuntimeError("a defect")
        self.events.append(what)


@pytest.fixture
def events():
    return []


def test_the_ledger_comes_first_then_its_observers(events):
    ledger, plan = ObservedLedger(Book(events), [Recorder(events)]), Plan()
    ledger.begin(plan)
    ledger.finish("r1", "outcome")
    assert events == ["begin", ("began", plan), "finish", ("finished", plan, "outcome")]


def test_an_observer_with_a_defect_changes_nothing_for_the_others(events):
    ledger = ObservedLedger(Book(events), [Recorder(events, broken=True), Recorder(events)])
    ledger.begin(Plan())
    ledger.finish("r1", "outcome")
    assert [event if isinstance(event, str) else event[0] for event in events] == [
        "begin",
        "began",
        "finish",
        "finished",
    ]


def test_an_end_without_a_beginning_and_a_second_end_record_nobody(events):
    ledger = ObservedLedger(Book(events), [Recorder(events)])
    ledger.finish("other", "outcome")
    ledger.begin(Plan())
    ledger.finish("r1", "outcome")
    ledger.finish("r1", "outcome")
    assert sum(event[0] == "finished" for event in events) == 1
    assert ledger.in_flight() == []
