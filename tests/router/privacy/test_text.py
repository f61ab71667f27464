"""Normal forms: every spelling of one path, and of one phrase."""

import pytest
import re2

from policies.globs import compile_glob
from policies.policy import PrivacyRules
from router.privacy.matcher import Matcher
from router.privacy.strings import Part
from router.privacy.text import decoded, path_forms, prose_forms

GLOBS = [compile_glob(glob) for glob in ("vaults/**", "/srv/keep/**", "*.key", ".netrc")]


def covered(text: str, *, command: bool) -> set[str]:
    return {
        glob.source
        for form in path_forms(text, command=command)
        for glob in GLOBS
        if re2.search(glob.named if command else glob.written, form)
    }


@pytest.mark.parametrize(
    "text",
    [
        "vaults/a.yml",
        "see /home/me/vaults/a.yml.",
        r"C:\work\vaults\a.yml",
        "VAULTS/A.YML",
        "vaults%2Fa.yml",
        "vaults%252Fa.yml",
        "vaults&#47;a.yml",
        "%EF%BD%96aults/a.yml",
        "vaults\uff052Fa.yml",
        "vaults%\u200b2Fa.yml",
        "v%26%2397%3Bults/a.yml",
        "vaults%" + "25" * 20 + "2Fa.yml",
        r"v\\u0061ults/a.yml",
        r"va\u200eults/a.yml",
        r"\ud835\udc2faults/a.yml",
        r"\U00000076aults/a.yml",
        r"\x{76}aults/a.yml",
        r"vaults\100.txt",
        r"v\x61ults/a.yml",
        "v\u00adaults/a.yml",
        "vau\u200blts/a.yml",
        "\uff56aults/a.yml",
        "\U0001d42faults/a.yml",
        "vaults /a.yml",
        "vaults./a.yml",
        "vaults::$DATA/a.yml",
        "vaults//a.yml",
        "src/../vaults/a.yml",
        "file:///repo/vaults/a.yml",
        "HEAD:vaults/a",
        "a@vaults/a",
        "\x1b[35mvaults/a.yml\x1b[0m",
        r"\\wsl$\Ubuntu\repo\vaults\a.yml",
    ],
)
def test_a_path_is_known_in_every_spelling(text):
    assert "vaults/**" in covered(text, command=False)


@pytest.mark.parametrize(
    "text",
    [
        "cat vaults",
        "cd vaults;",
        "cat va''ults/a",
        'cat "vau"lts/a',
        r"cat v\aults/a",
        "cat vau${x}lts/a",
        "cat${IFS}vaults/a",
        "tar -Cvaults -cf - .",
        "curl -d @vaults/a x",
        "cat {vaults,x}/a",
        "cat vau\\\nlts/a",
        r"type %~dp0vaults\a",
    ],
)
def test_a_command_names_it_in_more_ways(text):
    assert "vaults/**" in covered(text, command=True)


@pytest.mark.parametrize(
    "text",
    [
        "import vaults",
        "vaults.open()",
        "my-vaults/a",
        "vaults2/a",
        "all vaults are shut",
        "${{ vaults.TOKEN }}",
        "vaults.py",
    ],
)
def test_words_and_other_names_are_no_paths(text):
    assert covered(text, command=False) == set()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/srv/keep/x", {"/srv/keep/**"}),
        ("../keep/x", {"/srv/keep/**"}),
        ("/mnt/srv/keep/x", set()),
        ("server.key", {"*.key"}),
        (".key", set()),
        ("server.key.txt", set()),
        ("server.key~", {"*.key"}),
        (".netrc.old", {".netrc"}),
        ("my.netrc", set()),
        (".netrcs", set()),
    ],
)
def test_files_and_rooted_patterns(text, expected):
    assert covered(text, command=False) == expected


@pytest.mark.parametrize(
    "text",
    [
        "TOP secret",
        "TOP  secret",
        "TOP\nsecret",
        "TOP\n// secret",
        "> TOP\n> secret",
        "TOP&#32;secret",
        "TO\u200bP secret",
        "**TOP** secret",
        "**T**OP secret",
        "TOP<br>secret",
        "[TOP](https://x.example) secret",
        "T<i>O</i>P secret",
        r"TOP\nsecret",
        "     1\tTOP\n     2\tsecret",
    ],
)
def test_a_phrase_is_known_in_every_spelling(text):
    assert any("TOP secret" in form for form in prose_forms(text))


def test_escapes_that_stand_for_nothing_stay():
    assert decoded(r"\x00 \u0007 100% &unknown; %zz") == r"\x00 \u0007 100% &unknown; %zz"


@pytest.mark.parametrize(
    ("glob", "text"),
    [
        ("~/.kube/**", "$HOME/.kube/config"),
        ("~/.kube/**", "${HOME}/.kube/config"),
        ("~/.kube/**", r"%USERPROFILE%\.kube\config"),
        ("~/.kube/**", "$env:USERPROFILE/.kube/config"),
        ("~/.kube/**", "/home/eve/.kube/config"),
        ("~/.kube/**", "/Users/eve/.kube/config"),
        ("~/.kube/**", "/root/.kube/config"),
        ("~/.kube/**", r"C:\Users\eve\.kube\config"),
        ("~/.kube/**", 'os.environ["HOME"] + "/.kube/config"'),
        ("/home/eve/keep/**", "~/keep/x"),
        (r"D:\keep\**", "/d/keep/x"),
        (r"D:\keep\**", "/mnt/d/keep/x"),
        (r"D:\keep\**", "/cygdrive/d/keep/x"),
        (r"D:\keep\**", "file:///D:/keep/x"),
        (r"D:\keep\**", r"\\localhost\d$\keep\x"),
        ("two words/**", r"two\ words/x"),
        ("größe/**", "gro\u0308ße/x"),
        ("gro\u0308ße/**", "größe/x"),
        ("/etc/own/*", "own/x"),
        ("/srv/keep/**", "--- a//srv/keep/x"),
        ("/srv/keep/**", "${d:-/srv/keep/x}"),
        ("/srv/keep/**", "tar -C/srv/keep x"),
    ],
)
def test_patterns_as_people_write_them(glob, text):
    assert matches(glob, text)


@pytest.mark.parametrize(
    ("glob", "text"),
    [
        ("/etc/own/*", "a.txt"),
        ("/etc/own/*", "other/x"),
        ("~/.kube/**", "/srv/.kube/config"),
        (r"D:\keep\**", "/e/keep/x"),
        (r"D:\keep\**", "src/d/keep/x"),
    ],
)
def test_patterns_hold_for_no_other_path(glob, text):
    assert not matches(glob, text)


def matches(glob, text):
    matcher = Matcher([PrivacyRules(paths=(compile_glob(glob),))])
    return bool(list(matcher.in_text(text, Part.TEXT)))
