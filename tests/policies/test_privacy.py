"""Clearance: what `never_cloud` keeps, however it is written, and that unknown is not allowed."""

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from policies.globs import compile_glob
from policies.load import SHIPPED, load, parse
from policies.policy import Policy
from policies.privacy import Exposure, clear
from router.privacy.text import path_forms


def fenced(never_cloud: str) -> Policy:
    return parse(
        f"name: mine\notherwise: {{to: cloud, why: a}}\nnever_cloud: {never_cloud}\n", source="p.yaml"
    )


def touches(glob: str, *paths: str) -> bool:
    """Whether a call that names these paths names one that the glob covers."""
    named = compile_glob(glob).named
    return any(re2.search(named, form) for path in paths for form in path_forms(path, command=True))


@pytest.mark.parametrize(
    ("glob", "path"),
    [
        ("secrets/**", "secrets/key.pem"),
        ("secrets/**", "secrets/a/b/c"),
        ("secrets/**", "app/secrets/key.pem"),
        ("secrets/**", "/home/me/app/secrets/key.pem"),
        ("secrets/**", "C:\\work\\app\\secrets\\key.pem"),
        ("secrets/**", "./secrets/key.pem"),
        ("secrets/**", "app/../secrets/key.pem"),
        ("secrets/**", "SECRETS/key.pem"),
        ("secrets/**", "secrets"),
        ("secrets/", "secrets/key.pem"),
        ("secrets", "a/secrets/key.pem"),
        ("./secrets/**", "secrets/key.pem"),
        ("../secrets/**", "secrets/key.pem"),
        ("/etc/keys/*", "/etc/keys/a"),
        ("/etc/keys/*", "cd ../keys/a"),
        ("~/.aws/**", "~/.aws/config"),
        ("~/.aws/**", "$HOME/.aws/config"),
        ("~/.aws/**", "${HOME}/.aws/config"),
        ("~/.aws/**", "$env:USERPROFILE\\.aws\\config"),
        ("~/.aws/**", "${env:USERPROFILE}\\.aws\\config"),
        ("~/.aws/**", "%USERPROFILE%\\.aws\\config"),
        ("~/.aws/**", "/home/ana/.aws/config"),
        ("~/.aws/**", "/data/home/ana/.aws/config"),
        ("~/.aws/**", "/root/.aws/config"),
        ("~/.aws/**", "/Users/ana/.aws/config"),
        ("~/.aws/**", "C:\\Users\\Ana Smith\\.aws\\config"),
        ("~/.aws/**", "/mnt/c/Users/ana/.aws/config"),
        ("~/.aws/**", "file:///home/ana/.aws/config"),
        ("~/.aws/**", "cat .aws/config"),
        ("$HOME/.aws/**", "~ana/.aws/config"),
        ("%USERPROFILE%\\.aws\\**", "~/.aws/config"),
        ("C:\\safe\\**", "/c/safe/x"),
        ("C:\\safe\\**", "/mnt/c/safe/x"),
        ("C:\\safe\\**", "/cygdrive/c/safe/x"),
        ("C:\\safe\\**", "file:///C:/safe/x"),
        ("C:\\safe\\**", "file:///c%3A/safe/x"),
        ("C:\\safe\\**", "\\\\?\\C:\\safe\\x"),
        ("C:\\safe\\**", "\\\\host\\C$\\safe\\x"),
        ("/mnt/c/safe/**", "C:\\safe\\x"),
        ("file:///srv/keys/**", "/srv/keys/x"),
        ("two words/**", "two\\ words/x"),
        ("two words/**", "two%20words/x"),
        ("two\\ words/**", "'two words/x'"),
        ("übersicht/**", "u\u0308bersicht/x"),
        ("u\u0308bersicht/**", "%C3%BCbersicht/x"),
        ("\uff53ecrets/**", "secrets/x"),
        ("secrets\\**", "secrets/key.pem"),
        ("**/secrets/**", "secrets/key.pem"),
        ("**/secrets/**", "a/b/secrets/key.pem"),
        ("config/prod.env", "config/x/../prod.env"),
        ("config/prod.env", "config//prod.env"),
        ("*.pem", "a/b/key.pem"),
        ("*.pem", "key.pem"),
        (".env", "/srv/.env"),
        (".env*", ".env.local"),
        ("key?.txt", "a/key1.txt"),
        ("key[0-9].txt", "key7.txt"),
        ("key[!0-9].txt", "keyx.txt"),
        ("a/**/z", "a/z"),
        ("a/**/z", "a/b/c/z"),
        ("/etc/**", "/etc/passwd"),
        ("C:/keys/**", "c:\\keys\\one"),
        ("/build/**", "build/x"),
        ("weird+(name)/**", "weird+(name)/x"),
    ],
)
def test_paths_that_stay(glob, path):
    assert touches(glob, "README.md", path, "src/main.py")


@pytest.mark.parametrize(
    ("glob", "path"),
    [
        ("secrets/**", "src/secrets.py"),
        ("secrets/**", "mysecrets/key.pem"),
        ("secrets/**", "secretsauce/key.pem"),
        ("*.pem", "key.pem.txt"),
        ("a/*/z", "a/b/c/z"),
        ("key?.txt", "key10.txt"),
        ("key[!0-9].txt", "key7.txt"),
        ("/etc/**", "/srv/etc/passwd"),
        (".env", "src/env.py"),
        ("/build/**", "src/build/x"),
        ("a.b", "axb"),
        ("/etc/keys/*", "cat valets/a.txt"),
        ("/var/log/*.log", "build.log"),
        ("/srv/*", "cat notes.txt"),
        ("~/.aws/**", "~/.gcp/config"),
        ("~/work/**", "/repo/work/x"),
        ("C:\\safe\\**", "/d/safe/x"),
    ],
)
def test_paths_that_may_leave(glob, path):
    assert not touches(glob, "README.md", path)


@given(st.frozensets(st.text(max_size=30), max_size=8), st.text(max_size=12))
def test_a_watched_file_is_found_among_any_others(paths, name):
    assert touches("secrets/**", *paths, f"{name.replace(chr(0), '')}/secrets/key")


@given(st.text(min_size=1, max_size=20))
def test_any_pattern_compiles_or_is_refused_with_a_reason(glob):
    try:
        re2.search(compile_glob(glob).named, "a/b")
    except ValueError as error:
        assert str(error).startswith(("is empty", "is no valid pattern", "begins with", "has alternatives"))  # noqa: PT017


@pytest.mark.parametrize("glob", ["!secrets/**", "*.{pem,key}", "$VAULT/x", "%APPDATA%\\x"])
def test_a_pattern_that_would_match_nothing_is_refused(glob):
    with pytest.raises(ValueError, match=r"begins with|has alternatives"):
        compile_glob(glob)


@pytest.mark.parametrize(
    ("never_cloud", "exposure", "team", "why"),
    [
        ("{teams: [legal]}", Exposure(), "legal", "team 'legal' is kept here"),
        ("{teams: ['hr-*']}", Exposure(), "hr-eu", "team 'hr-eu' is kept here"),
        ("{teams: ['*']}", Exposure(), "", "nothing leaves under this policy"),
        ("{teams: ['*']}", None, "any", "nothing leaves under this policy"),
        (
            "{paths: ['a/**', 'secrets/**']}",
            Exposure(sources=frozenset({"secrets/**"})),
            "",
            "the conversation touches 'secrets/**'",
        ),
        (
            "{match: ['(?i)internal']}",
            Exposure(sources=frozenset({"(?i)internal"})),
            "",
            "matches '(?i)internal'",
        ),
        ("{match: ['(?i)internal']}", None, "", "could not be read, and this policy keeps things private"),
        ("{paths: ['secrets/**']}", Exposure(readable=False), "", "could not be read, and this policy"),
        ("{paths: ['a/**']}", Exposure(unnamed=True), "", "printed files' contents without their names"),
        ("{paths: ['a/**'], opaque: always}", Exposure(opaque=True), "", "holds what cannot be read"),
        ("{paths: ['a/**']}", Exposure(earlier=frozenset({"a/**"})), "", "touched 'a/**' earlier"),
        ("{paths: ['secrets/**']}", None, "", "could not be read, and this policy keeps things private"),
    ],
)
def test_refused(never_cloud, exposure, team, why):
    clearance = clear(fenced(never_cloud), exposure, team)
    assert not clearance.allowed
    assert clearance.why.startswith("never_cloud: ")
    assert why in clearance.why


@pytest.mark.parametrize(
    ("never_cloud", "exposure", "team"),
    [
        ("{}", None, ""),
        ("{teams: [legal]}", None, "web"),
        ("{teams: [legal]}", Exposure(), ""),
        ("{paths: ['secrets/**']}", Exposure(sources=frozenset({"of another policy"})), "web"),
        ("{match: [internal]}", Exposure(unnamed=True, opaque=True), ""),
        ("{paths: ['secrets/**']}", Exposure(), ""),
    ],
)
def test_allowed(never_cloud, exposure, team):
    clearance = clear(fenced(never_cloud), exposure, team)
    assert clearance.allowed
    assert clearance.why == ""


@pytest.mark.parametrize("name", SHIPPED)
def test_of_the_shipped_policies_only_private_keeps_everything(name):
    assert clear(load(name), Exposure(), "web").allowed is (name != "private")
    assert clear(load(name), None, "").allowed is (name != "private")
