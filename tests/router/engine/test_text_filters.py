import pytest

from router.engine.text_filters import StopFilter, ThinkingFilter


def through(filter_, text, size):
    parts = [filter_.feed(text[i : i + size]) for i in range(0, len(text), size)]
    return "".join(parts) + filter_.close()


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
@pytest.mark.parametrize(
    ("inside", "text", "output"),
    [
        (False, "Hello <think> later", "Hello <think> later"),
        (False, "<think>\nhm\n</think>\n\nHello", "Hello"),
        (False, "\n<think></think>Hello", "Hello"),
        (False, "<thing>", "<thing>"),
        (False, "<thin", "<thin"),
        (False, "  ", "  "),
        (False, "<think>never ends", ""),
        (True, "hm</think>Hello", "Hello"),
        (True, "never ends", ""),
    ],
)
def test_thoughts(inside, text, output, size):
    assert through(ThinkingFilter(inside=inside), text, size) == output


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
@pytest.mark.parametrize(
    ("stops", "text", "output", "match"),
    [
        ((), "abc", "abc", ""),
        (("END",), "abc EN", "abc EN", ""),
        (("END",), "abc END def", "abc ", "END"),
        (("###", "\n\n"), "a\n# b\n\nc", "a\n# b", "\n\n"),
        (("aab",), "aaab", "a", "aab"),
    ],
)
def test_stops(stops, text, output, match, size):
    filter_ = StopFilter(stops)
    passed = ""
    for i in range(0, len(text), size):
        passed += filter_.feed(text[i : i + size])
        if filter_.match:
            break
    assert (passed + filter_.close(), filter_.match) == (output, match)
