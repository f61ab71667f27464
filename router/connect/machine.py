"""The user's machine, as far as clients look at it: system, home, environment, programs."""

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

System = Literal["linux", "darwin", "win32"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where settings are looked for."""

    system: System
    home: Path
    environment: Mapping[str, str]

    @classmethod
    def here(cls) -> "Machine":
        """This machine and this user."""
        system: System = (
            "win32" if sys.platform == "win32" else "darwin" if sys.platform == "darwin" else "linux"
        )
        return cls(system=system, home=Path.home(), environment=dict(os.environ))

    def variable(self, name: str) -> str:
        """Return a variable of the environment; empty where it is not set."""
        return self.environment.get(name, "")

    def folder(self, variable: str, *default: str) -> Path:
        """Return the folder that a variable names, else one below the home."""
        named = self.variable(variable)
        return Path(named).expanduser() if named else self.home.joinpath(*default)

    @property
    def config(self) -> Path:
        """Where programs that follow the XDG base directories keep settings, on every system."""
        return self.folder("XDG_CONFIG_HOME", ".config")

    @property
    def application_data(self) -> Path:
        """Where desktop programs keep settings: `%APPDATA%`, `~/Library/Application Support`, `~/.config`."""
        if self.system == "win32":
            return self.folder("APPDATA", "AppData", "Roaming")
        if self.system == "darwin":
            return self.home / "Library" / "Application Support"
        return self.config

    def program(self, *names: str) -> str | None:
        """Return the path of the first of these programs that is installed."""
        match = (shutil.which(name, path=self.environment.get("PATH")) for name in names)
        return next((path for path in match if path), None)
