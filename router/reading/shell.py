"""What a shell command does to files: read, edit, search, run, verify.

A small parser of the shell's own grammar (quotes, pipelines, lists, redirections,
here-documents, substitutions), and a table of the commands that agents use. Nothing is expanded:
a word with `$`, a glob or a substitution in it names no file.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from router.reading import paths
from router.reading.paths import How, Touch

_LONGEST = 50_000
"""Characters of one command that are parsed; the rest is data in practice."""
_DEEPEST = 3
"""How far `bash -c "bash -c …"` is followed."""

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r]+|\\\n)
    |(?P<comment>(?<![^\s;&|(])\#[^\n]*)
    |(?P<redirect>(?:\d*|&)(?:<<<|<<-|<<|>>|>\||>&|<&|<>|>|<))
    |(?P<end>\|\||&&|\|&|;;|[|;&\n()])
    |(?P<word>(?:[^\s|&;()<>'"\\]++|\\.|'[^']*+'|"(?:[^"\\]++|\\.)*+"|['"])++)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_QUOTED = re.compile(r"""'([^']*)'|"((?:[^"\\]++|\\.)*+)"|\\(.)""", re.DOTALL)
_VAGUE = re.compile(r"[$`*?\[{}]")
_HERE = ("<<", "<<-")
_ASSIGN = re.compile(r"\w+\+?=")


@dataclass(slots=True)
class Command:
    """One simple command: its words unquoted, its redirections and here-documents."""

    words: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

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


@dataclass(slots=True)
class Effect:
    """What a whole command line does. `acts`: explore, implement, run, verify."""

    touches: list[Touch] = field(default_factory=list)
    acts: set[str] = field(default_factory=set)

    def touch(self, folder: str, word: str, how: How) -> None:
        """Note a file by the word that names it, seen from `folder`."""
        if not word or word == "-" or word.startswith(("/dev/", "/proc/")):
            return
        if _VAGUE.search(word):
            how = "seen"
        path = paths.join(folder, word)
        if path:
            self.touches.append(Touch(path, how))
        if how == "edited":
            self.acts.add("implement")


def effect(command: str, depth: int = 0) -> Effect:
    """Read a command line. Never raises: what cannot be understood has no effect."""
    whole = Effect()
    folder = ""
    for one in _commands(command[:_LONGEST]):
        words = _unwrapped(one.words)
        for path in one.writes:
            whole.touch(folder, path, "edited")
        for path in one.reads:
            whole.touch(folder, path, "read")
        if not words:
            continue
        name = words[0].rsplit("/", 1)[-1]
        if name in ("cd", "pushd") and len(words) > 1 and not _VAGUE.search(words[-1]):
            folder = paths.join(folder, words[-1])
            continue
        handle = _TABLE.get(name)
        if handle is not None:
            handle(_Run(words=words, texts=one.texts, folder=folder, whole=whole, depth=depth))
        elif name.endswith((".sh", ".py")) or "/" in words[0]:
            whole.acts.add("run")
        if any(_SCRIPT.search(path) for path in one.writes):
            for text in one.texts:
                _script(text, folder, whole)
    return whole


def _commands(text: str) -> list[Command]:
    """Cut a command line into simple commands."""
    done = [Command()]
    redirect = ""
    awaited: list[tuple[str, Command]] = []
    at = 0
    while found := _TOKEN.match(text, at):
        at = found.end()
        match found.lastgroup:
            case "redirect":
                redirect = found[0].lstrip("0123456789&")
            case "word" if redirect in _HERE:
                awaited.append((_unquoted(found[0]), done[-1]))
                redirect = ""
            case "word":
                done[-1].take(redirect, _unquoted(found[0]))
                redirect = ""
            case "end":
                if found[0] == "\n":
                    for delimiter, owner in awaited:
                        body, at = _heredoc(text, at, delimiter)
                        owner.texts.append(body)
                    awaited = []
                done.append(Command())
                redirect = ""
            case _:
                pass
    return done


def _heredoc(text: str, at: int, delimiter: str) -> tuple[str, int]:
    """The here-document that starts at `at`, and where the command line goes on."""
    end = re.compile(rf"^\t*{re.escape(delimiter)}[ \t\r]*$", re.MULTILINE).search(text, at)
    if end is None:
        return text[at:], len(text)
    return text[at : end.start()], end.end()


def _unquoted(word: str) -> str:
    if not any(sign in word for sign in "'\"\\"):
        return word
    return _QUOTED.sub(lambda found: found[1] or found[2] or found[3] or "", word)


_WRAPPERS = ("sudo", "time", "env", "nohup", "command", "exec", "stdbuf", "nice", "builtin")
_KEYWORDS = ("if", "then", "else", "elif", "while", "until", "do", "!", "{")


def _unwrapped(words: list[str]) -> list[str]:
    """`words` without assignments, shell keywords and commands that only run another."""
    at = 0
    while at < len(words):
        word = words[at]
        if word in _WRAPPERS or word in _KEYWORDS or _ASSIGN.match(word):
            at += 1
        elif word == "timeout":
            at += 1
            while at < len(words) and (words[at].startswith("-") or words[at][:1].isdigit()):
                at += 1
        else:
            break
    return words[at:]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One command as its handler sees it."""

    words: list[str]
    texts: list[str]
    folder: str
    whole: Effect
    depth: int

    def operands(self, valued: str = "") -> list[str]:
        """Words that are no options; options in `valued` (space-separated) take the next word with them."""
        takes = valued.split()
        found: list[str] = []
        rest = iter(self.words[1:])
        for word in rest:
            if word == "--":
                found.extend(rest)
            elif word in takes:
                next(rest, None)
            elif not word.startswith("-") or word == "-":
                found.append(word)
        return found

    def has(self, *options: str) -> bool:
        return any(word in options for word in self.words)

    def touch(self, words: list[str], how: How) -> None:
        for word in words:
            self.whole.touch(self.folder, word, how)


def _reads(run: _Run) -> None:
    run.whole.acts.add("explore")
    run.touch(run.operands("-n -c -w -s -L -l --lines --bytes"), "read")


def _lists(run: _Run) -> None:
    run.whole.acts.add("explore")


def _scripted_reads(run: _Run) -> None:
    """`awk` and `jq`: the first operand is a program."""
    run.whole.acts.add("explore")
    operands = run.operands("-F -v -f --arg --argjson")
    run.touch(operands[0 if run.has("-f") else 1 :], "read")


def _sed(run: _Run) -> None:
    given = run.has("-e", "--expression", "-f")
    operands = run.operands("-e --expression -f -l")
    in_place = any(re.match(r"-[nErsuz]*i|--in-place", word) for word in run.words[1:])
    run.whole.acts.add("implement" if in_place else "explore")
    run.touch(operands if given else operands[1:], "edited" if in_place else "read")


def _grep(run: _Run) -> None:
    """Search. A file searched by name was read; a tree, or a mere list of names, was not."""
    run.whole.acts.add("explore")
    operands = run.operands("-e -A -B -C -m -f -g -t --include --exclude --exclude-dir --type --glob")
    files = operands if run.has("-e", "-f") else operands[1:]
    merely = any(re.match(r"-[A-Za-z]*[lLc]|--files", word) for word in run.words[1:])
    run.touch([word for word in files if paths.is_path(word)], "seen" if merely else "read")


def _tee(run: _Run) -> None:
    run.touch(run.operands(), "edited")


def _copies(run: _Run) -> None:
    operands = run.operands("-t")
    run.touch(operands[:-1], "read")
    run.touch(operands[-1:], "edited")


def _moves(run: _Run) -> None:
    run.touch(run.operands(), "edited")


def _patches(run: _Run) -> None:
    """`apply_patch` and `patch`: the files named in the patch's own headers."""
    run.whole.acts.add("implement")
    for text in (*run.texts, *run.words[1:]):
        for path in paths.changed(text):
            run.whole.touch(run.folder, path, "edited")


_GIT_READS = ("diff", "show", "blame", "log", "annotate")
_GIT_EDITS = ("checkout", "restore", "rm", "mv", "apply", "stash", "reset", "revert", "cherry-pick")


def _git(run: _Run) -> None:
    words = run.words[1:]
    folder = run.folder
    while words[:1] and words[0].startswith("-"):
        if words[0] == "-C" and len(words) > 1:
            folder = paths.join(folder, words[1])
        words = words[2:] if words[0] in ("-C", "-c") else words[1:]
    verb = words[0] if words else ""
    inner = _Run(words=words, texts=run.texts, folder=folder, whole=run.whole, depth=run.depth)
    if verb == "grep":
        _grep(inner)
    elif verb in _GIT_EDITS:
        run.whole.acts.add("implement")
        inner.touch([word for word in inner.operands() if paths.is_path(word)], "edited")
        _patches(inner) if verb == "apply" else None
    else:
        run.whole.acts.add("explore")
        if verb in _GIT_READS:
            names = [word.rpartition(":")[2] for word in inner.operands("-n -L -S -G")]
            inner.touch([word for word in names if paths.is_path(word)], "read")


_TESTERS = re.compile(
    r"(?:^|[/.])(?:pytest|py\.test|unittest|nose2?|tox|nox|runtests(?:\.py)?|test|doctest|mypy|ruff|flake8|pylint|"
    r"compileall|py_compile|bin/test)$"
)


def _interprets(run: _Run) -> None:
    """An interpreter: of a test runner, of a script file, or of a text given inline."""
    words = run.words[1:]
    at = 0
    while at < len(words) and words[at].startswith("-") and words[at] not in ("-m", "-c", "-e", "-"):
        at += 2 if words[at] in ("-W", "-X") else 1
    first, rest = (words[at], words[at + 1 :]) if at < len(words) else ("-", [])
    if first == "-m" or _TESTERS.search(first):
        named = rest[0] if first == "-m" and rest else first
        tested = bool(_TESTERS.search(named)) or "test" in rest[:2]
        run.whole.acts.add("verify" if tested else "run")
    elif first in ("-c", "-e"):
        run.whole.acts.add("run")
        _script(rest[0] if rest else "", run.folder, run.whole)
    elif first == "-":
        run.whole.acts.add("run")
        for text in run.texts:
            _script(text, run.folder, run.whole)
    elif first == "manage.py" and rest[:1] == ["test"]:
        run.whole.acts.add("verify")
    else:
        run.whole.acts.add("run")
        run.touch([first], "read")


def _shells(run: _Run) -> None:
    """`bash -c TEXT`, `bash <<EOF`, `bash FILE`."""
    words = run.words[1:]
    texts = list(run.texts)
    flag = next((at for at, word in enumerate(words) if re.match(r"-[a-z]*c$", word)), None)
    if flag is not None and flag + 1 < len(words):
        texts.append(words[flag + 1])
    elif operands := run.operands():
        run.whole.acts.add("run")
        run.touch(operands[:1], "read")
    for text in texts if run.depth < _DEEPEST else ():
        inner = effect(text, run.depth + 1)
        run.whole.acts |= inner.acts
        for touch in inner.touches:
            run.whole.touch(run.folder, touch.path, touch.how)


def _builds(run: _Run) -> None:
    run.whole.acts.add("verify")


def _packages(run: _Run) -> None:
    """npm, cargo, go …: what comes after the tool's name says what it does."""
    idle = ("install", "i", "add", "ci", "init", "fmt", "get", "mod", "remove", "update", "list", "view")
    run.whole.acts.add("run" if run.has(*idle) else "verify")


def _perl(run: _Run) -> None:
    if any(re.match(r"-[a-z0-9]*i", word) for word in run.words[1:]):
        operands = run.operands("-e")
        run.touch(operands[0 if run.has("-e") else 1 :], "edited")
    else:
        _interprets(run)


_TABLE: dict[str, Callable[[_Run], None]] = {
    name: handle
    for names, handle in (
        (
            "cat nl head tail less more bat batcat od xxd hexdump strings diff cmp sort uniq cut wc tac",
            _reads,
        ),
        ("ls find fd tree locate pwd stat file du which type whereis echo printf xargs env history", _lists),
        ("awk gawk jq yq", _scripted_reads),
        ("sed gsed", _sed),
        ("grep egrep fgrep rg ag ack zgrep", _grep),
        ("tee truncate", _tee),
        ("cp install ln rsync", _copies),
        ("mv rm unlink touch rmdir", _moves),
        ("patch apply_patch applypatch", _patches),
        ("git", _git),
        ("python python2 python3 py node deno bun ruby php Rscript julia lua uv poetry pipenv", _interprets),
        ("bash sh zsh dash ksh source .", _shells),
        ("perl", _perl),
        (
            "pytest py.test tox nox make cmake ninja ctest mypy ruff flake8 pylint tsc eslint jest vitest",
            _builds,
        ),
        (
            "mocha rspec phpunit gcc g++ clang clang++ cc javac rustc mvn gradle gradlew bazel dotnet swift",
            _builds,
        ),
        ("npm npx yarn pnpm cargo go rake bundle composer", _packages),
    )
    for name in names.split()
}

_SCRIPT = re.compile(r"\.(?:py|rb|pl|sh)$")
_OPEN = re.compile(
    r"""\bopen\(\s*(?:(?P<quote>['"])(?P<path>[^'"\n]{1,300})(?P=quote)|(?P<name>\w{1,60}))\s*(?:,\s*(?:mode=)?['"](?P<mode>[a-z+]{1,4})['"])?"""
)
_PATH_CALL = re.compile(
    r"""\bPath\(\s*['"]([^'"\n]{1,300})['"]\s*\)\.(read_text|read_bytes|write_text|write_bytes)"""
)
_NAME = re.compile(r"""^[ \t]*(\w{1,60})[ \t]*=[ \t]*['"]([^'"\n]{1,300})['"]""", re.MULTILINE)


def _script(text: str, folder: str, whole: Effect) -> None:
    """Files that an inline script opens: how agents without an edit tool change files."""
    if "open(" not in text and "Path(" not in text:
        return
    known = {found[1]: found[2] for found in _NAME.finditer(text)}
    for found in _OPEN.finditer(text):
        path = found["path"] or known.get(found["name"] or "", "")
        written = any(letter in (found["mode"] or "r") for letter in "wax+")
        whole.touch(folder, path, "edited" if written else "read")
    for found in _PATH_CALL.finditer(text):
        whole.touch(folder, found[1], "edited" if found[2].startswith("write") else "read")
