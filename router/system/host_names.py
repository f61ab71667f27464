"""Names by which the endpoint may be asked for, and origins of pages that may ask.

A name is what a `Host` field holds: a host and perhaps a port (RFC 9110, section 7.2). Names of
this machine alone are its loopback addresses, `localhost` and `*.localhost` (RFC 6761): no
other site can make one of them point here, so no foreign page can carry one.
"""

import ipaddress
import re
from dataclasses import dataclass

MOST_CHARACTERS = 300
"""Of a field that is looked at: a name has at most 253."""
_AUTHORITY = re.compile(
    r"(?:\[(?P<v6>[0-9a-fA-F:.]+)\]|(?P<name>[^\s\[\]:/?#@\\,]+?)\.?)(?::(?P<port>\d{0,5}))?"
)
_ORIGIN = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<authority>[^/?#@\s]*)", re.IGNORECASE)
_PATTERN = re.compile(r"\*|null|[a-z][a-z0-9+.-]*://[^/?#@\s]*")
_DEFAULT_PORTS = {"http": "80", "https": "443"}


@dataclass(frozen=True, slots=True)
class Authority:
    """A host in lower case, without brackets or a trailing dot, and a port; empty where none is named."""

    host: str
    port: str = ""

    @property
    def loopback(self) -> bool:
        """Whether only this machine itself can be meant."""
        return is_loopback(self.host) or self.host.endswith(".localhost")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`, a name or an address without brackets."""
    address = parse_address(host)
    return host == "localhost" if address is None else address.is_loopback


def parse_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Read an IP address without brackets, an IPv4-mapped one as IPv4; None if it is not an address."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address


def parse_authority(text: str) -> Authority | None:
    """Read `host`, `host:port`, `[v6]` or `[v6]:port`; None if it is neither."""
    match = _AUTHORITY.fullmatch(text) if len(text) <= MOST_CHARACTERS else None
    if match is None:
        return None
    return Authority(_normal(match["v6"] or match["name"]), match["port"] or "")


class HostRule:
    """Which names the endpoint answers to."""

    def __init__(self, listen: str, allowed: tuple[str, ...]) -> None:
        """Take the address that is listened on, and the setting `allowed_hosts`."""
        own = Authority(_normal(listen))
        self._any = "*" in allowed or (not own.loopback and not allowed)
        names = [match for text in allowed if (match := parse_authority(text)) is not None]
        self._exact = {own, *(name for name in names if not name.host.startswith("*."))}
        self._suffixes = [name for name in names if name.host.startswith("*.")]

    def allows(self, text: str) -> bool:
        """Whether a `Host` field names this endpoint."""
        authority = parse_authority(text)
        if authority is None:
            return False
        if (
            self._any
            or authority.loopback
            or not self._exact.isdisjoint({authority, Authority(authority.host)})
        ):
            return True
        return any(
            authority.host.endswith(suffix.host[1:]) and suffix.port in {"", authority.port}
            for suffix in self._suffixes
        )


class OriginRule:
    """Which pages may use the endpoint."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        patterns = (_expression(pattern) for pattern in allowed if pattern != "*")
        self._any = "*" in allowed
        self._allowed = re.compile("|".join(patterns) or r"(?!)", re.IGNORECASE)

    def allows(self, origin: str) -> bool:
        """Whether the setting names this origin."""
        return self._any or (len(origin) <= MOST_CHARACTERS and self._allowed.fullmatch(origin) is not None)


def is_same(origin: str, host: str) -> bool:
    """Whether an `Origin` is the page of the endpoint itself, which was asked for as `host`.

    The schemes need not agree: TLS may end at a proxy before us.
    """
    match = _ORIGIN.fullmatch(origin) if len(origin) <= MOST_CHARACTERS else None
    default = _DEFAULT_PORTS.get(match["scheme"].lower()) if match else None
    if match is None or default is None:
        return False
    page, here = parse_authority(match["authority"]), parse_authority(host)
    if page is None or here is None:
        return False
    return (page.host, page.port or default) == (here.host, here.port or default)


def check_host_pattern(text: str) -> str:
    """Normalise an entry of `allowed_hosts`.

    Raises:
        ValueError: it is not a name, an address or `*.name`.
    """
    authority = parse_authority(text)
    name = authority.host.removeprefix("*.") if authority else ""
    if text != "*" and (not name or "*" in name):
        raise ValueError(
            f"{text!r} is not a host: give a name or an address, perhaps with a port, `*.example.com`, or `*`"
        )
    return text.lower()


def check_origin_pattern(text: str) -> str:
    """Normalise an entry of `allowed_origins`.

    Raises:
        ValueError: it is not an origin.
    """
    pattern = text.lower()
    pattern = pattern if pattern.endswith("://") else pattern.rstrip("/")
    if not _PATTERN.fullmatch(pattern):
        raise ValueError(
            f"{text!r} is not an origin: give SCHEME://HOST[:PORT] such as https://chat.example.com, "
            "`vscode-webview://*`, `http://localhost:*`, `null`, or `*`"
        )
    return pattern


def _expression(pattern: str) -> str:
    """Translate an entry: `:*` at its end is any port, or none; another `*` is a part of a host."""
    host = pattern.removesuffix(":*")
    port = "(?::[0-9]+)?" if host != pattern else ""
    return "[^/:@]*".join(map(re.escape, host.split("*"))) + port


def _normal(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host.lower()
