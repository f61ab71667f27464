"""The engine as the tracks see it: a supervised child process with a URL.

The model loads in the child, so a llama.cpp abort never takes the endpoint down.
"""

from dataclasses import dataclass
from typing import Literal

from router.settings import LocalSettings

State = Literal["stopped", "starting", "ready", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What was last known of the engine. Times in seconds, rates in tokens per second."""

    state: State = "stopped"
    model: str = ""
    context: int = 0
    queue: int = 0
    running: int = 0
    wait_s: float = 0.0
    """Until a request sent now would begin to be computed."""
    prefill_tps: float = 0.0
    decode_tps: float = 0.0
    restarts: int = 0
    reason: str = ""
    """Why it is not ready, for a person; empty while all is well."""


class Engine:
    """Starts the engine process, keeps it running, and says where it listens."""

    def __init__(self, settings: LocalSettings) -> None:
        """Keep the settings; nothing is started before `start`."""
        self._settings = settings
        self.url = ""
        """`http://127.0.0.1:PORT`, without `/v1`; empty until ready. Changes with a restart."""
        self.token = ""
        """Bearer token the engine demands. Changes with a restart."""

    @property
    def health(self) -> Health:
        """The last known snapshot; costs nothing."""
        return Health()

    async def start(self) -> None:
        """Check the model file, then load it in the background; returns at once.

        Raises:
            Misconfigured: `local.model` is missing, truncated or no GGUF.
        """

    async def ready(self, timeout: float) -> None:  # noqa: ASYNC109 - part of the interface
        """Wait until requests can be sent; wakes an engine that was unloaded when idle.

        Raises:
            TrackError: cause `local_error`, with the reason, when it is not ready in `timeout` seconds.
        """

    async def refresh(self) -> Health:
        """Ask the engine and return the new snapshot."""
        return self.health

    async def stop(self) -> None:
        """End the process and wait for its end."""
