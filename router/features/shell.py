"""What a shell command does to files: read, edit, search, run, verify.

`grammar` cuts the command line; here is a table of the commands that agents use. Variables stand
for what the same line gives them and `cd` is followed; nothing else is expanded: a word with a
`$`, a glob or a substitution left in it names no file.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from router.features import paths, powershell, scripts, shell_grammar
from router.features.paths import FileAccess, How

_LONGEST = 20_000
"""Characters of one command that are parsed; the rest is data in practice."""
_DEEPEST = 3
"""How far `bash -c "bash -c …"` is followed."""
_VAGUE = re.compile(r"[$`*?\[{}]")
_ASSIGN = re.compile(r"\w+\+?=")


@dataclass(slots=True)
class Effect:
    """What a whole command line does. `acts`: explore, implement, run, verify."""

    accesses: list[FileAccess] = field(default_factory=list)
    acts: set[str] = field(default_factory=set)

    def touch(self, folder: str, word: str, how: How) -> None:
        """Note a file by the word that names it, seen from `folder`."""
        if not word or word == "-" or word.startswith(("/dev/", "/proc/")):
            return
        if _VAGUE.search(word):
            how = "seen"
        path = paths.join(folder, word)
        if path:
            self.accesses.append(FileAccess(path, how))
        if how == "edited":
            self.acts.add("implement")

    def add(self, other: "Effect") -> None:
        """Take what another command line does, too."""
        self.accesses.extend(other.accesses)
        self.acts |= other.acts


def effect(command: str, depth: int = 0, folder: str = "") -> Effect:
    """Read a command line that starts in `folder`. Never raises: what cannot be understood has no effect."""
    command = command[:_LONGEST]
    if powershell.spoken(command):
        command = command.replace("\\", "/")
    result = _dotnet(command, folder)
    folders, left = [folder], list[str]()
    names: dict[str, list[str]] = {}
    heard: list[str] = []
    for step in shell_grammar.commands(command):
        del folders[step.level + 1 :]
        folders += folders[-1:] * (step.level + 1 - len(folders))
        here = folders[-1]
        words = _unwrapped(_filled(step.words, names))
        for path in _filled(step.writes, names):
            result.touch(here, path, "edited")
        for path in _filled(step.reads, names):
            result.touch(here, path, "read")
        for inner in step.inner if depth < _DEEPEST else ():
            result.add(effect(inner, depth + 1, here))
        texts = step.texts or (heard if step.piped else [])
        name = words[0].rsplit("/", 1)[-1] if words else ""
        heard = [" ".join(words[1:])] if name in ("echo", "printf") else step.texts
        if not words:
            _assign(step.words, names)
            continue
        if name.lower() in _MOVES:
            folders[-1] = _moved(name.lower(), words[1:], here, left)
        elif name == "for" and words[2:3] == ["in"]:
            names[words[1]] = [word for word in words[3 : 3 + _MOST_VALUES] if "$" not in word]
        elif name == "export":
            _assign(words[1:], names)
        else:
            _do(_Run(words=words, texts=texts, folder=here, result=result, depth=depth))
        if any(_SCRIPT.search(path) for path in step.writes):
            for text in texts:
                _script(text, here, result)
    return result


def _dotnet(command: str, folder: str) -> Effect:
    done = Effect()
    for word, how in powershell.dotnet(command):
        done.touch(folder, word, how)
        done.acts.add("implement" if how == "edited" else "explore")
    return done


_SCRIPT = re.compile(r"\.(?:py|rb|pl|sh)$")
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")
_MOST_VALUES = 50
_MOST_VARIABLES = 4
"""In one word that are put in."""
_MOVES = ("cd", "pushd", "popd", "chdir", "sl", "set-location", "push-location", "pop-location")


def _filled(words: list[str], names: dict[str, list[str]], depth: int = 0) -> list[str]:
    """`words` with the variables put in whose values the command line itself tells."""
    if not names or depth == _MOST_VARIABLES:
        return words
    done: list[str] = []
    for word in words:
        match = _VARIABLE.search(word) if "$" in word and len(done) < _MOST_VALUES else None
        values = names.get(match[1] or match[2]) if match else None
        if match and values is not None:
            filled = [word[: match.start()] + value + word[match.end() :] for value in values]
            done.extend(_filled(filled, names, depth + 1))
        else:
            done.append(word)
    return done


def _assign(words: list[str], names: dict[str, list[str]]) -> None:
    for word in words:
        name, sign, value = word.partition("=")
        if sign and name.isidentifier() and not _VAGUE.search(value):
            names[name] = [value]


def _moved(name: str, words: list[str], folder: str, left: list[str]) -> str:
    """The folder after `cd`, `pushd` or `popd`; empty where it cannot be known."""
    to = next((word for word in words if word == "-" or not word.startswith("-")), "~")
    if name in ("popd", "pop-location") or to == "-":
        return left.pop() if left else ""
    left.append(folder)
    return "" if _VAGUE.search(to) else paths.join(folder, to)


def _script(text: str, folder: str, result: Effect) -> None:
    for path, how in scripts.opened(text):
        result.touch(folder, path, how)


_WRAPPERS = {
    "sudo": "-u -g",
    "time": "-f -o",
    "env": "-u -C",
    "nohup": "",
    "command": "",
    "exec": "-a",
    "stdbuf": "-i -o -e",
    "nice": "-n",
    "builtin": "",
    "timeout": "-k -s --signal --kill-after",
}
"""Commands that only run another, and which of their options take a value."""
_RUNNERS = frozenset(
    {("uv", "run"), ("poetry", "run"), ("pipenv", "run"), ("pdm", "run"), ("hatch", "run"), ("rye", "run")}
    | {("conda", "run"), ("bundle", "exec"), ("pnpm", "exec"), ("npm", "exec")}
)
_RUNNER_VALUES = "--with --python -p --extra --group --env-file --directory --project -n --name"
_KEYWORDS = ("if", "then", "else", "elif", "while", "until", "do", "!", "{")
_DURATION = re.compile(r"\d[\d.]*[smhd]?")


def _unwrapped(words: list[str]) -> list[str]:
    """`words` without assignments, shell keywords and commands that only run another."""
    at = 0
    while at < len(words):
        word = words[at]
        if word in _KEYWORDS or _ASSIGN.match(word):
            at += 1
        elif tuple(words[at : at + 2]) in _RUNNERS:
            at = _behind_options(words, at + 2, _RUNNER_VALUES.split())
        elif word in _WRAPPERS:
            at = _behind_options(words, at + 1, _WRAPPERS[word].split())
            at += word == "timeout" and at < len(words) and bool(_DURATION.fullmatch(words[at]))
        else:
            break
    return words[at:]


def _behind_options(words: list[str], at: int, valued: list[str]) -> int:
    while at < len(words) and words[at].startswith("-"):
        at += 2 if words[at] in valued else 1
    return at


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One command as its handler sees it."""

    words: list[str]
    texts: list[str]
    folder: str
    result: Effect
    depth: int

    def operands(self, valued: str = "") -> list[str]:
        """Words that are no options; options in `valued` (space-separated) take the next word with them."""
        takes = frozenset(valued.split())
        operands: list[str] = []
        words = iter(self.words[1:])
        for word in words:
            if word == "--":
                operands.extend(words)
            elif word in takes:
                next(words, None)
            elif not word.startswith("-") or word == "-":
                operands.append(word)
        return operands

    def has(self, *options: str) -> bool:
        return any(word in options for word in self.words)

    def touch(self, words: list[str], how: How) -> None:
        for word in words:
            self.result.touch(self.folder, word, how)


def _do(run: _Run) -> None:
    """Do what the table has for a command's name."""
    name = run.words[0].rsplit("/", 1)[-1]
    plain = powershell.name_of(name)
    handle = _TABLE.get(name) or _TABLE.get(plain)
    if (inner := powershell.inner(plain, run.words[1:])) and run.depth < _DEEPEST:
        run.result.add(effect(inner, run.depth + 1, run.folder))
    elif powershell.is_known(plain) and (handle is None or plain == "type"):
        run.result.acts.add(powershell.act_of(plain))
        for word, how in powershell.accesses(plain, run.words[1:]):
            run.result.touch(run.folder, word, how)
    elif handle is not None:
        handle(run)
    elif name.endswith((".sh", ".py")) or "/" in run.words[0]:
        run.result.acts.add("run")


_VALUED = {
    "head": "-n -c --lines --bytes",
    "tail": "-n -c --lines --bytes",
    "cut": "-d -f -c -b",
    "sort": "-k -t -o -S -T",
    "bat": "-r --line-range -l --language -H",
    "batcat": "-r --line-range -l --language -H",
    "diff": "-U -C",
    "xxd": "-s -l -c",
    "od": "-j -N -t -A",
    "uniq": "-f -s -w",
    "nl": "-b -w -s -n -v",
    "strings": "-n",
}


def _reads(run: _Run) -> None:
    run.result.acts.add("explore")
    operands = run.operands(_VALUED.get(run.words[0].rsplit("/", 1)[-1], ""))
    run.touch([word for word in operands if not word.startswith("+")], "read")


def _lists(run: _Run) -> None:
    run.result.acts.add("explore")


def _scripted_reads(run: _Run) -> None:
    """`awk`, `jq` and `yq`: the first operand is a program."""
    awk = run.words[0].endswith("awk")
    in_place = run.has("inplace") if awk else run.has("-i", "--inplace")
    run.result.acts.add("implement" if in_place else "explore")
    operands = run.operands("-F -v -f -i --arg --argjson" if awk else "-f --arg --argjson")
    run.touch(operands[0 if run.has("-f") else 1 :], "edited" if in_place else "read")


def _sed(run: _Run) -> None:
    has_script = run.has("-e", "--expression", "-f")
    # `-i ''`: how BSD's takes no suffix
    operands = [word for word in run.operands("-e --expression -f -l") if word]
    in_place = any(re.match(r"-[nErsuz]*i|--in-place", word) for word in run.words[1:])
    run.result.acts.add("implement" if in_place else "explore")
    run.touch(operands if has_script else operands[1:], "edited" if in_place else "read")


def _grep(run: _Run) -> None:
    """Search. A file searched by name was read; a tree, or a mere list of names, was not."""
    run.result.acts.add("explore")
    operands = run.operands("-e -A -B -C -m -f -g -t --include --exclude --exclude-dir --type --glob")
    files = operands if run.has("-e", "-f") else operands[1:]
    merely = any(re.match(r"-[A-Za-z]*[lLc]|--files", word) for word in run.words[1:])
    run.touch([word for word in files if paths.is_path(word)], "seen" if merely else "read")


def _tee(run: _Run) -> None:
    run.touch(run.operands("-s -r"), "edited")


_RECURSIVE = re.compile(r"-[A-Za-z]*[rRa]|--recursive$|--archive$")


def _landed(run: _Run) -> tuple[list[str], list[str]]:
    """The files copied or moved, and where they land: in a folder, under their own names."""
    operands = run.operands("-m -o -g -S")
    if any(_RECURSIVE.match(word) for word in run.words[1:]):
        operands = [word for word in operands if paths.is_path(word)]
    sources, target = operands[:-1], operands[-1:]
    if len(sources) > 1 or (target and (target[0].endswith("/") or target[0] in (".", ".."))):
        return sources, [f"{target[0]}/{source.rsplit('/', 1)[-1]}" for source in sources]
    return sources, target


def _copies(run: _Run) -> None:
    sources, landed = _landed(run)
    run.touch(sources, "read")
    run.touch(landed, "edited")


def _links(run: _Run) -> None:
    run.touch(_landed(run)[1], "edited")


def _moves(run: _Run) -> None:
    sources, landed = _landed(run)
    run.touch([*sources, *landed], "edited")


def _removes(run: _Run) -> None:
    run.result.acts.add("implement")
    deep = any(_RECURSIVE.match(word) for word in run.words[1:])
    run.touch([word for word in run.operands() if paths.is_path(word) or not deep], "edited")


def _edits(run: _Run) -> None:
    """Editors that take commands: `ed FILE <<EOF`."""
    run.touch([word for word in run.operands("-c") if paths.is_path(word)], "edited")


def _formats(run: _Run) -> None:
    """Formatters: they check, or they change the files they are given."""
    writes = {"prettier": ("--write", "-w"), "gofmt": ("-w",), "autopep8": ("-i",), "clang-format": ("-i",)}
    needed = writes.get(run.words[0].rsplit("/", 1)[-1])
    if run.has("--check", "--diff", "-l") or (needed and not run.has(*needed)):
        run.result.acts.add("verify")
    else:
        run.result.acts.add("implement")
        run.touch([word for word in run.operands("-l --line-length -t") if paths.is_path(word)], "edited")


def _fetches(run: _Run) -> None:
    options = ("-O", "--output-document") if run.words[0].endswith("wget") else ("-o", "--output")
    run.result.acts.add("run")
    run.touch(
        [after for word, after in zip(run.words, run.words[1:], strict=False) if word in options], "edited"
    )


def _xargs(run: _Run) -> None:
    """A command whose operands come from elsewhere: what it does is known, not to which files."""
    at = _behind_options(run.words, 1, ["-n", "-P", "-I", "-L", "-d", "-a", "-s", "-E"])
    _inside(run, run.words[at:])


def _find(run: _Run) -> None:
    run.result.acts.add("implement" if run.has("-delete") else "explore")
    flag = next((at for at, word in enumerate(run.words) if word in ("-exec", "-execdir", "-ok")), None)
    if flag is not None:
        inner = run.words[flag + 1 :]
        end = next((at for at, word in enumerate(inner) if word in (";", "+")), len(inner))
        _inside(run, inner[:end])


def _inside(run: _Run, words: list[str]) -> None:
    words = _unwrapped([word for word in words if "{}" not in word])
    if words and words[0] not in ("xargs", "find"):
        _do(_Run(words=words, texts=[], folder=run.folder, result=run.result, depth=run.depth))


def _patches(run: _Run) -> None:
    """`apply_patch` and `patch`: the files named in the patch's own headers, or as an operand."""
    run.result.acts.add("implement")
    for text in (*run.texts, *run.words[1:]):
        for path in paths.changed(text):
            run.result.touch(run.folder, path, "edited")
    if run.words[0].endswith("patch") and run.words[0] not in ("apply_patch", "applypatch"):
        operands = [word for word in run.operands("-i -d -D -F -o -r") if paths.is_path(word)]
        run.touch(operands[:1], "edited")
        run.touch(operands[1:2], "read")


_GIT_READS = ("diff", "show", "blame", "log", "annotate")
_GIT_EDITS = ("checkout", "restore", "rm", "mv", "apply", "stash", "reset", "revert", "cherry-pick")


def _git(run: _Run) -> None:
    words = run.words[1:]
    folder = run.folder
    at = 0
    while at < len(words) and words[at].startswith("-"):
        if words[at] == "-C" and at + 1 < len(words):
            folder = paths.join(folder, words[at + 1])
        at += 2 if words[at] in ("-C", "-c") else 1
    words = words[at:]
    verb = words[0] if words else ""
    inner = _Run(words=words, texts=run.texts, folder=folder, result=run.result, depth=run.depth)
    if verb == "grep":
        _grep(inner)
    elif verb in _GIT_EDITS:
        run.result.acts.add("implement")
        how: How = "read" if verb == "apply" else "edited"
        inner.touch([word for word in inner.operands() if paths.is_path(word)], how)
        _patches(inner) if verb == "apply" else None
    else:
        run.result.acts.add("explore")
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
    first, arguments = (words[at], words[at + 1 :]) if at < len(words) else ("-", [])
    if first == "-m" or _TESTERS.search(first):
        named = arguments[0] if first == "-m" and arguments else first
        tested = bool(_TESTERS.search(named)) or "test" in arguments[:2]
        run.result.acts.add("verify" if tested else "run")
    elif first in ("-c", "-e"):
        run.result.acts.add("run")
        _script(arguments[0] if arguments else "", run.folder, run.result)
    elif first == "-":
        run.result.acts.add("run")
        for text in run.texts:
            _script(text, run.folder, run.result)
    elif first == "manage.py" and arguments[:1] == ["test"]:
        run.result.acts.add("verify")
    else:
        run.result.acts.add("run")
        run.touch([first], "seen")


def _shells(run: _Run) -> None:
    """`bash -c TEXT`, `bash <<EOF`, `bash FILE`."""
    words = run.words[1:]
    texts = list(run.texts)
    flag = next((at for at, word in enumerate(words) if re.match(r"-[a-z]*c$", word)), None)
    if flag is not None and flag + 1 < len(words):
        texts.append(words[flag + 1])
    elif operands := run.operands():
        run.result.acts.add("run")
        run.touch(operands[:1], "seen")
    for text in texts if run.depth < _DEEPEST else ():
        run.result.add(effect(text, run.depth + 1, run.folder))


def _evaluates(run: _Run) -> None:
    if run.depth < _DEEPEST:
        run.result.add(effect(" ".join(run.words[1:]), run.depth + 1, run.folder))


def _builds(run: _Run) -> None:
    run.result.acts.add("verify")


_IDLE = (
    *("install", "i", "add", "ci", "init", "fmt", "get", "mod", "remove", "update", "list", "view"),
    *("sync", "lock", "pip", "venv"),
)


def _packages(run: _Run) -> None:
    """npm, cargo, go …: what comes after the tool's name says what it does."""
    run.result.acts.add("run" if run.has(*_IDLE) else "verify")


def _perl(run: _Run) -> None:
    inline = [word for word in run.words[1:] if re.match(r"-\w*[eE]$", word)]
    if not inline:
        _interprets(run)
        return
    in_place = any(re.match(r"-[a-z0-9]*i", word) for word in run.words[1:])
    run.result.acts.add("implement" if in_place else "explore")
    run.touch(run.operands(" ".join(inline)), "edited" if in_place else "read")


_TABLE: dict[str, Callable[[_Run], None]] = {
    name: handle
    for names, handle in (
        (
            "cat nl head tail less more bat batcat od xxd hexdump strings diff cmp sort uniq cut tac",
            _reads,
        ),
        ("ls fd tree locate pwd stat file du wc which type whereis echo printf history rmdir", _lists),
        ("find", _find),
        ("xargs", _xargs),
        ("awk gawk jq yq", _scripted_reads),
        ("sed gsed", _sed),
        ("grep egrep fgrep rg ag ack zgrep", _grep),
        ("tee truncate", _tee),
        ("cp install rsync", _copies),
        ("ln", _links),
        ("mv", _moves),
        ("rm unlink touch", _removes),
        ("ed ex vi vim nano", _edits),
        ("black isort prettier gofmt rustfmt autopep8 clang-format", _formats),
        ("curl wget", _fetches),
        ("patch apply_patch applypatch", _patches),
        ("git", _git),
        ("python python2 python3 py node deno bun ruby php Rscript julia lua", _interprets),
        ("bash sh zsh dash ksh source .", _shells),
        ("eval", _evaluates),
        ("perl", _perl),
        (
            "pytest py.test tox nox make cmake ninja ctest mypy ruff flake8 pylint tsc eslint jest vitest",
            _builds,
        ),
        (
            "mocha rspec phpunit gcc g++ clang clang++ cc javac rustc mvn gradle gradlew bazel dotnet swift",
            _builds,
        ),
        ("npm npx yarn pnpm cargo go rake bundle composer uv poetry pipenv", _packages),
    )
    for name in names.split()
}
