"""Through Gemini's and Ollama's dialects, and bare prompts, nothing leaves that is protected."""

from foreign_places import foreign
from judge import judge
from test_leaks import report


def test_in_every_place(fence):
    leaks, idle = report(judge(fence, list(foreign()), "f"))
    assert leaks == []
    assert idle == []
