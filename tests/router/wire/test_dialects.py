import pytest

from router.wire import detect_dialect

CASES = [
    (b'{"messages":[{"role":"user","content":"hi"}]}', "openai_chat"),
    (b'{"messages":[{"role":"system","content":"s"},{"role":"user","content":"hi"}]}', "openai_chat"),
    (b'{"system":"s","messages":[{"role":"user","content":"hi"}]}', "anthropic_messages"),
    (
        b'{"messages":[{"role":"user","content":"hi"}],"tools":[{"name":"a","input_schema":{}}]}',
        "anthropic_messages",
    ),
    (
        b'{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t"}]}]}',
        "anthropic_messages",
    ),
    (b'{"messages":[{"role":"user","content":[{"type":"image_url"}]}]}', "openai_chat"),
    (
        b'{"messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{}}]}',
        "openai_chat",
    ),
    (b'{"messages": "wrong"}', "openai_chat"),
    (b"[1]", "openai_chat"),
    (b"nonsense", "openai_chat"),
]


@pytest.mark.parametrize(("body", "dialect"), CASES)
def test_shape_tells_the_dialect(body: bytes, dialect: str) -> None:
    assert detect_dialect(body) == dialect
