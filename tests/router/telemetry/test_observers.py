import pytest

from router.telemetry.observers import Watched


class Request:
    id = "r1"


class Plan:
    request = Request()


class Book:
    def __init__(self, told):
        self.told = told

    def begin(self, plan):
        self.told.append("begin")

    def finish(self, request_id, outcome):
        self.told.append("finish")


class Watcher:
    def __init__(self, told, *, broken=False):
        self.told, self.broken = told, broken

    def began(self, plan):
        self._tell("began", plan)

    def finished(self, plan, outcome):
        self._tell("finished", plan, outcome)

    def _tell(self, *what):
        if self.broken:
            raise RuntimeError("a defect")
        self.told.append(what)


@pytest.fixture
def told():
    return []


def test_the_ledger_is_told_first_then_who_watches(told):
    ledger, plan = Watched(Book(told), [Watcher(told)]), Plan()
    ledger.begin(plan)
    ledger.finish("r1", "outcome")
    assert told == ["begin", ("began", plan), "finish", ("finished", plan, "outcome")]


def test_a_watcher_with_a_defect_changes_nothing_for_the_others(told):
    ledger = Watched(Book(told), [Watcher(told, broken=True), Watcher(told)])
    ledger.begin(Plan())
    ledger.finish("r1", "outcome")
    assert [one if isinstance(one, str) else one[0] for one in told] == [
        "begin",
        "began",
        "finish",
        "finished",
    ]


def test_an_end_without_a_beginning_and_a_second_end_tell_nobody(told):
    ledger = Watched(Book(told), [Watcher(told)])
    ledger.finish("other", "outcome")
    ledger.begin(Plan())
    ledger.finish("r1", "outcome")
    ledger.finish("r1", "outcome")
    assert sum(one[0] == "finished" for one in told) == 1
    assert ledger._plans == {}
