"""What merely lists names, and what may be content below a name."""

import pytest

from router.privacy.listing import is_listing, without_listings

LISTINGS = [
    ".netrc\nMakefile\nREADME.md\nsrc\nzoo.py\n",
    "total 8\ndrwxr-xr-x 2 me me 4096 Nov  1 10:00 vaults\n-rw-r--r-- 1 me me 12 Nov  1 10:00 .netrc\n",
    "./a.py\n./vaults/x\n./b.py\n",
    "/repo/z.py\n/repo/vaults/x\n",
    " M vaults/x\n?? .netrc\n",
    "## main...origin/main [ahead 1]\n M vaults/x\n",
    'On branch main\n\nUntracked files:\n  (use "git add <file>...")\n\tvaults/\n\nnothing to commit\n',
    "4.0K\tvaults\n12\t./src/a.py\n",
    "<returncode>0</returncode>\n<output>\n./a.py\n./vaults/x\n</output>\n",
    "On branch main\nChanges not staged for commit:\n\tmodified:   vaults/x\n",
    " vaults/x | 2 +-\n 1 file changed, 1 insertion(+)\n",
    ".\n├── .netrc\n└── vaults\n    └── x\n\n1 directory, 2 files\n",
    ".:\nREADME.md\nvaults\n\n./vaults:\nx\n",
    '["README.md", "src/a.py", "vaults/x", "zoo.py"]',
    "dist/\n.netrc\n*.key\n",
    "src/a.py:4\nvaults/x:2\nz.py:1\n",
    "vaults/x.yml\nweb/app.py\n",
    "Directory listing for /home/ana/app:\n[DIR] vaults\nREADME.md (210 bytes)\n.netrc\n\n(2 git-ignored)",
    'Found 2 file(s) matching "**/*" within /app, newest first:\n/app/z\n/app/vaults/x',
    "[FILE] app.py\n[DIR] vaults\n",
    "Output: .:\nREADME.md\nvaults\n\n./vaults:\nx\nExit Code: 0\nSignal: (none)\n",
    "11/30/2026  10:02 AM    <DIR>          vaults\n11/30/2026  10:02 AM             1,024 .netrc\n",
    "d-----        11/30/2026  10:02 AM                vaults\n",
    "  12 vaults/x\n   3 a.py\n  15 total\n",
]
CONTENT = [
    "vaults/x\npassword: abc\n",
    "vaults/x\n3:abc\n",
    "vaults/x:abc\n",
    "vaults/x\nabc\n",
    ".netrc\nabc\n",
    "==> vaults/x <==\nabc\n",
    "vaults/x\nMIIEvQIBADANBgkqh/kiG9w0BAQ\n",
    "./vaults/x:\nabc\n",
    "M vaults/x\nabc",
    "vaults/x\nOutput: password abc",
    "vaults/x\n2026-11-30 10:02 the password is abc now",
    "vaults/x\n\tthe door opens with abc",
    "vaults/x\n   abc def",
    "vaults/x\n4711 abc",
    "vaults/x\n\tabc",
    "vaults/x\n1\tabc\n2\tdef",
    "vaults/x\n## The doors\n## They open with abc",
    "vaults/x\nOn branch lines we write abc",
    "vaults/x\nChanges of the password: abc",
    "vaults/x\n1 file changed, to abc",
    "vaults/x\n<doors>\n<pin>4711</pin>\n</doors>",
    "vaults/x\n[DIR] abc def",
    "vaults/x\ntotal 12 abc",
    "vaults/x\nWall time: abc",
    "vaults/x\nProcess exited with code 0 abc",
    "vaults/x\nFound 3 files of abc",
    "vaults/x\n(Results are truncated: abc)",
    "Directory listing for /app:\nvaults/x\nthe password",
    "",
]


@pytest.mark.parametrize("text", LISTINGS)
def test_a_listing(text):
    assert is_listing(text)


def test_a_listing_with_numbered_lines():
    assert is_listing("     1\tdist/\n     2\t.netrc\n     3\t*.key\n")


@pytest.mark.parametrize("text", CONTENT)
def test_what_may_be_content(text):
    assert not is_listing(text)


def test_a_fence_that_only_lists_is_left_out():
    assert "vaults" not in without_listings("I see:\n\n```\n./a.py\n./vaults/x\n```\n")
    assert "vaults" in without_listings("vaults/x\n```\n./a.py\n./b.py\n```\n")


TREE = "/app/\n├───.netrc\n├───README.md\n└───vaults/\n    └───x\n"


def test_a_drawn_tree_in_a_text_is_left_out_with_nothing_right_below_it():
    assert "vaults" not in without_listings(f"Here is the folder structure:\n\n{TREE}\nWhat is it?")
    assert "vaults" not in without_listings(f"Here is the folder structure:\n\n{TREE}")
    assert "vaults" in without_listings(f"Here it is:\n\n{TREE}password: abc\n")
    assert "vaults" in without_listings("See:\n└───vaults/x\n\npassword: abc\n")
