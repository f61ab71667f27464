"""Settings: flags > `TURNOUT_*` > `turnout.yaml` > defaults. A fresh machine needs none.

Environment names follow the file, nesting by two underscores: `TURNOUT_LISTEN`,
`TURNOUT_CLOUD__BASE_URL`. Unknown keys are refused with the nearest valid name.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Section(BaseModel):
    """A part of the file: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LocalSettings(Section):
    """The track on this machine."""

    model: str = ""
    """Path of a GGUF file; empty for the embedded demo model."""
    url: str = ""
    """An OpenAI-compatible base URL (with `/v1`) to use instead of our own engine."""
    api_key_env: str = ""
    """Environment variable with the key for `url`, where it needs one."""
    name: str = ""
    """Model name to ask `url` for, and to show; empty for the file's or server's own."""
    context: int = Field(default=0, ge=0)
    """Window in tokens; 0 for the model's own."""
    gpu_layers: int = -1
    """Layers on the GPU: -1 all, 0 none."""
    threads: int = Field(default=0, ge=0)
    """CPU threads; 0 for as many as there are cores."""
    batch: int = Field(default=256, ge=1)
    """Prompt tokens computed in one step; a hang-up is noticed between steps."""
    first_byte_s: float = Field(default=300, gt=0)
    """How long to wait for the first useful unit."""
    total_s: float = Field(default=1800, gt=0)
    idle_unload_s: float = Field(default=0, ge=0)
    """Stop the engine after so many idle seconds; 0 for never."""


class CloudSettings(Section):
    """The track to the provider."""

    base_url: str = "https://api.anthropic.com"
    """Without `/v1` for `anthropic`, with it for `openai`."""
    dialect: Literal["anthropic", "openai", "litellm"] = "anthropic"
    """What `base_url` speaks; `litellm` for any other provider, by `model`'s prefix."""
    model: str = "claude-sonnet-5-5"
    """Asked for where the client named no model of the provider's."""
    api_key_env: str = "ANTHROPIC_API_KEY"
    """Environment variable that holds the provider's key."""
    forward_credentials: Literal["auto", "always", "never"] = "auto"
    """Send the client's own key: `auto` where it is one of the provider's (`sk-ant-...`)."""
    connect_s: float = Field(default=10, gt=0)
    first_byte_s: float = Field(default=300, gt=0)
    total_s: float = Field(default=1800, gt=0)
    connections: int = Field(default=256, ge=1)


class Price(Section):
    """US dollars per million tokens."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cache_read: float = Field(ge=0)
    cache_write_5m: float = Field(ge=0)
    cache_write_1h: float = Field(ge=0)


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix="TURNOUT_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    listen: str = "127.0.0.1:4747"
    policy: str = "balanced"
    """Name of a shipped policy, or path of a YAML file."""
    ledger: str = ""
    """SQLAlchemy URL or path of a SQLite file; empty for the user's data folder."""
    local: LocalSettings = LocalSettings()
    cloud: CloudSettings = CloudSettings()
    prices: dict[str, Price] = Field(default_factory=dict)
    """Overrides by model name."""
    max_body_mb: int = Field(default=50, ge=1)
    keepalive_s: float = Field(default=10, gt=0)
    """Seconds of silence before an SSE comment is sent while nothing is there yet."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"


def data_dir() -> Path:
    """The user's data folder for Turnout; created on first use by whoever writes there."""
    from platformdirs import user_data_path

    return user_data_path("turnout", appauthor=False)
