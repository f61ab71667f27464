"""What PowerShell's and cmd's own commands do to files; names and parameters are not case-sensitive.

Sources: the references of Microsoft.PowerShell.Management and .Utility, and of the Windows commands.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from router.features import paths
from router.features.paths import How

_SPOKEN = re.compile(
    r"\b(?:Get|Set|Add|Clear|Select|Out|Copy|Move|Remove|Rename|New|Test|Resolve|Tee|Import|Export|Format)"
    r"-[A-Z][A-Za-z]+\b"
    r"|(?:^|[\"'\s;|&(=])(?:[A-Za-z]:\\|\.{1,2}\\|\\\\[\w.$?]+\\)"
    r"|(?:^|[;|&(]\s*)(?:gc|gci|sls|type|findstr|dir|copy|move|del|ren|more|powershell|pwsh|cmd)(?:\.exe)?\s[^\n;|]*\\"
    r"|\[(?:System\.)?IO\.File\]::",
    re.IGNORECASE,
)
"""Marks of a command line in which a backslash parts folders and escapes nothing."""

_DOTNET = re.compile(r"\[(?:System\.)?IO\.File\]::(\w+)\(\s*[\"']?([^\"',)]{1,400})", re.IGNORECASE)


class Access(NamedTuple):
    """A word that names a file, and what is done to it."""

    word: str
    how: How


class _Command(NamedTuple):
    how: How
    act: str
    """explore, implement, run or verify."""
    valued: str = ""
    """Parameters that take the next word and name no file."""
    skipped: int = 0
    """Positional words before the paths, such as a pattern."""
    target: bool = False
    """The last path is written, the others are read."""


_READS = (
    "totalcount tail head first last encoding delimiter readcount stream filter include exclude credential"
)
_WRITES = "value encoding itemtype inputobject width stream filter include exclude type target"
_COMMANDS = {
    name: command
    for names, command in (
        ("get-content gc type more cat", _Command("read", "explore", _READS)),
        (
            "import-csv import-clixml import-powershelldatafile",
            _Command("read", "explore", "delimiter header encoding"),
        ),
        ("get-filehash format-hex fhx", _Command("read", "explore", "algorithm count offset encoding")),
        (
            "select-string sls findstr",
            _Command("read", "explore", "context encoding include exclude", skipped=1),
        ),
        ("fc comp", _Command("read", "explore")),
        (
            "get-childitem gci dir get-item gi test-path resolve-path get-location tree where where-object",
            _Command("seen", "explore", "filter include exclude depth"),
        ),
        (
            "set-content sc add-content ac out-file tee-object clear-content clc new-item ni export-csv",
            _Command("edited", "implement", _WRITES),
        ),
        ("remove-item ri del erase rd", _Command("edited", "implement", "filter include exclude")),
        ("rename-item rni ren", _Command("edited", "implement")),
        (
            "copy-item cpi copy xcopy robocopy",
            _Command("read", "implement", "filter include exclude", target=True),
        ),
        ("move-item mi move", _Command("edited", "implement", "filter include exclude", target=True)),
    )
    for name in names.split()
}
_PATHS = frozenset({"path", "literalpath", "filepath", "pspath", "lp", "inputfile"})
_TARGETS = frozenset({"destination", "newname", "outfile"})
_PATTERNS = frozenset({"pattern"})
_SHELLS = frozenset({"powershell", "pwsh", "cmd"})
_SWITCH = re.compile(r"/[A-Za-z?](?::\S*)?$")
_LISTED = 20
"""Paths of one list, as in `gc a,b`."""


def spoken(command: str) -> bool:
    """Tell whether a command line is Windows': its backslashes part folders."""
    return "\\" in command and _SPOKEN.search(command) is not None


def name_of(word: str) -> str:
    """The name by which a program is looked up: without its folder, `.exe`, and case."""
    return word.rsplit("/", 1)[-1].lower().removesuffix(".exe")


def is_known(name: str) -> bool:
    """Tell whether `name`, from `name_of`, is a command of these."""
    return name in _COMMANDS


def act_of(name: str) -> str:
    """What a known command is for: explore or implement."""
    return _COMMANDS[name].act


def accesses(name: str, words: Sequence[str]) -> Iterator[Access]:
    """Files that a known command's words name; parameters are told apart from what they take."""
    command = _COMMANDS[name]
    named, positional, target = _sorted(command, words)
    files = [*named, *positional[command.skipped if not _takes_pattern(words) else 0 :]]
    if command.target and not target:
        files, target = files[:-1], files[-1:]
    for word in files:
        # Bash has a `type`, too, which looks for programs.
        if name != "type" or paths.is_path(word):
            yield Access(word, command.how)
    for word in target:
        yield Access(word, "edited")


def inner(name: str, words: Sequence[str]) -> str:
    """The command line that `powershell -Command …` or `cmd /c …` runs; empty for none."""
    if name not in _SHELLS:
        return ""
    flags = ("/c", "/k") if name == "cmd" else ("-command", "-c", "-encodedcommand")
    at = next((at for at, word in enumerate(words) if word.lower() in flags), None)
    return " ".join(words[at + 1 :]) if at is not None else ""


def dotnet(command: str) -> Iterator[Access]:
    """Files that .NET's class of file functions is called on: `[IO.File]::ReadAllText("a.txt")`."""
    if "]::" in command:
        for call in _DOTNET.finditer(command):
            reads = call[1].lower().startswith(("read", "open", "exists", "get"))
            yield Access(call[2], "read" if reads else "edited")


def _takes_pattern(words: Sequence[str]) -> bool:
    return any(_parameter(word) in _PATTERNS or word.lower().startswith("/c:") for word in words)


def _parameter(word: str) -> str:
    return word[1:].rstrip(":").lower() if word.startswith("-") and word[1:2].isalpha() else ""


def _sorted(command: _Command, words: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """Paths given by name, words given by place, and targets given by name."""
    named: list[str] = []
    positional: list[str] = []
    target: list[str] = []
    valued = {*command.valued.split(), *_PATTERNS}
    following = iter(words)
    for word in following:
        parameter = _parameter(word)
        if parameter in _PATHS or parameter in _TARGETS:
            (named if parameter in _PATHS else target).extend(_list(next(following, "")))
        elif parameter in valued:
            next(following, None)
        elif not parameter and not _SWITCH.fullmatch(word):
            positional.extend(_list(word))
    return named, positional, target


def _list(word: str) -> list[str]:
    return [part for part in word.split(",")[:_LISTED] if part]
