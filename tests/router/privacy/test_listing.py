"""What merely lists names, and what may be content below a name."""

import pytest

from router.privacy.listing import is_listing, without_listings

LISTINGS = [
    ".netrc\nMakefile\nREADME.md\nsrc\nzoo.py\n",
    "total 8\ndrwxr-xr-x 2 me me 4096 Nov  1 10:00 vaults\n-rw-r--r-- 1 me me 12 Nov  1 10:00 .netrc\n",
    "./a.py\n./vaults/x\n./b.py\n",
    "/repo/z.py\n/repo/vaults/x\n",
    " M vaults/x\n?? .netrc\n",
    "On branch main\nChanges not staged for commit:\n\tmodified:   vaults/x\n",
    " vaults/x | 2 +-\n 1 file changed, 1 insertion(+)\n",
    ".\n├── .netrc\n└── vaults\n    └── x\n\n1 directory, 2 files\n",
    ".:\nREADME.md\nvaults\n\n./vaults:\nx\n",
    '["README.md", "src/a.py", "vaults/x", "zoo.py"]',
    "dist/\n.netrc\n*.key\n",
    "src/a.py:4\nvaults/x:2\nz.py:1\n",
    "vaults/x.yml\nweb/app.py\n",
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
