"""The envelope is read, the model is named, and nothing else of a body changes."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import BadRequest
from router.wire import DIALECTS, Envelope
from router.wire.body import mend, name_model

USER = b'"messages":[{"role":"user","content":"hi"}]'
BOTH = pytest.mark.parametrize("dialect", ["openai_chat", "anthropic_messages"])
"""Those of which a body has `messages`."""

ACCEPTED = [
    (b'{"model":"m","stream":true,%b}' % USER, Envelope(model="m", stream=True)),
    (b'{"model":"m","stream":false,%b}' % USER, Envelope(model="m", stream=False)),
    (b'{"model":"m","stream":null,%b}' % USER, Envelope(model="m", stream=False)),
    (b" \n{%b}" % USER, Envelope(model="", stream=False)),
    (b'{"model":null,%b}' % USER, Envelope(model="", stream=False)),
    (b'{"mod\\u0065l":"m",%b}' % USER, Envelope(model="m", stream=False)),
    (b'{"model":"a","model":"b",%b}' % USER, Envelope(model="b", stream=False)),
    (
        b'{"messages":[{"role":"system","content":[]},{"role":"user","content":null}]}',
        Envelope(model="", stream=False),
    ),
    (
        b'{"messages":[{"role":"user","content":[{"type":"hologram","x":1}],"z":0}],"new":{}}',
        Envelope(model="", stream=False),
    ),
    (
        b'{"max_tokens":128000,"tools":[{"type":"web_search_20250305"}],%b}' % USER,
        Envelope(model="", stream=False),
    ),
]

REFUSED = [
    (b"", "the body is not valid JSON: it ends too early, at byte 0"),
    (b'{"a":1', "the body is not valid JSON: it ends too early, at byte 6"),
    (b'{"a" 1}', "the body is not valid JSON: expected ':' at byte 5"),
    (b'{"messages":[{"role":"\xff"}]}', "the body is not valid JSON: invalid UTF-8"),
    (b"[]", "the body must be a JSON object"),
    (b"3", "the body must be a JSON object"),
    (b"{}", "messages: must be a non-empty array (it is missing)"),
    (b'{"messages":[]}', "messages: must be a non-empty array"),
    (b'{"messages":{"role":"user"}}', "messages: must be a non-empty array"),
    (b'{"messages":["hi"]}', "messages[0]: must be an object with `role` and `content`"),
    (b'{"messages":[{"role":"user"},{"content":"x"}]}', "messages[1].role: must be a string, such as `user`"),
    (b'{"messages":[{"role":7}]}', "messages[0].role: must be a string, such as `user`"),
    (
        b'{"messages":[{"role":"user","content":7}]}',
        "messages[0].content: must be a string or an array of objects",
    ),
    (
        b'{"messages":[{"role":"user","content":["a"]}]}',
        "messages[0].content[0]: must be an object with a `type`",
    ),
    (b'{"model":7,%b}' % USER, "model: must be a string; leave it out to let the policy choose"),
    (b'{"stream":"yes",%b}' % USER, "stream: must be true or false"),
    (b'{"tools":{},%b}' % USER, "tools: must be an array of objects"),
    (b'{"max_tokens":"9",%b}' % USER, "max_tokens: must be an integer"),
    (b'{"x":' * 20_000, "the body is nested too deeply"),
]


@BOTH
@pytest.mark.parametrize(("body", "envelope"), ACCEPTED)
def test_the_envelope_is_read(dialect, body, envelope):
    assert DIALECTS[dialect].read(body) == envelope


@BOTH
@pytest.mark.parametrize(("body", "message"), REFUSED)
def test_a_refusal_names_the_field_and_the_remedy(dialect, body, message):
    with pytest.raises(BadRequest) as refused:
        DIALECTS[dialect].read(body)
    assert refused.value.message.startswith(message)
    assert refused.value.status == 400


def test_fields_of_one_dialect_are_checked_there_only():
    body = b'{"system":5,"max_completion_tokens":"9",%b}' % USER
    with pytest.raises(BadRequest, match=r"^system: must be a string or an array of objects"):
        DIALECTS["anthropic_messages"].read(body)
    with pytest.raises(BadRequest, match=r"^max_completion_tokens: must be an integer"):
        DIALECTS["openai_chat"].read(body)


NAMED = [
    (b'{"model":"a","x":1}', b'{"model":"new","x":1}'),
    (b'{ "x" : 1 ,\r\n\t"model" \n:\t "a" }\n', b'{ "x" : 1 ,\r\n\t"model" \n:\t "new" }\n'),
    (b'{"z":{"model":"a"},"model":"a"}', b'{"z":{"model":"a"},"model":"new"}'),
    (b'{"model":"a","z":{"model":"a"}}', b'{"model":"new","z":{"model":"a"}}'),
    (b'{"z":[{"model":"new"}],"model":"a"}', b'{"z":[{"model":"new"}],"model":"new"}'),
    (b'{"z":[{"model":"new"}],"model":"new"}', b'{"z":[{"model":"new"}],"model":"new"}'),
    (b'{"t":"\\"model\\": \\"a\\"","model":"a"}', b'{"t":"\\"model\\": \\"a\\"","model":"new"}'),
    (b'{"t":"model","model":"a"}', b'{"t":"model","model":"new"}'),
    (b'{"x\\"model":"a","model":"a"}', b'{"x\\"model":"a","model":"new"}'),
    (b'{"model":"a\\"b\\u00e9\\\\","x":"\\u00e9\xc3\xa9"}', b'{"model":"new","x":"\\u00e9\xc3\xa9"}'),
    (b'{"model":"a","model":"b"}', b'{"model":"a","model":"new"}'),
    (b'{"x":1,"x":2,"model":"a"}', b'{"x":1,"x":2,"model":"new"}'),
    (b'{"model":null,"x":1}', b'{"model":"new","x":1}'),
    (b'{"x":{"model":{"model":"a"}},"y":0}', b'{"model":"new","x":{"model":{"model":"a"}},"y":0}'),
    (b' { "x": 1 }', b' {"model":"new", "x": 1 }'),
    (b"{}", b'{"model":"new"}'),
    (b'{ "mod\\u0065l": "a", "x": [1, 2.50]}', b'{"model":"new","x":[1, 2.50]}'),
    (b'{"x":{"model":null},"model":"n\\u0065w"}', b'{"x":{"model":null},"model":"new"}'),
    (b'{"model":"n\\u0065w","x":{"model":null}}', b'{"model":"new","x":{"model":null}}'),
]


@pytest.mark.parametrize(("body", "named"), NAMED)
def test_only_the_top_level_model_changes(body, named):
    result = name_model(body, "new")
    assert json.loads(result)["model"] == "new"
    assert result == named


def test_a_name_is_escaped():
    assert name_model(b'{"model":"a"}', 'q"\\é') == b'{"model":"q\\"\\\\\xc3\xa9"}'


def test_ten_thousand_nested_candidates_are_one_search():
    nested = b",".join([b'{"model":"a"}'] * 10_000)
    assert name_model(b'{"z":[%b],"model":"a"}' % nested, "new") == b'{"z":[%b],"model":"new"}' % nested


KEYS = st.sampled_from(["model", 'a"model', "model:", "x", 'y\\"model": "m'])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | KEYS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


@given(
    fields=st.dictionaries(KEYS, JSON, max_size=5),
    model=st.none() | st.text(max_size=5) | KEYS,
    new=KEYS | st.text(max_size=5),
    indent=st.sampled_from([None, 1]),
)
def test_any_body_keeps_everything_but_its_model(fields, model, new, indent):
    fields = fields | {"model": model}
    body = json.dumps(fields, indent=indent).encode()
    assert json.loads(name_model(body, new)) == fields | {"model": new}


MENDED = [
    (rb'"a\ud83d b"', rb'"a\ufffd b"'),
    (rb'"\uDC00"', rb'"\ufffd"'),
    (rb'"\ud83d\ud83d\ude00\ude00"', rb'"\ufffd\ud83d\ude00\ufffd"'),
    (rb'"\ud83d\n\ude00"', rb'"\ufffd\n\ufffd"'),
    (rb'"\ud83d\ude00 \u00e9"', rb'"\ud83d\ude00 \u00e9"'),
    (rb'"\\ud83d \\\ud83d"', rb'"\\ud83d \\\ufffd"'),
    (rb'"\ud83"', rb'"\ud83"'),
]


@pytest.mark.parametrize(("body", "mended"), MENDED)
def test_half_a_surrogate_pair_is_mended_and_nothing_else(body, mended):
    assert mend(body) == mended


@given(st.text(st.characters(codec=None) | st.sampled_from('\ud83d\ude00\\u"')))
def test_what_is_mended_can_be_decoded_and_says_the_same(text):
    body = json.dumps(text).encode()
    mended = mend(body)
    assert len(mended) == len(body)
    whole = json.loads(body)  # joins a pair that json.dumps wrote as two halves
    assert msgspec.json.decode(mended) == "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in whole)
