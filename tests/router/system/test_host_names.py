"""Names and origins, as browsers and programs write them."""

import pytest

from router.system.host_names import HostRule, OriginRule, check_host_pattern, check_origin_pattern, is_same

LOOPBACK = [
    "127.0.0.1", "127.0.0.1:4747", "127.8.9.1", "localhost", "LOCALHOST:80", "localhost.", "localhost.:1",
    "localhost:", "a.localhost", "a.b.localhost:9", "[::1]", "[::1]:4747", "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]", "[::FFFF:7f00:1]:5",
]  # fmt: skip
FOREIGN = [
    "", " ", ".", "evil.test", "evil.test:4747", "localhost.evil.test", "127.0.0.1.evil.test", "notlocalhost",
    "xlocalhost", "localhost,evil.test", "127.0.0.1 evil.test", "evil.test#localhost", "a@127.0.0.1",
    "localhost/evil", "localhost\\evil", "http://localhost", "[::1", "::1", "[::1]x", "[evil.test]",
    "[fe80::1]", "128.0.0.1", "10.0.0.7", "0.0.0.0", "0x7f.1", "2130706433", "localhost:80:80", "localhost:x",
    "localhost..", "localhost:999999", "\u217cocalhost", "a" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("host", LOOPBACK)
def test_names_of_this_machine_alone(host):
    assert HostRule("127.0.0.1", ()).allows(host)
    assert HostRule("0.0.0.0", ("turnout.example",)).allows(host)


@pytest.mark.parametrize("host", FOREIGN)
def test_other_names(host):
    assert not HostRule("127.0.0.1", ()).allows(host)
    assert not HostRule("127.0.0.1", ("turnout.example", "*.corp.example")).allows(host)


ALLOWED = [
    ("turnout.example", "turnout.example:81", True),
    ("turnout.example", "TURNOUT.example.", True),
    ("turnout.example", "a.turnout.example", False),
    ("turnout.example:81", "turnout.example:81", True),
    ("turnout.example:81", "turnout.example:82", False),
    ("turnout.example:81", "turnout.example", False),
    ("*.corp.example", "ana.corp.example:4747", True),
    ("*.corp.example", "a.b.corp.example", True),
    ("*.corp.example", "corp.example", False),
    ("*.corp.example", "evilcorp.example", False),
    ("*.corp.example:81", "a.corp.example:82", False),
    ("192.168.1.5", "192.168.1.5:4747", True),
    ("[fd00::5]", "[FD00:0::5]:4747", True),
    ("*", "evil.test", True),
    ("*", "not a name", False),
]


@pytest.mark.parametrize(("entry", "host", "allowed"), ALLOWED)
def test_the_setting(entry, host, allowed):
    assert HostRule("127.0.0.1", (check_host_pattern(entry),)).allows(host) is allowed


def test_where_others_can_connect_any_name_will_do_until_some_are_named():
    assert HostRule("0.0.0.0", ()).allows("turnout.example")
    assert HostRule("10.0.0.7", ()).allows("10.0.0.7:4747")
    assert not HostRule("10.0.0.7", ("turnout.example",)).allows("evil.test")
    assert HostRule("10.0.0.7", ("turnout.example",)).allows("10.0.0.7:4747")


@pytest.mark.parametrize(
    "entry", ["", "http://a.example", "a b", "a.example/", "*a.example", "a.*.example", "*."]
)
def test_no_host(entry):
    with pytest.raises(ValueError, match="is not a host"):
        check_host_pattern(entry)


SAME = [
    ("http://127.0.0.1:4747", "127.0.0.1:4747", True),
    ("http://localhost:4747", "localhost.:4747", True),
    ("http://localhost", "localhost", True),
    ("http://localhost", "localhost:80", True),
    ("https://turnout.example", "turnout.example", True),
    ("https://turnout.example:8443", "turnout.example:8443", True),
    ("http://[::1]:4747", "[::1]:4747", True),
    ("http://127.0.0.1:3000", "127.0.0.1:4747", False),
    ("http://127.0.0.1", "127.0.0.1:4747", False),
    ("http://localhost:4747", "127.0.0.1:4747", False),
    ("https://localhost", "localhost:80", False),
    ("http://evil.test:4747", "127.0.0.1:4747", False),
    ("http://127.0.0.1:4747.evil.test", "127.0.0.1:4747", False),
    ("http://x@127.0.0.1:4747", "127.0.0.1:4747", False),
    ("app://127.0.0.1:4747", "127.0.0.1:4747", False),
    ("null", "127.0.0.1:4747", False),
    ("", "127.0.0.1:4747", False),
    ("file://", "127.0.0.1:4747", False),
    ("http://127.0.0.1:4747 http://127.0.0.1:4747", "127.0.0.1:4747", False),
]


@pytest.mark.parametrize(("origin", "host", "same"), SAME)
def test_the_endpoints_own_page(origin, host, same):
    assert is_same(origin, host) is same


ORIGINS = [
    ("vscode-webview://*", "vscode-webview://0f5j2-ab", True),
    ("vscode-webview://*", "vscode-webview-evil://0f5j2", False),
    ("app://obsidian.md", "app://obsidian.md", True),
    ("app://obsidian.md/", "app://obsidian.md", True),
    ("app://obsidian.md", "app://obsidianxmd", False),
    ("http://localhost:*", "http://localhost:3000", True),
    ("http://localhost:*", "http://localhost.evil.test:3000", False),
    ("http://localhost:*", "http://localhost:3000.evil.test", False),
    ("https://*.corp.example", "https://chat.corp.example", True),
    ("https://*.corp.example", "http://chat.corp.example", False),
    ("https://*.corp.example", "https://evil.test/.corp.example", False),
    ("https://*.corp.example", "https://evil.test:1.corp.example", False),
    ("file://", "file://", True),
    ("null", "null", True),
    ("http://localhost:3000", "null", False),
    ("*", "null", True),
    ("*", "https://evil.test", True),
    ("https://Chat.example", "https://chat.EXAMPLE", True),
]


@pytest.mark.parametrize(("entry", "origin", "allowed"), ORIGINS)
def test_origins_that_the_setting_names(entry, origin, allowed):
    assert OriginRule((check_origin_pattern(entry),)).allows(origin) is allowed
    assert not OriginRule(()).allows(origin)


@pytest.mark.parametrize(
    "entry", ["", "example.com", "https://a.example/path", "https://a b", "NULLL", "://a"]
)
def test_no_origin(entry):
    with pytest.raises(ValueError, match="is not an origin"):
        check_origin_pattern(entry)
