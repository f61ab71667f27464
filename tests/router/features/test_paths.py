import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.features import paths
from router.features.conversation import PathSet

NAMED = [
    ("look at src/app.py and tests/test_app.py:12", ["src/app.py", "tests/test_app.py"]),
    ("fix `calc.py`, @lib/x.ts and (README.md).", ["calc.py", "lib/x.ts", "README.md"]),
    ("upgrade to 3.11.2 or v1.2.3, see 10.0.0.1", []),
    ("see https://example.com/a/b.py and www.x.org/c.js", []),
    ("Node.js, Next.js and ASP.NET are fine", []),
    ("mail me@example.com about foo.bar.baz", []),
    ("tests/a.py::TestX::test_y fails", ["tests/a.py"]),
    ("in C:\\proj\\a.cs", ["C:/proj/a.cs"]),
    ("def has_close_elements(numbers: List[float]) -> bool: e.g. 0.5", []),
    ("change the Makefile and .env", ["Makefile", ".env"]),
    ("/usr/lib/python3/dist-packages/x/y.py", []),
]


@pytest.mark.parametrize(("text", "found"), NAMED)
def test_named(text, found):
    assert list(paths.named(text)) == found


GIVEN = [
    ("```python src/a.py\nx = 1\n```", ["src/a.py"]),
    ('```python title="b.py"\nx\n```', ["b.py"]),
    ("src/c.rs\n```\nfn main() {}\n```", ["src/c.rs"]),
    ("```js\n// web/d.js\nx\n```\nthen e.js\n", ["web/d.js"]),
    ("```\nplain\n```", []),
    ('<file path="f.py">x</file>', ["f.py"]),
    ("diff --git a/g.py b/g.py\n--- a/g.py\n+++ b/g.py\n", ["g.py", "g.py"]),
    (
        '  File "/app/h.py", line 3, in f\n  File "/x/site-packages/i.py", line 1\n  File "<stdin>", line 1',
        ["/app/h.py"],
    ),
    ("Error: x\n    at f (/app/j.js:1:2)\n    at g (/app/node_modules/k.js:1:2)", ["/app/j.js"]),
]


@pytest.mark.parametrize(("text", "found"), GIVEN)
def test_given(text, found):
    assert list(paths.embedded(text)) == found


def test_hits_of_grep():
    assert list(paths.hits("a/b.py:12:def x\nc.py-13-y\nnot a hit: 3\n12:30:15 time\n")) == ["a/b.py", "c.py"]


@pytest.mark.parametrize(
    ("path", "normal"),
    [
        ("./a//b.py", "a/b.py"),
        ("a/../b.py", "b.py"),
        ("/a/../../b", "/b"),
        ("../a", "../a"),
        ("a\\b.py", "a/b.py"),
        ("\\\\srv\\share\\a.cs", "//srv/share/a.cs"),
        ("\\\\?\\C:\\x\\a.cs", "C:/x/a.cs"),
        ("\\\\?\\UNC\\srv\\share\\a.cs", "//srv/share/a.cs"),
        ("\\\\wsl$\\Debian\\home\\me\\a.py", "/home/me/a.py"),
        ("/c:/x/a.cs", "c:/x/a.cs"),
        ("file:///c%3A/my%20x/a.cs", "c:/my x/a.cs"),
        (".", ""),
        ("x" * 500, ""),
        ("a\nb", ""),
    ],
)
def test_normal(path, normal):
    assert paths.normal(path) == normal


def test_one_file_in_several_forms():
    files = PathSet()
    first = files.add("astropy/io/x.py")
    assert files.add("/testbed/astropy/io/x.py") == first
    assert files.add("io/x.py") == first
    assert files.add("x.py") == first
    assert files.add("/elsewhere/astropy/io/x.py") != first
    assert files.add("astropy/table/x.py") != first
    assert len(files) == 3


WINDOWS = [
    "C:\\Code\\app\\src\\Main.cs",
    "c:/code/app/src/main.cs",
    "C:/CODE/app/src/Main.cs",
    "/c/Code/app/src/Main.cs",
    "/mnt/c/Code/app/src/Main.cs",
    "/cygdrive/c/code/app/src/main.cs",
    "/C:/Code/app/src/Main.cs",
    "\\\\?\\C:\\Code\\app\\src\\Main.cs",
    "file:///C:/Code/app/src/Main.cs",
    "C:\\Code\\app\\.\\lib\\..\\src\\Main.cs",
]


@pytest.mark.parametrize("start", range(len(WINDOWS)))
def test_one_file_on_a_windows_drive(start):
    files = PathSet()
    spellings = [*WINDOWS[start:], *WINDOWS[:start], "src\\Main.cs", "SRC/main.CS", "Main.cs"]
    assert {files.add(paths.normal(path)) for path in spellings} == {0}
    assert files.directories() == 1
    assert files.add("D:/Code/app/src/Main.cs") == 1
    assert files.copy().add("src/other.cs") == 2


def test_one_file_on_a_share():
    files = PathSet()
    assert {files.add(paths.normal(path)) for path in ("\\\\Srv\\x\\A.cs", "//srv/X/a.cs")} == {0}


def test_case_counts_elsewhere():
    files = PathSet()
    assert len({files.add(path) for path in ("/home/a.py", "/home/A.py", "b.py", "B.py")}) == 4


def test_a_folder_of_one_letter_is_no_drive_until_there_are_drives():
    files = PathSet()
    assert [files.add(path) for path in ("/r/A.ts", "/r/a.ts", "/r/A.ts", "A.ts", "a.ts")] == [0, 1, 0, 0, 1]
    assert [files.add(path) for path in ("/mnt/c/X.ts", "/c/x.ts", "/R/a.TS")] == [2, 2, 1]


def test_one_file_on_a_mac():
    files = PathSet()
    assert files.add("app/Main.swift") == 0
    spellings = ("/Users/ana/app/Main.swift", "/users/ana/app/main.swift", "app/MAIN.swift", "main.swift")
    assert {files.add(path) for path in spellings} == {0}
    assert files.copy().add("src/other.swift") == 1
    assert {files.add(path) for path in ("/private/tmp/A.swift", "/private/tmp/a.swift")} == {1}


def test_tails_match_whole_names_only():
    files = PathSet()
    assert files.add("a/my_x.py") != files.add("x.py")


def test_directories():
    files = PathSet()
    for path in ("/t/a/x.py", "a/y.py", "b/z.py", "w.py"):
        files.add(path)
    assert files.directories() == 2


@given(st.text(alphabet="ab./\\~", max_size=30))
def test_normal_is_the_same_however_it_is_written(path):
    once = paths.normal(path)
    assert paths.normal(once) == once
    if once and not path.startswith(("/", "\\")):
        assert paths.normal(f"./{path}") == once
        assert paths.normal(f"{path}/.") == once


def test_a_copied_set_goes_its_own_way():
    one = PathSet()
    one.add("io/a.py")
    other = one.copy()
    other.add("/r/io/a.py")
    other.add("io/b.py")
    assert (len(one), len(other)) == (1, 2)
    assert (one.directories(), other.directories()) == (1, 1)
    assert one.add("/s/io/a.py") == 0
    assert other.add("/s/io/a.py") == 2
