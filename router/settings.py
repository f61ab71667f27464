"""Settings: flags > `TURNOUT_*` > `./turnout.yaml` > the user's `turnout.yaml` > defaults.

A fresh machine needs none. What a file in the working folder may set is in `router.system.trusted_files`.
Environment names follow the file, nesting by two underscores: `TURNOUT_LISTEN`,
`TURNOUT_CLOUD__BASE_URL`. Unknown keys are refused with the nearest valid name.
"""

import difflib
import json
import os
import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    IPvAnyNetwork,
    SecretStr,
    Tag,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from classifiers.choose import DEFAULT, ClassifierName
from policies.decision import StandIn
from policies.load import SHIPPED
from router.errors import Misconfigured
from router.system.environment import check_document, load_yaml
from router.system.host_names import check_host_pattern, check_origin_pattern
from router.system.trusted_files import FILE, has_variables, require_trust, user_file

PREFIX = "TURNOUT_"
TEST_PREFIX = "TURNOUT_TEST_"
"""For the test-suite alone; not settings."""
CLIENT_KEY = "TURNOUT_KEY"
"""A client's key, for `turnout bench run`; not a setting of the endpoint that is started beside it."""
HIGHEST_PORT = 65535
MOST_NUMBER = 2**31 - 1
"""The largest that llama.cpp takes."""
PATHS = frozenset({"policy", "ledger", "classifier_file"})
"""Settings that name a file, besides those in `local`."""
MODEL_FILES = ("model", "embedding_model")
"""Settings in `local` that name one."""


ADDRESSES = "give one such as http://127.0.0.1:8080 or https://host/path"


def _base_url(url: str) -> str:
    """Take an absolute URL, or nothing; the message names what is missing.

    Raises:
        ValueError: it has no `http://`, no host, no valid port, or more than an address and a path.
    """
    text = url.strip()
    if not text:
        return text
    if re.search(r"\s", text):
        raise ValueError(f"has a space in it; {ADDRESSES}")
    port = re.match(r"https?://[^/?#]*:(\d+)(?=[/?#]|$)", text)
    if port and not 0 < int(port[1]) <= HIGHEST_PORT:
        raise ValueError(f"has no valid port; give one from 1 to {HIGHEST_PORT}")
    try:
        parts = urlsplit(text)
        complete = parts.scheme in {"http", "https"} and parts.hostname
    except ValueError:  # half an IPv6 address
        complete = False
    if not complete:
        raise ValueError(f"is no complete address; {_suggest_url(text)}")
    if parts.query or parts.fragment:
        raise ValueError("takes no `?` or `#`; give the address and path alone")
    return text


def _suggest_url(text: str) -> str:
    """The address that was probably meant: a name without `http://` before it."""
    meant = re.fullmatch(r"(?P<host>[\w.-]+|\[[0-9a-fA-F:]+\])(?P<port>:\d{1,5})?(?P<path>/\S*)?", text)
    if not meant:
        return ADDRESSES
    near = meant["port"] or "." not in meant["host"] or re.fullmatch(r"[\d.]+", meant["host"])
    return f"did you mean {'http' if near else 'https'}://{text}?"


BaseUrl = Annotated[str, AfterValidator(_base_url)]


class Section(BaseModel):
    """A part of the file: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class LocalSettings(Section):
    """The track on this machine."""

    model: str = ""
    """Path of a GGUF file; empty for the embedded demo model."""
    url: BaseUrl = ""
    """An OpenAI-compatible base URL (with `/v1`) to use instead of our own engine."""
    api_key_env: str = ""
    """Environment variable with the key for `url`, where it needs one."""
    name: str = ""
    """Model name to ask `url` for, and to show; empty for the file's or server's own."""
    context: int = Field(default=0, ge=0, le=MOST_NUMBER)
    """Window in tokens; 0 for the model's own."""
    vision: bool | None = None
    """Whether the model at `url` sees images, where its server does not tell; unset: as that tells."""
    audio: bool | None = None
    """Whether it hears audio; as above."""
    embedding_model: str = ""
    """Path of a GGUF file that makes embeddings, run beside the model; empty for none of our own."""
    embedding_name: str = ""
    """The name that it goes by, empty for the file's; without a file, what `url` is asked to embed with."""
    embedding_context: int = Field(default=0, ge=0, le=MOST_NUMBER)
    """Its window in tokens, for one text; 0 for the model's own, but 2048 at most."""
    gpu_layers: int = Field(default=-1, ge=-1, le=MOST_NUMBER)
    """Layers on the GPU: -1 all, 0 none."""
    threads: int = Field(default=0, ge=0, le=1024)
    """CPU threads; 0 for as many as there are cores."""
    batch: int = Field(default=256, ge=1, le=65_536)
    """Prompt tokens computed in one step; a hang-up is noticed between steps."""
    first_byte_s: float = Field(default=300, gt=0)
    """How long to wait for the first useful unit."""
    stall_s: float = Field(default=600, gt=0)
    """How long a stream may be silent after it: many servers write a long tool call only once it is whole."""
    total_s: float = Field(default=1800, gt=0)
    idle_unload_s: float = Field(default=0, ge=0)
    """Stop the engine after so many idle seconds; 0 for never."""
    watts: float = Field(default=0, ge=0)
    """Drawn by the machine while the model works; 0: unknown, and energy is not part of any cost."""
    idle_watts: float = Field(default=0, ge=0)
    """Drawn while it waits."""
    usd_per_kwh: float = Field(default=0, ge=0)
    """What electricity costs; needed with `watts`."""
    card_usd: float = Field(default=0, ge=0)
    """What the card cost; 0: unknown, and its wear is not part of any cost."""
    card_years: float = Field(default=4, gt=0)
    """How long the card is used."""
    utilisation: float = Field(default=0.1, gt=0, le=1)
    """The part of that time in which it works."""

    @model_validator(mode="after")
    def _check_required(self) -> Self:
        if (self.watts or self.idle_watts) and not self.usd_per_kwh:
            raise ValueError("`usd_per_kwh` is needed beside `watts`, such as 0.30")
        if (self.usd_per_kwh or self.idle_watts) and not self.watts:
            raise ValueError("`watts` is needed beside `usd_per_kwh` and `idle_watts`, such as 320")
        return self


class CloudSettings(Section):
    """The track to the provider."""

    base_url: BaseUrl = "https://api.anthropic.com"
    """Without `/v1` for `anthropic`, with it for `openai`."""
    dialect: Literal["anthropic", "openai", "litellm"] = "anthropic"
    """What `base_url` speaks; `litellm` for any other provider, by `model`'s prefix."""
    responses: Literal["auto", "always", "never"] = "auto"
    """Whether `base_url` speaks Responses, too: requests in it pass as they are; `auto`: OpenAI's own."""
    model: str = "claude-sonnet-5-5"
    """Asked for where the client named no model of the provider's."""
    api_key_env: str = "ANTHROPIC_API_KEY"
    """Environment variable that holds the provider's key."""
    forward_credentials: Literal["auto", "always", "never"] = "auto"
    """Send the client's own key: `auto` where it is one of the provider's (`sk-ant-...`)."""
    without_credential: StandIn = "local"
    """What belongs on the cloud and has no key: `local` serves it here, marked degraded, where the policy has
    no `degrade` of its own; `refuse` tells the client."""
    embedding_model: str = ""
    """The provider's model that texts may be embedded with, such as `openai/text-embedding-3-small`."""
    embedding_url: BaseUrl = ""
    """Where it is reached; empty for that provider's own address, or `base_url` where it is the same one."""
    embedding_key_env: str = ""
    """Environment variable with its key; empty for the provider's own, such as OPENAI_API_KEY."""
    connect_s: float = Field(default=10, gt=0)
    first_byte_s: float = Field(default=300, gt=0)
    stall_s: float = Field(default=300, gt=0)
    """How long a stream may be silent after its first useful unit."""
    total_s: float = Field(default=1800, gt=0)
    connections: int = Field(default=256, ge=1, le=65_536)

    @model_validator(mode="after")
    def _check_responses(self) -> Self:
        if self.responses == "always" and self.dialect != "openai":
            raise ValueError("`responses: always` is for `dialect: openai` alone; take it out")
        return self


class ListPrice(Section):
    """US dollars per million tokens, for prompts of any length."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cache_read: float = Field(ge=0)
    cache_write_5m: float = Field(ge=0)
    cache_write_1h: float = Field(ge=0)


class DatedPrice(ListPrice):
    """A price that holds from a day on, in UTC; without `from`, since ever."""

    since: date | None = Field(default=None, alias="from")


class TrustedHeader(Section):
    """Headers in which a reverse proxy, which has checked it, says who asks."""

    user: str = ""
    """Name of the header with the user; empty: none is believed."""
    team: str = ""
    """Name of the header with the team; empty: all are of the team `default`."""
    networks: tuple[IPvAnyNetwork, ...] = Field(default=(), alias="from")
    """Addresses of such proxies, such as `10.0.0.0/8`; from all others the headers are refused."""

    @model_validator(mode="after")
    def _check_required(self) -> Self:
        if (self.team or self.networks) and not self.user:
            raise ValueError("`user` is needed: the header with the user's name, such as x-forwarded-user")
        if self.user and not self.networks:
            raise ValueError("`from` is needed: the addresses of the proxies, such as [10.0.0.0/8]")
        return self


class EmailSettings(Section):
    """The mail server that reports are sent by."""

    host: str = ""
    """Name or address of the SMTP server; empty: no mail is sent."""
    port: int = Field(default=587, ge=1, le=HIGHEST_PORT)
    user: str = ""
    """Whom to log in as; empty: without a login."""
    password_env: str = ""
    """Environment variable with the password of `user`."""
    sender: str = Field(default="", alias="from")
    """Address that reports come from."""
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    """`implicit` is usual on port 465; `none` only for a server that asks no login."""

    @model_validator(mode="after")
    def _check_required(self) -> Self:
        if self.host and "@" not in self.sender:
            raise ValueError(
                "`from` is needed: the address that reports come from, such as turnout@example.com"
            )
        if bool(self.user) != bool(self.password_env):
            raise ValueError("`user` and `password_env` are needed together")
        if self.user and self.tls == "none":
            raise ValueError(
                "`tls` is `none`, and a password is sent over TLS only: use `starttls` or `implicit`"
            )
        return self


class TimeoutSettings(Section):
    """How long a client may take to send a request."""

    header_s: float = Field(default=20, gt=0)
    """From a connection's begin, or a request's first byte, to the end of its head."""
    body_s: float = Field(default=30, gt=0)
    """Silence within a body; one that comes with less than 4 kB/s on average is given up, too."""


def _split(value: object) -> object:
    """Take `a, b` for a list, as the environment gives it; JSON will do, too."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith('["'):  # `[` alone begins an IPv6 address
        return json.loads(value)
    return [part.strip() for part in value.split(",") if part.strip()]


HostPatterns = Annotated[
    tuple[Annotated[str, AfterValidator(check_host_pattern)], ...], NoDecode, BeforeValidator(_split)
]
OriginPatterns = Annotated[
    tuple[Annotated[str, AfterValidator(check_origin_pattern)], ...], NoDecode, BeforeValidator(_split)
]


def _check_days(prices: tuple[DatedPrice, ...]) -> tuple[DatedPrice, ...]:
    days = [price.since for price in prices]
    if not days:
        raise ValueError("give at least one price")
    if len(days) != len(set(days)):
        raise ValueError("two prices are from the same day; each needs a `from` of its own")
    return prices


def _number_as_text(value: object) -> object:
    """Take `4747`, which YAML reads as a number, for the text that it was meant as."""
    return str(value) if type(value) is int else value


UNDATED, DATED = "undated", "dated"
"""Names of the two forms of a price; no part of what a person reads."""


def _price_form(value: object) -> str:
    return DATED if isinstance(value, list | tuple) else UNDATED


PriceSetting = Annotated[
    Annotated[ListPrice, Tag(UNDATED)]
    | Annotated[tuple[DatedPrice, ...], AfterValidator(_check_days), Tag(DATED)],
    Discriminator(_price_form),
]
"""One price, or several, each from a day on."""


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, allow_inf_nan=False
    )

    listen: Annotated[str, BeforeValidator(_number_as_text)] = "127.0.0.1:4747"
    """`HOST:PORT`; `parse_listen` refuses a port alone, and says how to write it."""
    allowed_hosts: HostPatterns = ()
    """Names besides loopback's by which clients may ask; where others can connect, empty is any."""
    allowed_origins: OriginPatterns = ()
    """Origins of pages that may use the model API from a browser; empty: none but our own."""
    policy: str = "balanced"
    """Name of a shipped policy, or path of a YAML file."""
    require_check: bool = False
    """Serve no policy without a passing `turnout policy check --publish` of exactly its content."""
    classifier: ClassifierName = DEFAULT
    """Which judges how likely the local model suffices; see docs/classifier.md."""
    classifier_file: str = ""
    """Numbers that `sufficiency` judges by, of your own training; empty for those shipped."""
    ledger: str = ""
    """SQLAlchemy URL or path of a SQLite file; empty for the user's data folder."""
    ledger_keep_days: int = Field(default=0, ge=0)
    """Rows older than this are removed, roll-ups stay; 0 keeps them for good."""
    local: LocalSettings = LocalSettings()
    cloud: CloudSettings = CloudSettings()
    prices: dict[str, PriceSetting] = Field(default_factory=dict)
    """Overrides by model name; `MODEL:TERMS` for other terms of service."""
    max_body_mb: int = Field(default=50, ge=1)
    max_bodies_mb: int = Field(default=0, ge=0)
    """All bodies in flight together; 0 for ten times `max_body_mb`."""
    max_connections: int = Field(default=0, ge=0)
    """Clients' connections at once; 0 for what the limit of open files leaves, at most 8192."""
    timeouts: TimeoutSettings = TimeoutSettings()
    keepalive_s: float = Field(default=10, ge=0.1)
    """Seconds of silence before an SSE comment is sent while nothing is there yet."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Below `warning` each request gets a line."""
    log_format: Literal["auto", "text", "json"] = "auto"
    """`auto`: text in a terminal, JSON elsewhere."""
    metrics_token: SecretStr = SecretStr("")
    """Who sends it as `Authorization: Bearer ...` may read `/metrics`; empty: see docs/metrics.md."""
    trusted_header: TrustedHeader = TrustedHeader()
    email: EmailSettings = EmailSettings()
    otlp_endpoint: BaseUrl = ""
    """Where traces go, as OTLP over HTTP; empty for `OTEL_EXPORTER_OTLP_ENDPOINT`, or nowhere."""


def parse_listen(listen: str) -> tuple[str, int]:
    """Split `127.0.0.1:4747`, `localhost:0` or `[::1]:4747`.

    Raises:
        Misconfigured: it is not HOST:PORT.
    """
    host, _, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or "/" in host or not port.isdecimal() or int(port) > HIGHEST_PORT:
        raise Misconfigured(
            f"listen: {listen!r} is not HOST:PORT, such as 127.0.0.1:4747; ports go up to {HIGHEST_PORT}"
        )
    return host, int(port)


def data_dir() -> Path:
    """The user's data folder for Turnout; created by the first write."""
    from platformdirs import user_data_path

    return user_data_path("turnout", appauthor=False)


def load_settings(
    file: str | None = None, *, local: Mapping[str, Any] | None = None, **flags: str | bool | None
) -> Settings:
    """Put the sources together.

    Args:
        file: A YAML file that must exist, and is the only one then; None for `turnout.yaml` in the
            working folder and in the user's, if they are there.
        local: Flags of the `local` section.
        flags: Flags by setting; None where the flag was not given.

    Raises:
        Misconfigured: a file that is missing or not YAML, an unknown key, a wrong value, a variable that is
            not set, or a file in the working folder that sets more than it may.
    """
    _refuse_unknown_environment()
    overrides: dict[str, Any] = {name: value for name, value in flags.items() if value is not None}
    if local:
        overrides["local"] = dict(local)
    files = _files(file)
    here = Path(FILE)
    from_here = file is None and here in files
    if from_here and has_variables(files[here][1]):  # a message about a wrong value would show them
        require_trust(here, *files[here])
    values = {
        path: _resolve_paths(path, _with_variables(path, content)) for path, (content, _) in files.items()
    }
    settings = _merge(overrides, values)
    if from_here:
        require_trust(here, files[here][0], values[here])
    return settings


def read_file(path: Path) -> tuple[bytes, dict[str, Any]]:
    """Read a settings file: its bytes, and what they set.

    Raises:
        Misconfigured: it cannot be read, or is not a mapping of settings.
    """
    try:
        content = path.read_bytes()
        values = yaml.safe_load(content.decode("utf-8"))
    except OSError as error:
        raise Misconfigured(f"{path}: cannot be read: {error.strerror}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}: " if mark else ""
        raise Misconfigured(f"{path}: not valid YAML: {line}{_with_remedy(error.problem or '')}") from error
    except UnicodeDecodeError as error:
        raise Misconfigured(f"{path}: is not UTF-8; save it as UTF-8") from error
    except yaml.YAMLError as error:
        raise Misconfigured(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise Misconfigured(f"{path}: not valid YAML: nested too deeply") from error
    if values is None:
        return content, {}
    if not isinstance(values, dict):
        raise Misconfigured(f"{path}: must be a mapping of settings, such as `listen: 127.0.0.1:4747`")
    check_document(values, str(path))
    return content, values


def _with_remedy(problem: str) -> str:
    """What YAML's parser found, with the remedy where it is a usual mistake."""
    remedies = {
        "'\\t'": "indent by spaces",
        "escape": "write a path with backslashes without quotes, or in single ones",
        "another document": "settings are one document: take the `---` out",
    }
    return "; ".join((problem, *(remedy for sign, remedy in remedies.items() if sign in problem)))


def _with_variables(path: Path, content: bytes) -> dict[str, Any]:
    """What a file that was read before sets, with the environment's values in the place of `${NAME}`."""
    return load_yaml(content.decode("utf-8"), str(path), os.environ) or {}


def _resolve_paths(path: Path, values: Mapping[str, Any]) -> dict[str, Any]:
    """Make the files that a settings file names absolute: relative names are from its own folder.

    From the working folder, a name in the user's own file would lead into whatever project they are in.
    """
    resolved = dict(values)
    for name in PATHS & resolved.keys():
        resolved[name] = _absolute(resolved[name], path)
    local = resolved.get("local")
    if isinstance(local, dict):
        files = {name: _absolute(local[name], path) for name in MODEL_FILES if name in local}
        resolved["local"] = {**local, **files}
    return resolved


def _absolute(name: Any, path: Path) -> Any:
    if not isinstance(name, str) or not name or name in SHIPPED or "://" in name:
        return name
    return str(path.absolute().parent / Path(name).expanduser())


def _files(file: str | None) -> dict[Path, tuple[bytes, dict[str, Any]]]:
    """The settings files that count, the first before the next."""
    if file:
        if not Path(file).is_file():
            raise Misconfigured(f"--config: there is no file {file!r}; give the path of a YAML file")
        return {Path(file): read_file(Path(file))}
    own, here = user_file(), Path(FILE)
    paths = [own] if here.absolute() == own else [here, own]
    return {path: read_file(path) for path in paths if _exists(path)}


def _exists(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:  # its folder is somebody else's, as `sudo turnout` leaves it
        raise Misconfigured(f"{path}: cannot be read: {error.strerror}") from error


def _merge(overrides: dict[str, Any], files: Mapping[Path, dict[str, Any]]) -> Settings:
    """Put flags, environment and files together, in this order."""

    class Sourced(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            del dotenv_settings, file_secret_settings
            sources = (InitSettingsSource(settings_cls, values) for values in files.values())
            return init_settings, env_settings, *sources

    try:
        return Sourced(**overrides)
    except ValidationError as error:
        raise Misconfigured(_explain(error, files)) from error
    except SettingsError as error:
        raise Misconfigured(f"environment: {error}; lists and sections are given as JSON") from error


def _refuse_unknown_environment() -> None:
    names = [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]
    for name in sorted(os.environ.keys() - {CLIENT_KEY}):
        top = name.upper().split("__")[0]
        if top.startswith(PREFIX) and not top.startswith(TEST_PREFIX) and top not in names:
            raise Misconfigured(f"environment: {name} is not a setting{_nearest_variable(name.upper())}")


def _nearest_variable(name: str) -> str:
    """The variable that was probably meant, however many underscores are between its parts."""
    variables = {variable.replace("__", "_"): variable for variable in _variables()}
    near = difflib.get_close_matches(name.replace("__", "_"), variables, n=1, cutoff=0.7)
    if not near:
        return "; docs/settings.md lists all, and `turnout bench run` alone reads TURNOUT_KEY"
    return f"; did you mean {variables[near[0]]}?"


def _variables(path: tuple[str, ...] = ()) -> Iterator[str]:
    """The names of all variables, those of sections with two underscores between their parts."""
    for name in _names(list(path)):
        model = Settings.model_fields[name].annotation if not path else None
        if hasattr(model, "model_fields"):
            yield from _variables((name,))
        else:
            yield PREFIX + "__".join((*path, name)).upper()


def _explain(error: ValidationError, files: Mapping[Path, dict[str, Any]]) -> str:
    """The first error, as `source: local.modle: unknown key; did you mean local.model?`."""
    first = error.errors()[0]
    path = [str(part) for part in first["loc"] if part not in {UNDATED, DATED}]
    where = ".".join(path)
    source = next((str(file) for file, values in files.items() if _sets(values, path)), "settings")
    if PREFIX + "__".join(path[:2]).upper() in map(str.upper, os.environ):
        source = "environment"
    if first["type"] == "extra_forbidden":
        names = [".".join([*path[:-1], name]) for name in _names(path[:-1])]
        return f"{source}: {where}: unknown key{_nearest(where, names)}"
    if first["type"] in {"model_type", "model_attributes_type", "dict_type"}:
        parts = ", ".join(_names(path))
        return f"{source}: {where}: is a section, with settings of its own below it: {parts}"
    message = first["msg"].removeprefix("Value error, ")
    return f"{source}: {where}: {message[0].lower()}{message[1:]} (it is {first['input']!r})"


def _sets(values: Any, path: list[str]) -> bool:
    """Whether a file has the place that an error is about, or the section that lacks it."""
    for part in path[:2]:
        if not isinstance(values, dict) or part not in values:
            return part is not path[0]
        values = values[part]
    return True


def _names(path: list[str]) -> list[str]:
    model: Any = Settings
    for part in path:
        field = model.model_fields.get(part)
        model = field.annotation if field and hasattr(field.annotation, "model_fields") else DatedPrice
    return [field.alias or name for name, field in model.model_fields.items()]


def _nearest(name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else f"; known are {', '.join(names)}"
