"""What is known of a client: where its settings are, what they should say, and how to start it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from router.connect.formats.document import Format
from router.connect.formats.edits import Data, Edit, find
from router.connect.machine import Machine

PLACEHOLDER = "turnout-needs-no-key"
"""What a client that insists on a key is given while the endpoint asks none; no provider gets to see it."""
MODEL = "auto"
"""The model name that lets the policy decide."""
CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
PROVIDER, TITLE = "turnout", "Turnout"
"""The endpoint's name in settings, and as people see it."""
KEY_HEADER = "x-turnout-key"
"""Carries a team's key beside a credential of the provider's."""
WINDOW, ANSWER = 200_000, 32_000
"""Tokens, for clients that want numbers: Claude's window; what does not fit the local model goes there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The endpoint that a client is pointed at."""

    url: str
    """Without `/v1` and without a slash at the end."""
    key: str = ""
    """A team's key; empty where the endpoint asks none."""

    @property
    def v1(self) -> str:
        """Base URL of the OpenAI dialect."""
        return f"{self.url}/v1"

    @property
    def secret(self) -> str:
        """The key, or the placeholder."""
        return self.key or PLACEHOLDER


def enter(target: Target, *, model: str = MODEL) -> str:
    """Return the step that says what to type into a dialog."""
    return f"Enter the base URL {target.v1}, the API key {target.secret}, and the model {model}."


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsFile:
    """One file of a client's settings."""

    path: Path
    form: Format
    edits: Callable[[Data], Sequence[Edit]]
    """From what the file says now to what has to change; what is there already may be among it."""
    obstacle: str = ""
    """Why the file must not be written as things are, and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How a client is started so that it comes here, without a change of any file of the user's."""

    variables: Mapping[str, str]
    flags: tuple[str, ...] = ()
    """Before the user's own arguments."""
    own_file: tuple[str, str] | None = None
    """Name and content of a settings file of ours, for a client that takes nothing else. Its path takes the
    place of `OWN_FILE` in `flags`, that of the folder from which it is named that of `OWN_FOLDER` in
    `variables`."""


OWN_FILE, OWN_FOLDER = "{own file}", "{own folder}"

Wanted = Callable[[Machine, Target], tuple[SettingsFile, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A row of the table of clients."""

    name: str
    title: str
    speaks: str
    """The path that it calls, as `router.app.asgi` has it."""
    programs: tuple[str, ...] = ()
    install: str = ""
    """How to get it, as a command or a sentence."""
    signs: Callable[[Machine], Sequence[Path]] = lambda _: ()
    """Files or folders that are there once it has run."""
    files: Wanted | None = None
    variables: Callable[[Target], Mapping[str, str]] | None = None
    """Where the environment is all there is to set."""
    steps: Callable[[Target], Sequence[str]] = lambda _: ()
    """What a person has to do by hand: all of it without `files`, else what is left."""
    launch: Callable[[Machine, Target], Launch] | None = None
    aliases: tuple[str, ...] = field(default=())

    def is_installed(self, machine: Machine) -> bool:
        """Whether its program is on the path, or its settings are there."""
        return bool(self.programs and machine.program(*self.programs)) or any(
            sign.exists() for sign in self.signs(machine)
        )


def always(*edits: Edit) -> Callable[[Data], Sequence[Edit]]:
    """Return what makes the same edits whatever a file says."""
    return lambda _: edits


def key_edit(data: Data, path: tuple[str, ...], target: Target, *, base: tuple[str, ...]) -> tuple[Edit, ...]:
    """Set a team's key, or the placeholder where no key is; OpenAI's own stays.

    Args:
        data: What the file says now.
        path: Where the key stands.
        target: The endpoint.
        base: Where the base URL stands. A key of any other provider's goes with its address, since the
            endpoint would take it for OpenAI's and send it there.
    """
    present = find(data, path)
    if target.key or not present or present == PLACEHOLDER or not _is_openais(find(data, base), target):
        return (Edit(path=path, value=target.secret),)
    return ()


def _is_openais(base: Data, target: Target) -> bool:
    if not base:
        return True
    from router.tracks.providers import OPENAI_URL

    root = str(base).strip().lower().rstrip("/").removesuffix("/v1")
    return root in {target.url.lower(), OPENAI_URL.removesuffix("/v1")}


def first_existing(*paths: Path) -> Path:
    """Return the first of the files that is there, else the first."""
    return next((path for path in paths if path.exists()), paths[0])
