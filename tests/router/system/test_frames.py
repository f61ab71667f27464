"""Values travel between two processes as they are; large bytes beside the rest, and never back again."""

import os
import threading

import pytest

from router.system.frames import LARGE, Frame, read


def travel(frame: Frame, sent=()):
    """Through a pipe, which takes less at once than a frame has."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as source, os.fdopen(writing, "wb") as target:
        thread = threading.Thread(target=frame.write, args=(target,))
        thread.start()
        result = read(source, sent)
        thread.join()
    return result


def test_large_bytes_travel_beside_the_rest():
    large, small = b"x" * (LARGE + 1), b"y" * LARGE
    frame = Frame((large, {"again": [large, small]}, None))
    assert frame.large == [large]
    value, received = travel(frame)
    assert value == (large, {"again": [large, small]}, None)
    assert received == [large]
    assert value[0] is value[1]["again"][0]


def test_what_came_is_not_sent_back():
    sent = [b"a" * (LARGE + 1), b"b" * (LARGE + 1)]
    _, received = travel(Frame(sent))
    answer = Frame((received[1], b"c" * (LARGE + 2)), received)
    assert list(map(len, answer.large)) == [LARGE + 2]
    value, _ = travel(answer, sent)
    assert value[0] is sent[1]
    assert value[1] == b"c" * (LARGE + 2)


def test_an_end_that_is_gone_is_noticed():
    reading, writing = os.pipe()
    os.write(writing, b"\0")
    os.close(writing)
    with os.fdopen(reading, "rb") as source, pytest.raises(EOFError):
        read(source)
    with pytest.raises(EOFError):
        Frame(1).write(None)
