"""Edits of every format: as little text as needed, whatever the layout, and nothing of the user's lost."""

import json
import re
import tomllib

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from router.connect.formats.document import DOTENV, JSONC, TOML, YAML, apply, read, take_back
from router.connect.formats.edits import Edit, Unreadable, expect

URL = "http://127.0.0.1:4747"


def made(form, text, *edits):
    return apply(text.encode(), form, edits)[0].decode()


def made_and_taken_back(form, text, edit):
    """The edited text, once what was put in could be taken out of it again, or was not to be told."""
    after, hunks = apply(text.encode(), form, [edit])
    assert take_back(after, form, hunks) in {text.encode(), None}
    return after.decode()


def refuses(form, text, edit):
    try:
        made(form, text, edit)
    except Unreadable:
        return True
    return False


def is_subsequence(short, long):
    rest = iter(long)
    return all(character in rest for character in short)


JSON_CASES = {
    "empty file": ("", '{\n  "env": {\n    "A": "x"\n  }\n}\n'),
    "nothing but a comment": ("// mine\n", '// mine\n{\n  "env": {\n    "A": "x"\n  }\n}\n'),
    "empty object": ("{}", '{\n  "env": {\n    "A": "x"\n  }\n}'),
    "on one line": ('{"a": 1}', '{"a": 1, "env": {"A": "x"}}'),
    "on one line, trailing comma": ('{"a": 1,}\n', '{"a": 1, "env": {"A": "x"},}\n'),
    "member on one line": ('{"env": {"B": "y"}}', '{"env": {"B": "y", "A": "x"}}'),
    "replaced": ('{"env" : { "A":"old" /* my */ }}', '{"env" : { "A":"x" /* my */ }}'),
    "tabs": ('{\n\t"a": 1\n}\n', '{\n\t"a": 1,\n\t"env": {\n\t\t"A": "x"\n\t}\n}\n'),
    "comment after the last": (
        '{\n    "a": 1 // why\n    // end\n}',
        '{\n    "a": 1, // why\n    "env": {\n        "A": "x"\n    }\n    // end\n}',
    ),
    "trailing comma": (
        '{\n  "a": 1, // why\n}',
        '{\n  "a": 1, // why\n  "env": {\n    "A": "x"\n  },\n}',
    ),
    "brace on the last line": (
        '{"a": 1,\n "b": 2 }',
        '{"a": 1,\n "b": 2,\n "env": {\n  "A": "x"\n }\n }',
    ),
    "comment in an empty object": (
        "{\n  // none yet\n}\n",
        '{\n  // none yet\n  "env": {\n    "A": "x"\n  }\n}\n',
    ),
    "the last of a name counts": ('{"env": {}, "env": {"A": 1}}', '{"env": {}, "env": {"A": "x"}}'),
    "windows": ('{\r\n  "a": 1\r\n}\r\n', '{\r\n  "a": 1,\r\n  "env": {\r\n    "A": "x"\r\n  }\r\n}\r\n'),
    "byte-order mark": ('\ufeff{"a": 1}', '\ufeff{"a": 1, "env": {"A": "x"}}'),
    "already there": ('{"env":{"A":"x"}}', '{"env":{"A":"x"}}'),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after"), JSON_CASES.values(), ids=JSON_CASES)
def test_a_member_of_jsonc(before, after):
    assert made(JSONC, before, Edit(path=("env", "A"), value="x")) == after


ITEM = Edit(path=(), value={"name": "us", "n": 2}, item_key="name")
ITEM_CASES = {
    "empty file": ("", '[\n  {\n    "name": "us",\n    "n": 2\n  }\n]\n'),
    "appended": ("[1]", '[1, {"name": "us", "n": 2}]'),
    "replaced": ('[{"name":"us"}, 2 ,]', '[{\n  "name": "us",\n  "n": 2\n}, 2 ,]'),
}


@pytest.mark.parametrize(("before", "after"), ITEM_CASES.values(), ids=ITEM_CASES)
def test_an_item_of_jsonc(before, after):
    assert made(JSONC, before, ITEM) == after


TOML_CASES = {
    "empty file": ("", 'model = "auto"\n\n[p.us]\nurl = "u"\n'),
    "tables only": ("[tui]\nx = 1\n", 'model = "auto"\n\n[tui]\nx = 1\n\n[p.us]\nurl = "u"\n'),
    "a schema first": (
        "#:schema https://x/y.json\n[tui]\nx = 1\n",
        '#:schema https://x/y.json\nmodel = "auto"\n\n[tui]\nx = 1\n\n[p.us]\nurl = "u"\n',
    ),
    "a note at the top": (
        "# mine\n\n[tui]\n",
        '# mine\nmodel = "auto"\n\n[tui]\n\n[p.us]\nurl = "u"\n',
    ),
    "replaced": (
        'model = "gpt" # the best\nx = """\n[no] table\n"""\n',
        'model = "auto" # the best\nx = """\n[no] table\n"""\n\n[p.us]\nurl = "u"\n',
    ),
    "after the last of the root": (
        "a = [ # list\n  1,\n  2, ]\n# of tui\n[tui]\nx = 1",
        'a = [ # list\n  1,\n  2, ]\nmodel = "auto"\n# of tui\n[tui]\nx = 1\n\n[p.us]\nurl = "u"',
    ),
    "no end of line": ("a = 1", 'a = 1\nmodel = "auto"\n\n[p.us]\nurl = "u"'),
    "windows": ("a = 1\r\n", 'a = 1\r\nmodel = "auto"\r\n\r\n[p.us]\r\nurl = "u"\r\n'),
    "its table is there": (
        '[p.us]\n  url = "old"   # where\n  more = true\n[[p.them]]\nurl = "v"\n',
        'model = "auto"\n\n[p.us]\n  url = "u"   # where\n  more = true\n[[p.them]]\nurl = "v"\n',
    ),
    "quoted keys": ('[p."us"]\n"url" = \'old\'\n', 'model = "auto"\n\n[p."us"]\n"url" = "u"\n'),
    "dotted keys": ('p.us.url = "old"\n', 'p.us.url = "u"\nmodel = "auto"\n'),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after"), TOML_CASES.values(), ids=TOML_CASES)
def test_keys_and_tables_of_toml(before, after):
    edits = [Edit(path=("model",), value="auto"), Edit(path=("p", "us"), value={"url": "u"})]
    assert made(TOML, before, *edits) == after
    assert made(TOML, after, *edits) == after


YAML_CASES = {
    "empty file": ("", "model: openai/auto\nlist:\n  - name: us\n    n: 2\n"),
    "nothing but a comment": ("# mine\n", "# mine\nmodel: openai/auto\nlist:\n  - name: us\n    n: 2\n"),
    "replaced": (
        "model:   'gpt'  # the best\nx: [1, 2]\n",
        "model:   openai/auto  # the best\nx: [1, 2]\nlist:\n  - name: us\n    n: 2\n",
    ),
    "no value yet": (
        "model:\nlist:\nx: 1\n",
        "model: openai/auto\nlist:\n  - name: us\n    n: 2\nx: 1\n",
    ),
    "no end of line": ("x: 1", "x: 1\nmodel: openai/auto\nlist:\n  - name: us\n    n: 2"),
    "appended": (
        "list:\n- name: a\n  n: 1 # one\n\n# the end\nmodel: a\n",
        "list:\n- name: a\n  n: 1 # one\n- name: us\n  n: 2\n\n# the end\nmodel: openai/auto\n",
    ),
    "item replaced": (
        "list:\n    - n: 1 # old\n      name: us\n    # mine\n    - name: b\nmodel: a\n",
        "list:\n    - name: us\n      n: 2\n    # mine\n    - name: b\nmodel: openai/auto\n",
    ),
    "flow": (
        '{"model": "a", "list": [{"name": "a"}]}\n',
        '{"model": openai/auto, "list": [{"name": "a"}, {"name": "us", "n": 2}]}\n',
    ),
    "empty list": ("model: a\nlist: []\n", 'model: openai/auto\nlist: [{"name": "us", "n": 2}]\n'),
    "windows": ("x: 1\r\n", "x: 1\r\nmodel: openai/auto\r\nlist:\r\n  - name: us\r\n    n: 2\r\n"),
}


@pytest.mark.parametrize(("before", "after"), YAML_CASES.values(), ids=YAML_CASES)
def test_keys_and_items_of_yaml(before, after):
    edits = [
        Edit(path=("model",), value="openai/auto"),
        Edit(path=("list",), value={"name": "us", "n": 2}, item_key="name"),
    ]
    assert made(YAML, before, *edits) == after
    assert made(YAML, after, *edits) == after


DOTENV_CASES = {
    "empty file": ("", "A='x/y'\n"),
    "replaced": ('# mine\nexport A = "old" # why\nB=2', "# mine\nexport A = 'x/y' # why\nB=2"),
    "added": ("B=2", "B=2\nA='x/y'"),
    "windows": ("B=2\r\nA=1\r\n", "B=2\r\nA='x/y'\r\n"),
}


@pytest.mark.parametrize(("before", "after"), DOTENV_CASES.values(), ids=DOTENV_CASES)
def test_a_variable(before, after):
    assert made(DOTENV, before, Edit(path=("A",), value="x/y")) == after


BROKEN = {
    "jsonc: no comma": (JSONC, '{\n  "a": 1\n  "b": 2\n}', "line 3, column 3: `,` or `}` is missing"),
    "jsonc: no end": (JSONC, '{"a": 1', "line 1, column 8: `,` or `}` is missing"),
    "jsonc: two values": (JSONC, "{} {}", "line 1, column 4: there is more"),
    "jsonc: comment without end": (JSONC, "{}\n/* ", "line 2, column 1: this comment has no end"),
    "jsonc: single quotes": (JSONC, "{'a': 1}", "line 1, column 2: a name in double quotes"),
    "jsonc: too deep": (JSONC, "[" * 100_000, "nested too deeply"),
    "jsonc: no object": (JSONC, '{"env": 3}', "line 1, column 9: an object is needed here"),
    "toml: no value": (TOML, "a = 1\nb =\n", "line 2, column 4"),
    "toml: inline table": (TOML, "x = 1\nenv = { B = 1 }", "line 2: `env` is an inline table"),
    "yaml: tab": (YAML, "a: 1\nb:\n\t- c\n", "line 3, column 1"),
    "yaml: two documents": (YAML, "a: 1\n---\nb: 1\n", "line 2, column 1"),
    "yaml: a list": (YAML, "- a\n", "line 1, column 1: a mapping"),
    "dotenv": (DOTENV, "A=1\nwhat is this\n", "line 2: `what is this`"),
    "not UTF-8": (JSONC, None, "line 2, column 3: this byte is not UTF-8"),
}


@pytest.mark.parametrize(("form", "text", "message"), BROKEN.values(), ids=BROKEN)
def test_what_is_broken_is_refused_with_its_place(form, text, message):
    content = b"{\n  \xff}" if text is None else text.encode()
    path = ("env", "A") if form in {JSONC, TOML} else ("A",)
    with pytest.raises(Unreadable, match=re.escape(message)):
        apply(content, form, [Edit(path=path, value="x")])


names = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=6)
scalars = st.none() | st.booleans() | st.integers() | names
containers = lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3)  # noqa: E731
values = st.recursive(scalars, containers, max_leaves=8)
blanks = st.text(" \t\n", max_size=3) | st.sampled_from(
    ["\r\n", '// a, { " note\n', "/* b, } */", " /* c\n */ ", "  // d\r\n"]
)


@st.composite
def jsonc_texts(draw, value=None, depth=0):
    """A JSON value written with comments, blanks and commas anywhere they may stand."""
    value = draw(st.dictionaries(names, values, max_size=4)) if value is None and not depth else value
    blank = lambda: draw(blanks)  # noqa: E731 - one name for each place that may have some
    if isinstance(value, dict | list) and depth < 4:
        is_object = isinstance(value, dict)
        parts = []
        for item in value.items() if is_object else value:
            head = f"{json.dumps(item[0])}{blank()}:" if is_object else ""
            inner = draw(jsonc_texts(item[1] if is_object else item, depth + 1))
            parts.append(f"{blank()}{head}{blank()}{inner}{blank()}")
        text = ",".join(parts)
        if parts and draw(st.booleans()):
            text += f",{blank()}"
        opened, closed = "{}" if is_object else "[]"
        inside = text or blank()
        return f"{opened}{inside}{closed}" if depth else f"{blank()}{opened}{inside}{closed}{blank()}"
    return json.dumps(value, ensure_ascii=draw(st.booleans()))


@given(jsonc_texts(), st.sampled_from([("env",), ("env", "A"), ("a", "b", "c")]), st.booleans())
def test_any_layout_of_jsonc_keeps_what_it_has(text, path, mark):
    content = (("\ufeff" if mark else "") + text).encode()
    data = read(content, JSONC)
    edit = Edit(path=path, value=URL)
    try:
        expected = expect(data, edit)
    except Unreadable:
        return
    after, hunks = apply(content, JSONC, [edit])
    assert read(after, JSONC) == expected
    if find_replaced(data, path) is None:
        assert is_subsequence(content.decode(), after.decode())
    assert apply(after, JSONC, [edit]) == (after, ())
    assert take_back(after, JSONC, hunks) in {content, None}


def find_replaced(data, path):
    for name in path:
        if not isinstance(data, dict) or name not in data:
            return None
        data = data[name]
    return path


comments = st.sampled_from(["", "# note = [x]\n", "\n", "   # - a: b\n"])
words = st.from_regex(r"[a-z]{1,5}", fullmatch=True)
toml_values = st.sampled_from(
    ["1", '"a # b"', "'c = 1'", "[1, 2]", "[ # [x]\n 'a',\n\n \"b\" ]", '"""\nx = 1\n[y]"""', "{ a = 1 }",
     "1979-05-27", "true", "'''\n#'''"]
)  # fmt: skip


@st.composite
def toml_texts(draw):
    lines = []

    def pairs():
        for name in draw(st.lists(words, max_size=3, unique=True)):
            lines.append(draw(comments) + draw(st.sampled_from(["", "  ", "\t"])))
            lines.append(f"{name} = {draw(toml_values)}{draw(st.sampled_from(['', ' # end', '  ']))}\n")

    pairs()
    tables = st.sampled_from(["env", "z.y", '"q r".s', "env.B", "k"])
    for table in draw(st.lists(tables, max_size=4, unique=True)):
        lines.append(f"{draw(comments)}[{table}] {draw(st.sampled_from(['', '# why']))}\n")
        pairs()
    if draw(st.booleans()):
        lines.append("[[items]]\nenv = 1\n[[items]]\n")
    text = "".join(lines)
    text = text.removesuffix("\n") if draw(st.booleans()) else text
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


@given(toml_texts(), st.sampled_from([("model",), ("env", "A"), ("z", "y", "A"), ("new", "A")]))
def test_any_layout_of_toml_keeps_what_it_has(text, path):
    try:
        before = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return  # a name is used for two things
    edit = Edit(path=path, value=URL)
    if path[0] in before and refuses(TOML, text, edit):
        return  # an inline table, or none at all
    after = made_and_taken_back(TOML, text, edit)
    assert tomllib.loads(after) == expect(before, edit)
    if find_replaced(before, path) is None:
        assert is_subsequence(text, after)
        assert ("\n" in after.replace("\r\n", "")) == ("\n" in text.replace("\r\n", "") or "\r\n" not in text)


yaml_values = st.sampled_from(
    ["1", "'a # b'", "plain text", '"c: d"', "[1, 'x']", "\n  a: b\n  c: [d]", "\n- x\n- y: 1", "&anchor z",
     "", "2026-01-02", "|\n  text: x\n  # no comment", "{a: 1}"]
)  # fmt: skip


@st.composite
def yaml_texts(draw):
    lines = []
    for name in draw(st.lists(words, max_size=4, unique=True)):
        lines.append(draw(st.sampled_from(["", "# note: x\n", "\n"])))
        value = draw(yaml_values)
        lines.append(f"{name}:{'' if value.startswith(chr(10)) or not value else ' '}{value}\n")
    if draw(st.booleans()):
        indent = draw(st.sampled_from(["", "  ", "    "]))
        lines.append(
            f"models:\n{indent}- name: a\n{indent}  n: 1 # x\n\n{indent}# next\n{indent}- {{name: b}}\n"
        )
    lines.append(draw(st.sampled_from(["", "# end\n", "\n"])))
    text = "".join(lines)
    text = text.removesuffix("\n") if draw(st.booleans()) else text
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


@given(yaml_texts(), st.booleans())
def test_any_layout_of_yaml_keeps_what_it_has(text, item):
    try:
        before = yaml.safe_load(text)
    except yaml.YAMLError:
        return  # an anchor is set twice
    edit = (
        Edit(path=("models",), value={"name": "us", "roles": ["chat"]}, item_key="name")
        if item
        else Edit(path=("model-x",), value="openai/auto")
    )
    after = made_and_taken_back(YAML, text, edit)
    assert yaml.safe_load(after) == expect(before, edit)
    assert is_subsequence(text, after)
    assert ("\r\n" in after) == ("\r\n" in text) or "\n" not in text
