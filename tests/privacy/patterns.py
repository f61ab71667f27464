"""Patterns that people write, each with the names that it must and must not hold for."""

from collections.abc import Iterator

from bodies import CHAT, MESSAGES, Request, call, request, result, user
from variants import Variant, opening

PATHS: dict[str, list[tuple[str, str]]] = {
    "vaults/": [
        ("vaults/a.txt", "valets/a.txt"),
        ("/repo/vaults/x/b", "/repo/valets/x/b"),
        ("vaults\\a.txt", "valets\\a.txt"),
    ],
    "./private/**": [("private/a.txt", "public/a.txt"), ("/repo/private/a", "/repo/public/a")],
    "**/confidential/**": [
        ("a/confidential/b.md", "a/ordinary/b.md"),
        ("confidential/b.md", "ordinary/b.md"),
    ],
    "*.key": [
        ("tls/site.key", "tls/site.kex"),
        ("site.key", "site.kex"),
        ("/etc/x/SITE.KEY", "/etc/x/SITE.KEX"),
    ],
    "**/*.p12": [("a/b.p12", "a/b.p13"), ("b.p12", "b.p13")],
    "id_rsa*": [("~/.ssh/id_rsa", "~/.ssh/id_dsa"), ("/root/.ssh/id_rsa_old", "/root/.ssh/id_dsa_old")],
    "~/.aws/**": [
        ("~/.aws/credentials", "~/.gcp/credentials"),
        ("/home/ana/.aws/credentials", "/home/ana/.gcp/credentials"),
        ("/root/.aws/config", "/root/.gcp/config"),
        ("/Users/ana/.aws/config", "/Users/ana/.gcp/config"),
        ("$HOME/.aws/credentials", "$HOME/.gcp/credentials"),
        ("${HOME}/.aws/credentials", "${HOME}/.gcp/credentials"),
        ("C:\\Users\\ana\\.aws\\credentials", "C:\\Users\\ana\\.gcp\\credentials"),
        ("%USERPROFILE%\\.aws\\credentials", "%USERPROFILE%\\.gcp\\credentials"),
    ],
    "config/prod-*.yml": [
        ("config/prod-eu.yml", "config/test-eu.yml"),
        ("/repo/config/prod-us.yml", "/repo/config/test-us.yml"),
    ],
    "C:\\safe\\**": [
        ("C:\\safe\\x.txt", "C:\\sale\\x.txt"),
        ("c:/safe/x.txt", "c:/sale/x.txt"),
        ("/mnt/c/safe/x.txt", "/mnt/c/sale/x.txt"),
        ("/c/safe/x.txt", "/c/sale/x.txt"),
        ("file:///C:/safe/x.txt", "file:///C:/sale/x.txt"),
    ],
    "docs/*/draft.md": [
        ("docs/q3/draft.md", "docs/q3/final.md"),
        ("/repo/docs/q4/draft.md", "/repo/docs/q4/final.md"),
    ],
    "[Cc]redentials.json": [
        ("app/credentials.json", "app/essentials.json"),
        ("Credentials.json", "Essentials.json"),
    ],
    "terraform.tfstate*": [
        ("infra/terraform.tfstate", "infra/terraform.tfvars"),
        ("terraform.tfstate.backup", "terraform.tfvars.backup"),
    ],
    "private_*/**": [("private_eu/x.py", "public_eu/x.py")],
    "übersicht/**": [
        ("übersicht/x.md", "aussicht/x.md"),
        ("u\u0308bersicht/x.md", "aussicht/x.md"),
        ("ÜBERSICHT/x.md", "AUSSICHT/x.md"),
        ("%C3%BCbersicht/x.md", "%C3%A4bersicht/x.md"),
    ],
    "geheime daten/**": [
        ("geheime daten/x.txt", "offene daten/x.txt"),
        ("geheime%20daten/x.txt", "offene%20daten/x.txt"),
        ("geheime\\ daten/x.txt", "offene\\ daten/x.txt"),
        ("geheime\u00a0daten/x.txt", "offene\u00a0daten/x.txt"),
    ],
    "秘密/**": [("秘密/設定.yml", "公開/設定.yml")],
    "a.b/c+d(e)/**": [("a.b/c+d(e)/x", "a.b/c+d(f)/x")],
}
MATCHES: dict[str, list[tuple[str, str]]] = {
    r"\bTOPSEC-\d{4}\b": [
        ("see TOPSEC-1234 there", "see TOPSEC-12 there"),
        ("see TOPSEC-１２３４ there", "see TOPSEC-１２ there"),
        ("see TOP&#83;EC-1234 there", "see TOP&#83;EC-12 there"),
        ("see TOPSEC\u00ad-1234 there", "see TOPSEC\u00ad-12 there"),
    ],
    "Projekt Königsblau": [
        ("für Projekt Königsblau", "für Projekt Königsrot"),
        ("für Projekt\nKönigsblau", "für Projekt\nKönigsrot"),
        ("für Projekt Ko\u0308nigsblau", "für Projekt Ko\u0308nigsrot"),
        ("für Projekt K&ouml;nigsblau", "für Projekt K&ouml;nigsrot"),
        ("für **Projekt** Königsblau", "für **Projekt** Königsrot"),
    ],
    "社外秘": [("これは社外秘です", "これは社内報です"), ("社\u200b外秘", "社\u200b内報")],
    "(?i)do not distribute": [
        ("DO NOT\nDISTRIBUTE", "DO NOT\nDISTURB"),
        ("do  not  distribute", "do  not  disturb"),
    ],
    "[a-z]+@corp\\.example": [("write to ana@corp.example", "write to ana@home.example")],
}
POLICY = (
    "name: patterned\nhold: none\notherwise: {to: cloud, why: the cloud first}\nnever_cloud:\n  paths:\n"
    + "".join(f"    - '{pattern}'\n" for pattern in PATHS)
    + "  match:\n"
    + "".join(f"    - '{pattern}'\n" for pattern in MATCHES)
)


def patterned() -> Iterator[Variant]:
    for pattern, names in PATHS.items():
        for protected, harmless in names:
            for form in _FORMS:
                for path in (MESSAGES, CHAT):
                    yield Variant(
                        kind="pattern",
                        name=f"{pattern}: {protected} | {form} | {path}",
                        protected=lambda m, n=protected, f=form, p=path: _named(p, f, n, m),
                        harmless=lambda m, n=harmless, f=form, p=path: _named(p, f, n, m),
                    )
    for pattern, texts in MATCHES.items():
        for protected, harmless in texts:
            for path in (MESSAGES, CHAT):
                yield Variant(
                    kind="pattern",
                    name=f"{pattern}: {protected} | {path}",
                    protected=lambda m, t=protected, p=path: request(p, [user(opening(m)), user(f"{t} {m}")]),
                    harmless=lambda m, t=harmless, p=path: request(p, [user(opening(m)), user(f"{t} {m}")]),
                )


_FORMS = ("argument", "command", "answer", "quoted")


def _named(path: str, form: str, name: str, marker: str) -> Request:
    first = user(opening(marker))
    if form == "argument":
        return request(path, [first, call("frobnicate", {"x": name}), result(marker)])
    if form == "command":
        quoted = name if "\\ " in name else f'"{name}"' if " " in name or "(" in name else name
        return request(path, [first, call("Bash", {"command": f"cat {quoted}"}), result(marker)])
    if form == "answer":
        return request(path, [first, call("look", {}), result(f"==> {name} <==\n{marker}")])
    return request(path, [first, user(f'In "{name}" it says {marker}')])
