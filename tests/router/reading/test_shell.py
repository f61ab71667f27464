import pytest

from router.reading.paths import Touch
from router.reading.shell import effect

EFFECTS = [
    ("cat a.py", {("a.py", "read")}, {"explore"}),
    ("sed -n '10,20p' src/a.py", {("src/a.py", "read")}, {"explore"}),
    ("sed -i 's/a/b/' src/a.py", {("src/a.py", "edited")}, {"implement"}),
    ("sed -i.bak -e 's/a/b/' -e 's/c/d/' a.py b.py", {("a.py", "edited"), ("b.py", "edited")}, {"implement"}),
    ("head -n 5 a.py | tail -2", {("a.py", "read")}, {"explore"}),
    (
        "cd /testbed && cat a/b.py; cd sub && cat c.py",
        {("/testbed/a/b.py", "read"), ("/testbed/sub/c.py", "read")},
        {"explore"},
    ),
    ("grep -n 'def x' a.py | head -3", {("a.py", "read")}, {"explore"}),
    ("grep -rn 'x' src/ --include='*.py'", set(), {"explore"}),
    ("grep -l x a.py b.py", {("a.py", "seen"), ("b.py", "seen")}, {"explore"}),
    ("find . -name '*.py' | xargs grep -l foo", set(), {"explore"}),
    ("ls -la src", set(), {"explore"}),
    ("cat *.py", {("*.py", "seen")}, {"explore"}),
    (
        "cat > a.py <<'EOF'\nopen('x', 'r') | > nothing\nEOF\n",
        {("a.py", "edited"), ("x", "read")},
        {"explore", "implement"},
    ),
    (
        "cat <<EOF > notes.md && cat b.py\n# it's \"one\nEOF\ncat c.py",
        {("notes.md", "edited"), ("b.py", "read"), ("c.py", "read")},
        {"explore", "implement"},
    ),
    (
        "python - <<'EOF'\npath = 'lib/x.py'\nwith open(path, 'w') as f:\n    f.write('')\nEOF",
        {("lib/x.py", "edited")},
        {"run", "implement"},
    ),
    (
        "python -c \"from pathlib import Path; Path('a.txt').write_text('x')\"",
        {("a.txt", "edited")},
        {"run", "implement"},
    ),
    ("python repro.py 2>&1 | tail -5", {("repro.py", "read")}, {"run", "explore"}),
    (
        "cd /t && PYTHONPATH=. python -m pytest tests/test_a.py -x > out.log 2>/dev/null",
        {("/t/out.log", "edited")},
        {"verify", "implement"},
    ),
    ("timeout 60 pytest -q", set(), {"verify"}),
    ("npm test && cargo build", set(), {"verify"}),
    ("npm install", set(), {"run"}),
    ("echo hi | tee -a log.txt", {("log.txt", "edited")}, {"explore", "implement"}),
    ("mv a.py b.py && rm c.py", {("a.py", "edited"), ("b.py", "edited"), ("c.py", "edited")}, {"implement"}),
    ("cp a.py a.py.bak", {("a.py", "read"), ("a.py.bak", "edited")}, {"implement"}),
    (
        "git diff -- a/x.py > patch.txt",
        {("a/x.py", "read"), ("patch.txt", "edited")},
        {"explore", "implement"},
    ),
    ("git -C /r checkout -- a.py", {("/r/a.py", "edited")}, {"implement"}),
    ("git status && git log --oneline | head", set(), {"explore"}),
    (
        "apply_patch <<'EOF'\n*** Begin Patch\n*** Update File: src/a.py\n@@\n-x\n+y\n*** End Patch\nEOF",
        {("src/a.py", "edited")},
        {"implement"},
    ),
    ('bash -lc "cd /x && cat a.py"', {("/x/a.py", "read")}, {"explore"}),
    ("awk '{print $1}' data.csv", {("data.csv", "read")}, {"explore"}),
    ("sort < in.txt > out.txt", {("in.txt", "read"), ("out.txt", "edited")}, {"explore", "implement"}),
    ("X=$(cat v.txt); echo $X", {("v.txt", "read")}, {"explore"}),
    ("# cat a.py\ntrue", set(), set()),
    ("cat \"my file.py\" 'b c.py'", {("my file.py", "read"), ("b c.py", "read")}, {"explore"}),
    ("cat ../up.py ./here.py", {("../up.py", "read"), ("here.py", "read")}, {"explore"}),
    ("if [ -f a ]; then cat a.py; fi", {("a.py", "read")}, {"explore"}),
]


@pytest.mark.parametrize(("command", "touches", "acts"), EFFECTS)
def test_effect(command, touches, acts):
    done = effect(command)
    assert set(done.touches) == {Touch(*one) for one in touches}
    assert done.acts == acts


@pytest.mark.parametrize(
    "command",
    [
        "",
        "'",
        '"',
        "cat <<",
        "cat <<EOF\nnever ends",
        "$((",
        "a\\",
        "|||&&;;",
        ">" * 50,
        "((((" * 2000,
        "\0",
        "bash -c " * 99,
    ],
)
def test_broken_commands_have_no_effect(command):
    assert not [touch for touch in effect(command).touches if touch.how == "edited"]


def test_a_huge_command_is_read_in_bounded_time():
    effect("'\"" * 200_000)
    effect("a" * 1_000_000 + " > b.py")
    assert effect("cat a.py\n" + "x=1\n" * 10_000).touches[0] == Touch("a.py", "read")
