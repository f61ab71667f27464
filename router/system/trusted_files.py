"""Which settings files count in full: the user's own, and those elsewhere that the user has trusted.

A `turnout.yaml` in the working folder may have come with a cloned repository. Until it is trusted it may
set only what is `HARMLESS`: anything else could send prompts and keys to its author's server, open the
endpoint, or lift a policy. Trust is in a file's path and content: one that changes needs it again.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from router.errors import Misconfigured
from router.system.files import make_folder, write_private

FILE = "turnout.yaml"
"""Name of a settings file, in the working folder and in the user's."""

HARMLESS = frozenset({
    "classifier", "keepalive_s", "log_format", "log_level",
    "local.audio", "local.batch", "local.context", "local.embedding_context", "local.first_byte_s",
    "local.gpu_layers",
    "local.idle_unload_s", "local.stall_s", "local.threads", "local.total_s", "local.vision",
    "local.card_usd", "local.card_years", "local.idle_watts", "local.usd_per_kwh", "local.utilisation",
    "local.watts",
    "cloud.connect_s", "cloud.connections", "cloud.first_byte_s", "cloud.stall_s", "cloud.total_s",
})  # fmt: skip
"""What any file may set: it changes how fast an answer comes and what is counted for the own machine.

Nothing that names an address, a credential, a file, a program, a policy, a price, or who may ask what.
A setting is not harmless until it is listed here.
"""

State = Literal["trusted", "changed", "unknown"]


def user_folder() -> Path:
    """The user's folder of settings; made by the first write."""
    from platformdirs import user_config_path

    return user_config_path("turnout", appauthor=False)


def user_file() -> Path:
    """The user's own settings, which hold in every folder."""
    return user_folder() / FILE


def risky(values: Mapping[str, Any]) -> list[str]:
    """Name the settings that count only in a trusted file, such as `cloud.base_url`.

    `${...}` makes any of them risky: it could show a secret of the environment where nobody expects it.
    """
    return [name for name, value in _leaves(values) if name not in HARMLESS or has_variables(value)]


def has_variables(value: Any) -> bool:
    """Whether `${...}` stands anywhere in what YAML was read as."""
    return "${" in str(value)


def digest(content: bytes) -> str:
    """What a file is recognised by: SHA-256, in hex."""
    return hashlib.sha256(content).hexdigest()


class TrustStore:
    """The files that the user has trusted, by absolute path, in `trusted.json` of the user's folder."""

    def __init__(self) -> None:
        self._file = user_folder() / "trusted.json"

    def state(self, path: Path, content: bytes) -> State:
        """Return whether the file at `path` is trusted with this content, or changed since."""
        trusted = self.digests().get(str(path.resolve()))
        if trusted is None:
            return "unknown"
        return "trusted" if trusted == digest(content) else "changed"

    def add(self, path: Path, content: bytes) -> None:
        """Trust the file at `path` as long as this is its content."""
        self._write(self.digests() | {str(path.resolve()): digest(content)})

    def remove(self, path: Path) -> bool:
        """Trust it no more; False where it was not trusted."""
        digests = self.digests()
        present = digests.pop(str(path.resolve()), None) is not None
        if present:
            self._write(digests)
        return present

    def digests(self) -> dict[str, str]:
        """Read each file's path and the digest of the content that is trusted.

        Raises:
            Misconfigured: the store cannot be read.
        """
        try:
            stored = json.loads(self._file.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise Misconfigured(f"trust: {self._file} cannot be read ({error}); delete it") from error
        if not isinstance(stored, dict):
            raise Misconfigured(f"trust: {self._file} is not what `turnout trust` writes; delete it")
        return {str(path): str(value) for path, value in stored.items()}

    def _write(self, digests: Mapping[str, str]) -> None:
        try:
            make_folder(self._file.parent)
            write_private(self._file, json.dumps(digests, indent=1, sort_keys=True).encode() + b"\n")
        except OSError as error:
            raise Misconfigured(
                f"trust: {self._file} cannot be written: {error.strerror or error}"
            ) from error


def require_trust(path: Path, content: bytes, values: Mapping[str, Any]) -> None:
    """Let a file from the working folder pass: it is harmless, or the user has trusted it.

    Raises:
        Misconfigured: it is neither; names the settings and the remedy.
    """
    fields = risky(values)
    state = TrustStore().state(path, content) if fields else "trusted"
    if state == "trusted":
        return
    why = "changed since you trusted it" if state == "changed" else "is not trusted"
    variables = " (`${...}` needs trust in any setting)" if has_variables(values) else ""
    raise Misconfigured(
        f"{path}: {why}, so it may not set {', '.join(fields)}{variables}. Read it, then run "
        f"`turnout trust`; or put these settings into {user_file()}, or start elsewhere"
    )


def _leaves(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}.{inner}", each) for inner, each in value.items())
        else:
            yield str(name), value
