"""What the policy protects, each beside a harmless twin that is spelled the same way.

A variant is built twice: with the protected name it must not leave, with its twin it must. The twin
proves that the provider would have received the variant, and that nothing about its form alone holds it.
"""

import re
from dataclasses import dataclass

POLICY = """\
name: fenced
hold: none
otherwise: {to: cloud, why: the cloud first}
never_cloud: {paths: ["secrets/**", "/srv/vault/**", "*.pem", ".env"], match: ["(?i)internal only"]}
"""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A file: `path` as a POSIX path; `folder` where the whole folder is protected, else empty."""

    path: str
    folder: str = ""

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def inner(self) -> str:
        """The path below the protected folder."""
        return self.path.removeprefix(self.folder + "/")

    @property
    def windows(self) -> str:
        return self.path.replace("/", "\\")

    def fill(self, template: str) -> str:
        """Put the names in: `<p>` the path, `<w>` with backslashes, `<d>` the folder, `<i>` below it, `<n>` the file."""
        names = {"p": self.path, "w": self.windows, "d": self.folder, "i": self.inner, "n": self.name}
        return re.sub(r"<([pwdin])>", lambda match: names[match[1]], template)


@dataclass(frozen=True, kw_only=True)
class Pair:
    protected: Target
    harmless: Target


def _pair(path: str, harmless: str, folder: str = "", harmless_folder: str = "") -> Pair:
    return Pair(
        protected=Target(path=path, folder=folder),
        harmless=Target(path=harmless, folder=harmless_folder),
    )


FOLDER = _pair("secrets/db.yml", "library/db.yml", "secrets", "library")
DEEP = _pair("secrets/prod/tokens.json", "library/prod/tokens.json", "secrets", "library")
BARE = _pair("secrets/cert", "library/cert", "secrets", "library")
ABSOLUTE = _pair("/srv/vault/token.txt", "/srv/depot/token.txt", "/srv/vault", "/srv/depot")
SUFFIX = _pair("certs/server.pem", "certs/server.txt")
DOTFILE = _pair(".env", ".cfg")
INNER_DOTFILE = _pair("app/.env", "app/.cfg")

IN_FOLDER = (FOLDER, DEEP, BARE)
RELATIVE = (*IN_FOLDER, SUFFIX, DOTFILE, INNER_DOTFILE)
ALL = (*RELATIVE, ABSOLUTE)

PHRASE = ("INTERNAL", "only")
HARMLESS_PHRASE = ("EXTERNAL", "only")
