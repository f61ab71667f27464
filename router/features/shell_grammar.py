"""The shell's own grammar: from a command line to simple commands.

Quotes, pipelines, lists, subshells, redirections, here-documents, substitutions and braces.
Never raises: what cannot be understood is no command.
"""

import re
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r]+|\\\n)
    |(?P<comment>(?<![^\s;&|(])\#[^\n]*)
    |(?P<redirect>(?:\d*|&)(?:<<<|<<-|<<|>>|>\||>&|<&|<>|>|<))
    |(?P<end>\|\||&&|\|&|;;|[|;&\n()])
    |(?P<word>(?:[^\s|&;()<>'"\\$`]++|\$\((?:[^()]|\([^()]*+\))*+\)|`[^`]*+`|\\.|'[^']*+'|"(?:[^"\\]++|\\.)*+"|['"$`])++)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_QUOTED = re.compile(r"""'([^']*)'|"((?:[^"\\]++|\\.)*+)"|\\(.)""", re.DOTALL)
_HERE = ("<<", "<<-")


@dataclass(slots=True)
class Command:
    """One simple command: its words unquoted, its redirections and here-documents."""

    words: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    inner: list[str] = field(default_factory=list)
    """Command lines in substitutions."""
    level: int = 0
    """How many subshells it stands in."""
    piped: bool = False
    """What the command before prints is its input."""

    def take(self, redirect: str, word: str) -> None:
        """Take one word: an argument, or what `redirect` points at."""
        if not redirect:
            self.words.append(word)
        elif redirect == "<<<":
            self.texts.append(word)
        elif redirect in ("<", "<>"):
            self.reads.append(word)
        elif redirect not in (">&", "<&") or not (word.isdigit() or word == "-"):
            self.writes.append(word)


def commands(text: str) -> list[Command]:
    """Cut a command line into simple commands."""
    done = [Command()]
    redirect = ""
    awaited: list[tuple[str, Command]] = []
    at = level = 0
    while token := _TOKEN.match(text, at):
        at = token.end()
        match token.lastgroup:
            case "redirect":
                redirect = token[0].lstrip("0123456789&")
            case "word" if redirect in _HERE:
                awaited.append((_unquoted(token[0]), done[-1]))
                redirect = ""
            case "word":
                done[-1].inner.extend(_substituted(token[0]))
                for word in _braced(token[0]):
                    done[-1].take(redirect, _unquoted(word))
                redirect = ""
            case "end":
                sign = token[0]
                level = max(level + (sign == "(") - (sign == ")"), 0)
                if sign == "\n":
                    for delimiter, owner in awaited:
                        body, at = _heredoc(text, at, delimiter)
                        owner.texts.append(body)
                    awaited = []
                waits = sign == "\n" and done[-1].piped and not done[-1].words
                done.append(Command(level=level, piped=waits or sign in ("|", "|&")))
                redirect = ""
            case _:
                pass
    return done


def _heredoc(text: str, at: int, delimiter: str) -> tuple[str, int]:
    """The here-document that starts at `at`, and where the command line goes on."""
    begin = at
    while begin < len(text):
        stop = text.find("\n", begin)
        stop = len(text) if stop < 0 else stop
        if text[begin:stop].lstrip("\t").rstrip(" \t\r") == delimiter:
            return text[at:begin], stop
        begin = stop + 1
    return text[at:], len(text)


def _unquoted(word: str) -> str:
    if not any(sign in word for sign in "'\"\\"):
        return word
    return _QUOTED.sub(lambda quoted: quoted[1] or quoted[2] or quoted[3] or "", word)


_SUBSTITUTION = re.compile(r"'[^']*'|\$\(((?:[^()']|'[^']*'|\([^()]*\))++)\)|`([^`]++)`")
_BRACES = re.compile(r"\{([^{},\s]*(?:,[^{},\s]*)+)\}")
_MOST = 50
"""Words that one word may stand for."""


def _substituted(word: str) -> list[str]:
    """Command lines in `$(…)` and in backticks."""
    if "$(" not in word and "`" not in word:
        return []
    return [inner for match in _SUBSTITUTION.finditer(word) if (inner := match[1] or match[2])]


def _braced(word: str) -> list[str]:
    """The words that `{a,b}.py` stands for; one that is quoted stands for itself."""
    braces = _BRACES.search(word) if "{" in word and "'" not in word and '"' not in word else None
    if braces is None:
        return [word]
    return [word[: braces.start()] + choice + word[braces.end() :] for choice in braces[1].split(",")[:_MOST]]
