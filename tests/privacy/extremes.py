"""Bodies at the edges of size: names that lie across the seams of whatever reads in pieces, and very many strings."""

import json
from collections.abc import Callable, Iterator

from bodies import CHAT, MESSAGES, Request, assistant, call, request, result, user
from targets import FOLDER, HARMLESS_PHRASE, PHRASE, Target
from variants import Variant, opening

Text = Callable[[Target, tuple[str, str]], str]
PLAIN: dict[str, Text] = {
    "path": lambda target, words: f"see {target.path} for it",
    "words": lambda target, words: f"this is {' '.join(words)} text",
}
SEAMS = (4096, 8192, 16384, 32768, 65536, 131072, 262144, 1048576)


def seams() -> Iterator[Variant]:
    """A name that begins a few letters before a power of two, counted in the text."""
    for name, write in PLAIN.items():
        for seam in SEAMS:
            for before in (1, 9, 14):
                yield _variant(
                    f"{name} {before} before {seam}",
                    lambda t, w, m, write=write, size=seam - before: request(
                        MESSAGES, [user(opening(m)), user(_filler(size) + write(t, w) + _filler(500))]
                    ),
                )


_LONG: dict[str, Callable[[Target, tuple[str, str]], str]] = {
    "words far apart in spaces": lambda t, w: f"{w[0]}{' ' * 70_000}{w[1]}",
    "words far apart in line breaks": lambda t, w: w[0] + "\n \t\r\n" * 20_000 + w[1],
    "nothing between letters": lambda t, w: f"{w[0][:3]}{chr(0x200B) * 50_000}{w[0][3:]} {w[1]}",
    "long way round": lambda t, w: "x/../" * 3_000 + t.path,
    "many dots": lambda t, w: t.folder + "/." * 5_000 + "/" + t.inner,
    "many slashes": lambda t, w: t.folder + "/" * 20_000 + t.inner,
    "deep above": lambda t, w: "a/" * 3_000 + t.path,
    "deep below": lambda t, w: f"{t.folder}/{'a/' * 3_000}b.yml",
    "encoded many times": lambda t, w: t.path.replace("/", "%" + "25" * 12 + "2F"),
    "entities many times": lambda t, w: t.path.replace("/", "&" + "amp;" * 12 + "#47;"),
    "last of many lines": lambda t, w: "a line of text\n" * 60_000 + t.path,
    "first of many lines": lambda t, w: t.path + "\na line of text" * 60_000,
    "one very long word before": lambda t, w: "x" * 300_000 + " " + t.path,
    "among look-alikes": lambda t, w: "secret secretss libraries " * 20_000 + t.path + " secret" * 20_000,
    "words among halves": lambda t, w: f"{w[0]} x only " * 20_000 + " ".join(w),
}


def long_texts() -> Iterator[Variant]:
    """One long string."""
    for name, write in _LONG.items():
        for path in (MESSAGES, CHAT):
            yield _variant(
                f"{name} | {path}",
                lambda t, w, m, write=write, path=path: request(
                    path, [user(opening(m)), call("Read", {"file_path": write(t, w)}), result(m)]
                ),
            )


def many_strings() -> Iterator[Variant]:
    """Very many strings, one of which counts."""

    def listed(t: Target, m: str, path: str, at: int) -> Request:
        names = [f"src/m{number}.py" for number in range(20_000)]
        names[at] = t.path
        return request(path, [user(opening(m)), call("read_many", {"paths": names}), result(m)])

    def talked(t: Target, m: str, path: str, at: int) -> Request:
        turns = [user(f"Word {number}.") if number % 2 else assistant("Yes.") for number in range(3_001)]
        turns[at] = user(f"It is in {t.path}: {m}")
        return request(path, [user(opening(m)), *turns])

    def tooled(t: Target, m: str, path: str, at: int) -> Request:
        del path
        tools = [
            {"name": f"t{number}", "description": "x", "input_schema": {"type": "object"}}
            for number in range(1_500)
        ]
        tools[at]["description"] = f"Reads {t.path}: {m}"
        return request(MESSAGES, [user(opening(m))], tools=tools)

    def nested(t: Target, m: str, path: str, at: int) -> Request:
        value: object = t.path
        for _ in range(at):
            value = [value]
        return request(path, [user(opening(m)), call("look", {"x": value}), result(m)])

    for name, build, places in (
        ("paths", listed, (0, 9_999, 19_999)),
        ("messages", talked, (0, 1_500, 3_000)),
        ("tools", tooled, (0, 750, 1_499)),
        ("levels", nested, (100, 300)),
    ):
        for at in places:
            for path in (MESSAGES, CHAT):
                yield _variant(
                    f"{name} at {at} | {path}", lambda t, w, m, b=build, p=path, a=at: b(t, m, p, a)
                )


def _filler(size: int) -> str:
    return ("All work and no play. " * (size // 22 + 1))[: max(size - 1, 0)] + " "


def _variant(name: str, build: Callable[[Target, tuple[str, str], str], Request]) -> Variant:
    return Variant(
        kind="extreme",
        name=name,
        protected=lambda marker: build(FOLDER.protected, PHRASE, marker),
        harmless=lambda marker: build(FOLDER.harmless, HARMLESS_PHRASE, marker),
    )


def extremes() -> list[Variant]:
    return [*seams(), *long_texts(), *many_strings()]


def size(variant: Variant) -> int:
    """Bytes of the body."""
    return len(json.dumps(variant.protected("m").body))
