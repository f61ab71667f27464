"""Ways in which the words of a `match` can stand in a body: how they are spelled, and where."""

from collections.abc import Callable

from spellings import ZERO_WIDTH, bold, wide


def _between(text: str) -> Callable[[str, str], str]:
    return lambda first, second: f"This is {first}{text}{second}"


def _words(edit: Callable[[str], str]) -> Callable[[str, str], str]:
    return lambda first, second: f"This is {edit(first)} {edit(second)}"


_BETWEEN = {
    "one space": " ",
    "two spaces": "  ",
    "many spaces": " " * 40,
    "tab": "\t",
    "line break": "\n",
    "Windows line break": "\r\n",
    "old Mac line break": "\r",
    "empty line": "\n\n",
    "indented line": "\n        ",
    "vertical tab": "\v",
    "form feed": "\f",
    "next line": "\u0085",
    "line separator": "\u2028",
    "paragraph separator": "\u2029",
    "no-break space": "\u00a0",
    "narrow no-break space": "\u202f",
    "em space": "\u2003",
    "thin space": "\u2009",
    "figure space": "\u2007",
    "ideographic space": "\u3000",
    "medium space": "\u205f",
    "Ogham space": "\u1680",
    "space and nothing": " \u200b",
    "trailing backslash": " \\\n",
    "two trailing spaces": "  \n",
    "HTML break": "<br>",
    "HTML break, closed": "<br/>\n",
    "HTML no-break space": "&nbsp;",
    "decimal entity": "&#32;",
    "hexadecimal entity": "&#x20;",
    "entity of a line break": "&#10;",
    "entity of a tab": "&Tab;",
    "entity of an em space": "&emsp;",
    "entity, escaped": "&amp;nbsp;",
    "percent": "%20",
    "percent, twice": "%2520",
    "escaped line break": "\\n",
    "escaped tab": "\\t",
    "escaped code point": "\\u0020",
    "quotation": "\n> ",
    "shell comment": "\n# ",
    "C comment": "\n// ",
    "block comment": "\n * ",
    "SQL comment": "\n-- ",
    "HTML comment": "<!-- --> ",
    "diff line": "\n+",
    "numbered line": "\n     2\t",
    "ANSI colour": " \x1b[1m",
    "soft hyphen and space": "\u00ad ",
    "direction marks": "\u200e \u200f",
}
_EDITS: dict[str, Callable[[str, str], str]] = {
    "bold first": lambda a, b: f"This is **{a}** {b}",
    "bold second": lambda a, b: f"This is {a} **{b}**",
    "bold both": lambda a, b: f"**{a}** **{b}**",
    "bold together": lambda a, b: f"**{a} {b}**",
    "bold letter": lambda a, b: f"**{a[0]}**{a[1:]} {b}",
    "italic": lambda a, b: f"*{a}* _{b}_",
    "code": lambda a, b: f"`{a}` `{b}`",
    "struck": lambda a, b: f"~~{a}~~ {b}",
    "link": lambda a, b: f"[{a}](https://x.example) {b}",
    "HTML bold": lambda a, b: f"<b>{a}</b> {b}",
    "HTML span": lambda a, b: f'<span class="x">{a}</span> <span>{b}</span>',
    "HTML inside": lambda a, b: f"{a[:3]}<i>{a[3:]}</i> {b}",
    "HTML paragraph": lambda a, b: f"<p>{a}\n{b}</p>",
    "heading": lambda a, b: f"# {a} {b}",
    "lower case": _words(str.lower),
    "upper case": _words(str.upper),
    "full-width": _words(wide),
    "mathematical": lambda a, b: f"{bold(a.lower())} {bold(b)}",
    "entity letters": lambda a, b: f"{a[:2]}&#{ord(a[2])};{a[3:]} {b}",
    "hexadecimal entity letters": _words(lambda word: "".join(f"&#x{ord(char):x};" for char in word)),
    "percent letters": _words(lambda word: "".join(f"%{ord(char):02x}" for char in word)),
    "escaped letters": lambda a, b: f"\\u{ord(a[0]):04x}{a[1:]} {b}",
    "overridden direction": lambda a, b: f"\u202d{a} {b}\u202c",
    "nothing between all letters": _words("\u200b".join),
    "soft hyphens": _words("\u00ad".join),
    "backslash escapes": lambda a, b: f"{a}\\ {b}",
    "ANSI colour inside": lambda a, b: f"{a[:3]}\x1b[1m{a[3:]} {b}",
    "joined by underscores in markdown": lambda a, b: f"__{a}__ __{b}__",
    "after another script": lambda a, b: f"\u8fd9\u662f{a} {b}\u6587\u4ef6",
}
EXCLUDED = {
    "INTERNAL in Cyrillic or Greek letters": "letters that look alike are other letters; NFKC keeps them apart",
    "I N T E R N A L, spelled out": "other words, as far as a pattern can tell",
    "ylno LANRETNI, reversed": "a paraphrase",
    "rot13, hexadecimal, gzip": "must be computed first; a pattern reads text",
    "\\textbf{INTERNAL} only": "LaTeX and other programs for typesetting are not undone",
    '"INTERNAL" "only"': "other text: there are marks between the words that no renderer hides",
    "a picture of the words": "cannot be read; `opaque` rules it",
    "INTERNAL-only, INTERNAL_only": "other text: the policy's pattern has a space there",
}


def phrases() -> dict[str, Callable[[str, str], str]]:
    """Spellings by name: from the two words to the text."""
    between = {f"between: {name}": _between(text) for name, text in _BETWEEN.items()}
    inside = {
        f"inside: U+{ord(char):04X}": lambda a, b, char=char: f"{a[:3]}{char}{a[3:]} {b}"
        for char in ZERO_WIDTH
    }
    return {**between, **inside, **_EDITS}
