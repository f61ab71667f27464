"""Ways to write one path. Each names the file that the plain spelling names, on a system that people use."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from targets import ABSOLUTE, ALL, DOTFILE, FOLDER, IN_FOLDER, RELATIVE, Pair, Target

ZERO_WIDTH = [
    "\u200b",
    "\u200c",
    "\u200d",
    "\u2060",
    "\ufeff",
    "\xad",
    "\u200e",
    "\u200f",
    "\u061c",
    "\u2063",
    "\u180e",
    "͏",
    "️",
]
"""Characters that show nothing: spaces of no width, joiners, the soft hyphen, marks of direction, selectors."""


@dataclass(frozen=True, kw_only=True)
class Spelling:
    """`shell` spellings need a shell to be read; `cwd` is the working folder that the conversation shows."""

    name: str
    write: Callable[[Target], str]
    pairs: Sequence[Pair]
    shell: bool = False
    cwd: str = ""


def wide(text: str) -> str:
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" and char != "/" else char for char in text)


def bold(text: str) -> str:
    """Mathematical bold letters."""
    return "".join(chr(0x1D41A + ord(char) - 97) if "a" <= char <= "z" else char for char in text)


def circled(text: str) -> str:
    return "".join(chr(0x24D0 + ord(char) - 97) if "a" <= char <= "z" else char for char in text)


def _at(path: str, position: int, insert: str) -> str:
    """Insert into the word that is protected: a file's last letters count for `*.pem` and `.env`."""
    start = max(len(path) - 2, 1) if path.endswith((".pem", ".txt", ".env", ".cfg")) else position
    return path[:start] + insert + path[start:]


def _first_slash(path: str, with_: str) -> str:
    head, slash, tail = path.rpartition("/")
    return head + with_ + tail if slash else path


def _letter(path: str, turn: Callable[[str], str]) -> str:
    """Turn one letter, the one before the last two."""
    position = len(path) - 2 if path.endswith((".pem", ".txt", ".env", ".cfg")) else 1
    return path[:position] + turn(path[position]) + path[position + 1 :]


def _text(template: str) -> Callable[[Target], str]:
    return lambda target: target.fill(template)


def _on(edit: Callable[[str], str]) -> Callable[[Target], str]:
    return lambda target: edit(target.path)


_PREFIXED = {
    "plain": "<p>",
    "dot": "./<p>",
    "dot and slashes": ".//<p>",
    "through a folder and back": "src/../<p>",
    "from above": "../<p>",
    "far from above": "../../repo/<p>",
    "absolute": "/repo/<p>",
    "home of a user": "/home/ana/work/repo/<p>",
    "home of a Mac": "/Users/ana/repo/<p>",
    "tilde": "~/repo/<p>",
    "tilde of a user": "~ana/repo/<p>",
    "$HOME": "$HOME/repo/<p>",
    "${HOME}": "${HOME}/repo/<p>",
    "$PWD": "$PWD/<p>",
    "drive, forward slashes": "c:/repo/<p>",
    "MSYS drive": "/c/repo/<p>",
    "WSL drive": "/mnt/c/repo/<p>",
    "Cygwin drive": "/cygdrive/c/repo/<p>",
    "UNC, forward slashes": "//server/share/<p>",
    "file URL": "file:///repo/<p>",
    "file URL with host": "file://localhost/repo/<p>",
    "file URL with one slash": "file:/repo/<p>",
    "file URL with drive": "file:///C:/repo/<p>",
    "editor URL": "vscode://file/repo/<p>",
    "remote URL": "vscode-remote://ssh-remote+box/repo/<p>",
    "sftp URL": "sftp://box/repo/<p>",
    "forge URL": "https://git.example.com/team/repo/blob/main/<p>",
    "bucket": "s3://backups/repo/<p>",
    "in a jar": "jar:file:/app.jar!/<p>",
    "git revision": "HEAD:<p>",
    "git index": ":<p>",
    "host": "box:<p>",
    "mention": "@<p>",
    "quotes": "'<p>'",
    "double quotes": '"<p>"',
    "backquotes": "`<p>`",
    "angle brackets": "<<p>>",
    "leading space": "  <p>",
    "trailing space": "<p> ",
    "trailing tab": "<p>\t",
    "trailing line break": "<p>\n",
    "trailing NUL": "<p>\x00.png",
    "line number": "<p>:12",
    "line and column": "<p>:12:3",
    "line anchor": "<p>#L12-L20",
    "query": "<p>?plain=1",
    "process's folder": "/proc/self/cwd/<p>",
    "ellipsis": "\u2026/<p>",
    "three dots": ".../<p>",
    "variable": "$ROOT/<p>",
    "variable, close": "${ROOT}<p>",
    "template": "{{root}}/<p>",
    "placeholder": "<root>/<p>",
    "format": "%s/<p>",
    "git revision, quoted": "'HEAD~2:<p>'",
    "git stash": "stash@{0}:<p>",
    "git pathspec": ":(top)<p>",
    "git pathspec, glob": ":(glob)<p>",
    "git exclusion of others": "-- <p> :!src",
    "user and host": "ana@box:~/repo/<p>",
    "rsync URL": "rsync://box/module/<p>",
    "host of six": "[::1]:repo/<p>",
    "file without a slash": "file:<p>",
    "file URL, upper case": "FILE:///repo/<p>",
    "file URL of a share": "file://///server/share/<p>",
    "GitHub raw": "https://raw.example.com/team/repo/HEAD/<p>",
    "GitLab": "https://git.example.com/team/repo/-/blob/main/<p>?ref_type=heads#L3",
    "API": "https://api.example.com/repos/team/repo/contents/<p>?ref=main",
    "hyperlink of a terminal": "\x1b]8;;file:///repo/<p>\x07db\x1b]8;;\x07",
}
_WINDOWS = {
    "backslashes": "<w>",
    "dot, backslash": ".\\<w>",
    "from above, backslash": "..\\<w>",
    "drive": "C:\\repo\\<w>",
    "drive, lower case": "c:\\repo\\<w>",
    "UNC": "\\\\server\\share\\<w>",
    "long path": "\\\\?\\C:\\repo\\<w>",
    "device path": "\\\\.\\C:\\repo\\<w>",
    "long UNC": "\\\\?\\UNC\\server\\share\\<w>",
    "WSL share": "\\\\wsl.localhost\\Ubuntu\\repo\\<w>",
    "%USERPROFILE%": "%USERPROFILE%\\repo\\<w>",
    "$env:USERPROFILE": "$env:USERPROFILE\\repo\\<w>",
    "stream": "<w>::$DATA",
    "named stream": "<w>:extra",
    "trailing dot": "<w>.",
    "trailing dots and spaces": "<w> . .",
    "root of the drive": "\\repo\\<w>",
    "drive's folder": "C:<w>",
    "administrator's share": "\\\\localhost\\C$\\repo\\<w>",
    "NT path": "\\??\\C:\\repo\\<w>",
    "long path, forward": "//?/C:/repo/<p>",
    "inner dot, backslash": ".\\.\\<w>",
    "script's folder": "%~dp0<w>",
    "%CD%": "%CD%\\<w>",
    "$PSScriptRoot": "$PSScriptRoot\\<w>",
    "$env: in braces": "${env:ROOT}\\<w>",
    "provider": "FileSystem::C:\\repo\\<w>",
    "Zone.Identifier": "<w>:Zone.Identifier:$DATA",
}
_EDITS: dict[str, Callable[[str], str]] = {
    "doubled backslashes": lambda path: path.replace("/", "\\\\"),
    "percent slash": lambda path: path.replace("/", "%2F"),
    "percent slash, lower case": lambda path: path.replace("/", "%2f"),
    "double percent": lambda path: quote(quote(path, safe="")),
    "percent letters": lambda path: _letter(path, lambda char: f"%{ord(char):02X}"),
    "percent throughout": lambda path: "".join(f"%{ord(char):02x}" for char in path),
    "triple percent": lambda path: path.replace("/", "%25252F"),
    "entity": lambda path: path.replace("/", "&#47;"),
    "hexadecimal entity": lambda path: path.replace("/", "&#x2F;"),
    "named entity": lambda path: path.replace("/", "&sol;").replace(".", "&period;"),
    "entity letters": lambda path: _letter(path, lambda char: f"&#{ord(char)};"),
    "escaped entity": lambda path: path.replace("/", "&amp;#47;"),
    "percent-coded backslash": lambda path: path.replace("/", "%5C"),
    "full-width letter": lambda path: _letter(path, wide),
    "full-width letters": wide,
    "full-width slash": lambda path: path.replace("/", "\uff0f"),
    "mathematical letters": bold,
    "circled letters": circled,
    "upper case": str.upper,
    "title case": str.title,
    "mixed case": lambda path: "".join(c.upper() if i % 2 else c for i, c in enumerate(path)),
    "inner slashes": lambda path: path.replace("/", "//"),
    "inner dot": lambda path: path.replace("/", "/./"),
    "mixed slashes": lambda path: path.replace("/", "\\/"),
    "space after a segment": lambda path: _first_slash(path, " /"),
    "dot after a segment": lambda path: _first_slash(path, "./"),
    "no-break space at the end": lambda path: path + "\u00a0",
    "overridden direction": lambda path: f"\u202d{path}\u202c",
    "isolated": lambda path: f"\u2066{path}\u2069",
    "combined mark of nothing": lambda path: _at(path, 3, "\u200b\u200d\u2060"),
    "percent of an entity": lambda path: path.replace("/", "%26%2347%3B"),
    "entity of a percent": lambda path: path.replace("/", "&#37;2F"),
    "full-width percent": lambda path: path.replace("/", "\uff052F"),
    "full-width digits of a percent": lambda path: path.replace("/", "%\uff12F"),
    "nothing inside a percent": lambda path: path.replace("/", "%\u200b2F"),
    "nothing inside an entity": lambda path: path.replace("/", "&#\u200b47;"),
    "entity without its end": lambda path: path.replace("/", "&#47"),
    "entity with zeros": lambda path: path.replace("/", "&#0000047;"),
    "backslash, twice percent": lambda path: path.replace("/", "%255C"),
    "hexadecimal escape": lambda path: path.replace("/", "\\x2f"),
    "Unicode escape": lambda path: path.replace("/", "\\u002f"),
    "Unicode escape of a letter": lambda path: _letter(path, lambda char: f"\\u{ord(char):04x}"),
    "full-width, upper case": lambda path: wide(path.upper()),
    "percent of full-width": lambda path: quote(wide(path), safe="/"),
    "ANSI colour": lambda path: f"\x1b[35m{path}\x1b[0m",
    "ANSI colour inside": lambda path: _at(path, 3, "\x1b[1m"),
}
_SHELL: dict[str, Callable[[str], str]] = {
    "quotes inside": lambda path: _at(path, 2, "''"),
    "double quotes inside": lambda path: _at(path, 2, '""'),
    "quoted letters": lambda path: _letter(path, lambda char: f'"{char}"'),
    "escaped letter": lambda path: _letter(path, lambda char: f"\\{char}"),
    "caret": lambda path: _letter(path, lambda char: f"^{char}"),
    "ANSI-C quotes": lambda path: "$'" + _letter(path, lambda char: f"\\x{ord(char):02x}") + "'",
    "octal quotes": lambda path: "$'" + _letter(path, lambda char: f"\\{ord(char):03o}") + "'",
    "question mark": lambda path: _letter(path, lambda _: "?"),
    "set": lambda path: _letter(path, lambda char: f"[{char}]"),
    "range": lambda path: _letter(path, lambda char: f"[{char}-{char}]"),
    "braces": lambda path: f"{{{path},README.md}}",
    "braces inside": lambda path: _letter(path, lambda char: f"{{{char},x}}"),
    "negated set": lambda path: _letter(path, lambda _: "[!0-9]"),
    "class": lambda path: _letter(path, lambda _: "[[:alpha:]]"),
    "many question marks": lambda path: re.sub(r"(?<=\w\w)\w(?=\w)", "?", path, count=4),
    "dollar quotes": lambda path: f'$"{path}"',
    "concatenated": lambda path: f"'{path[:4]}'\"{path[4:]}\"",
    "default of a variable": lambda path: f"${{x:-{path}}}",
    "echoed": lambda path: f"$(echo {path})",
    "printed": lambda path: f"$(printf %s {path})",
    "line continued": lambda path: _at(path, 3, "\\\n"),
    "empty variable": lambda path: _at(path, 3, "${x}"),
    "empty substitution": lambda path: _at(path, 3, "$()"),
}


def _slashed(path: str) -> bool:
    return "/" in path


def spellings() -> list[Spelling]:
    """All, with the targets that each applies to."""
    texts = {**_PREFIXED, **_WINDOWS}
    every = [Spelling(name=name, write=_text(text), pairs=RELATIVE) for name, text in texts.items()]
    for name, edit in _EDITS.items():
        pairs = ALL if "slash" not in name else tuple(pair for pair in ALL if _slashed(pair.protected.path))
        if "case" in name:
            pairs = RELATIVE
        if name == "entity without its end":
            pairs = IN_FOLDER
        elif name.startswith("inner") or any(word in name for word in ("entity", "segment", "percent")):
            pairs = (*IN_FOLDER, ABSOLUTE)
        every.append(Spelling(name=name, write=_on(edit), pairs=pairs))
    every += [
        Spelling(name=f"U+{ord(char):04X}", write=_on(lambda path, char=char: _at(path, 3, char)), pairs=ALL)
        for char in ZERO_WIDTH
    ]
    every += [Spelling(name=name, write=_on(edit), pairs=ALL, shell=True) for name, edit in _SHELL.items()]
    star = {"star": r"\1*/", "star before": r"*\2/"}
    every += [
        Spelling(
            name=name,
            write=_on(lambda path, to=to: re.sub(r"^(\w{4})(\w+)/", to, path)),
            pairs=IN_FOLDER,
            shell=True,
        )
        for name, to in star.items()
    ]
    every += _special()
    return every


def _special() -> list[Spelling]:
    def special(name: str, write: Callable[[Target], str], pairs: Sequence[Pair], cwd: str = "") -> Spelling:
        return Spelling(name=name, write=write, pairs=pairs, cwd=cwd)

    return [
        special("backtick of PowerShell", lambda t: f"{t.folder[:2]}`{t.folder[2:]}/{t.inner}", IN_FOLDER),
        special("long s", _on(lambda path: path.replace("s", "\u017f", 1)), (FOLDER,)),
        special("stream of the folder", _text("<d>::$DATA/<i>"), IN_FOLDER),
        special("index stream", _text("<d>:$I30:$INDEX_ALLOCATION\\<i>"), IN_FOLDER),
        special("local of the dotfile", _text("<p>.local"), (DOTFILE,)),
        special("production of the dotfile", _text("<p>.production"), (DOTFILE,)),
        special("backup of the dotfile", _text("/repo/<p>.bak"), (DOTFILE,)),
        special("trailing slash", _text("<p>/"), IN_FOLDER),
        special("up and down", _text("<d>/x/../<i>"), (*IN_FOLDER, ABSOLUTE)),
        special("above the root", _text("/../..<p>"), (ABSOLUTE,)),
        special("sibling, folder seen", lambda t: f"../{t.folder[5:]}/{t.inner}", (ABSOLUTE,), "/srv/app"),
        special("below, folder seen", lambda t: f"{t.folder[5:]}/{t.inner}", (ABSOLUTE,), "/srv"),
        special("sibling, folder not seen", lambda t: f"../{t.folder[5:]}/{t.inner}", (ABSOLUTE,)),
        special("from the root, far", lambda t: f"../../../../srv/{t.folder[5:]}/{t.inner}", (ABSOLUTE,)),
        special("container", _text("app:<p>"), (ABSOLUTE,)),
        special("WSL share, absolute", _text("\\\\wsl$\\Ubuntu<w>"), (ABSOLUTE,)),
        special("file URL, absolute", _text("file://<p>"), (ABSOLUTE,)),
        special("drive, absolute", _text("C:<p>"), (ABSOLUTE,)),
    ]


EXCLUDED = {
    "cat notes.txt, a symbolic link": "nothing in the body says where a link leads",
    "SECRET~1\\db.yml": "a short name of Windows is given by the disk, not by the name",
    "secr\u0435ts/db.yml with a Cyrillic letter": "another file: no file system takes the two letters for one",
    "secrets\u2215db.yml with a division slash": "another file, in no folder",
    "cat $(echo c2VjcmV0cy9kYi55bWw= | base64 -d)": "the path exists only once a program has run",
    "<b>secrets</b>/db.yml": "markup within a path is of a page, not of a file's name",
    "a path cut over two blocks": "only words are joined over blocks",
    "cat */*": "names every folder; to hold it would hold every search of a repository",
    "git diff, its answer without a header": "neither call nor answer names a file",
}
"""Outside the promise, and why."""
