"""Each ask is read once, off the event loop; where there is no model nobody reads it."""

import asyncio
import json
import threading
from collections.abc import Sequence

import pytest

from classifiers.ask_model import AskModelRefused, Reading, shipped
from classifiers.features import Features, Kind
from router.features.ask_reader import AskReader
from router.features.extractor import FeatureExtractor
from router.system.time_slices import Pacing, finish
from router.training.envelopes import model_request
from router.types import DialectName


class Counting:
    """A model that says how often and where it was asked."""

    def __init__(self) -> None:
        self.asks: list[str] = []
        self.earlier: list[Sequence[str]] = []
        self.threads: set[int] = set()

    def predict(self, ask: str, earlier: Sequence[str] = ()) -> Reading:
        self.asks.append(ask)
        self.earlier.append(earlier)
        self.threads.add(threading.get_ident())
        return Reading(0.25, 0.75)


def read(reader: AskReader, features: Features) -> float | None:
    return finish(reader.reading(features)).self_contained


def test_an_ask_is_read_once() -> None:
    model = Counting()
    reader = AskReader(lambda: model)
    for _ in range(3):
        assert read(reader, Features(ask="one", turns=1)) == 0.25
    assert read(reader, Features(ask="two", kind="agent", turns=2)) == 0.25
    assert model.asks == ["one", "two"]


def test_an_ask_is_read_with_what_was_asked_before_it() -> None:
    model = Counting()
    reader = AskReader(lambda: model)
    for earlier in (("what is a mutex?",), ("fix the login page",)):
        features = Features(ask="why?", newest_ask="why?", earlier_asks=earlier)
        assert finish(reader.reading(features)).follow_up
    assert model.earlier == [("what is a mutex?",), ("fix the login page",)]


def test_an_ask_that_holds_two_is_not_taken_for_them() -> None:
    model = Counting()
    reader = AskReader(lambda: model)
    assert read(reader, Features(ask="a\0b", newest_ask="a\0b")) == 0.25
    assert read(reader, Features(ask="a", newest_ask="a", earlier_asks=("b",))) == 0.25
    assert read(reader, Features(ask="?", newest_ask="?")) == 0.25
    assert read(reader, Features(ask="\ud83d", newest_ask="\ud83d")) == 0.25
    assert model.asks == ["a\0b", "a", "?", "\ud83d"]


def test_what_the_rules_say_of_a_follow_up_stands_where_nothing_earlier_is_known() -> None:
    # After a compaction the asks are gone, and "go on" goes on all the same.
    reader = AskReader(Counting)
    assert finish(reader.reading(Features(ask="go on", newest_ask="go on", follow_up=True))).follow_up
    assert not finish(reader.reading(Features(ask="go on", newest_ask="go on"))).follow_up


def test_an_image_alone_is_read_by_the_ask_that_it_goes_on_from() -> None:
    model = Counting()
    features = Features(ask="what is wrong here?\n\n", earlier_asks=("what is wrong here?",), follow_up=True)
    assert finish(AskReader(lambda: model).reading(features)).follow_up
    assert (model.asks, model.earlier) == (["what is wrong here?\n\n"], [()])


@pytest.mark.parametrize("kind", ["autocomplete", "housekeeping", "guard"])
def test_side_requests_are_not_read(kind: Kind) -> None:
    model = Counting()
    assert read(AskReader(lambda: model), Features(ask="title this", kind=kind)) is None
    assert not model.asks


def test_without_an_ask_nothing_is_read() -> None:
    model = Counting()
    assert read(AskReader(lambda: model), Features(kind="agent")) is None
    assert not model.asks


def test_it_is_read_in_another_thread() -> None:
    model = Counting()
    reader = AskReader(lambda: model)
    features = asyncio.run(Pacing().drive(reader.reading(Features(ask="x"))))
    assert features.self_contained == 0.25
    assert threading.get_ident() not in model.threads


def test_a_refused_model_is_asked_for_once_and_nobody_reads() -> None:
    loads = []

    def load() -> Counting:
        loads.append(1)
        raise AskModelRefused("format 0")

    reader = AskReader(load)
    assert not reader.warm()
    for _ in range(3):
        assert read(reader, Features(ask="x")) is None
    assert len(loads) == 1


class Failing:
    def predict(self, ask: str, earlier: Sequence[str] = ()) -> Reading:
        raise ValueError(ask)


def test_an_ask_that_the_model_fails_on_is_left_to_the_rules() -> None:
    assert read(AskReader(Failing), Features(ask="x", files=3)) is None


def test_any_failure_to_load_is_a_refusal() -> None:
    def load() -> Counting:
        raise NotImplementedError("compression")

    reader = AskReader(load)
    assert not reader.warm()
    assert read(reader, Features(ask="x")) is None


@pytest.mark.parametrize("dialect", ["anthropic_messages", "openai_chat"])
def test_a_request_is_read_with_its_ask(dialect: DialectName) -> None:
    body = {"model": "auto", "messages": [{"role": "user", "content": "What is a mutex?"}]}
    request = model_request(json.dumps(body).encode(), dialect)
    features = FeatureExtractor(asks=AskReader()).read(request)
    assert features.self_contained == round(shipped().predict("What is a mutex?").self_contained, 4)
    assert FeatureExtractor().read(request).self_contained is None
