"""Values of the environment's variables, each read into its type or refused with advice.

What does not belong here: which variables there are together, and their defaults (`variables.py`).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from .environment_file import SPACES_ENDPOINT, SettingsError, environment
from .secret import Secret, UnreadableSecret, can_be_sent, check_token, read_secret

METRICS_TOKEN_LETTERS = 32
EMBEDDED_PORT = "ARCADIA_EMBEDDED_PORT"
STRIKE_MINUTES = 20
LONGEST_STRIKE_MINUTES = 7 * 24 * 60
SPACES_REGIONS = (
    "ams3", "atl1", "blr1", "fra1", "lon1", "nyc3", "sfo2", "sfo3", "sgp1", "syd1", "tor1",
)  # fmt: skip
"""Where Spaces is; no API tells. As DigitalOcean's regional availability page has it (2026)."""

# A region becomes part of a host name, and the keys are sent there: nothing else may get in.
_REGION = re.compile(r"[a-z0-9-]+")
_ADDRESS = re.compile(
    r"https?://((?!-)[a-z0-9-]{1,63}(?<!-)\.)*(?!-)[a-z0-9-]{1,63}(?<!-)(:[0-9]{1,5})?"
)


# Userinfo, backslashes and escapes are read differently by different programs: none gets in.
_HOST = re.compile(r"([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
_PATH = re.compile(r"[\w./~-]*", re.ASCII)


@dataclass(frozen=True)
class SpacesKey:
    """A key pair of Spaces, which the API's tokens cannot stand in for."""

    access_key_id: Secret
    secret_access_key: Secret


@dataclass(frozen=True)
class SpacesSettings:
    """The addresses of Spaces, and the key pair that lists its buckets."""

    key: SpacesKey | None = None
    regions: tuple[str, ...] = SPACES_REGIONS
    endpoint: str = SPACES_ENDPOINT
    """A region's address, with `{region}` where its name goes."""


def checked_metrics_token(environ: Mapping[str, str]) -> Secret | None:
    """Return the token for `/metrics`; one that is easy to guess is unreadable."""
    name = "ARCADIA_METRICS_TOKEN"
    token = read_secret(environ, name)
    if token is None or isinstance(token, UnreadableSecret):
        return token
    if not can_be_sent(token) or len(token.reveal()) < METRICS_TOKEN_LETTERS:
        return UnreadableSecret(
            f"{name} must be {METRICS_TOKEN_LETTERS} letters or more, ASCII and without white "
            "space: make one with `openssl rand -hex 32`"
        )
    return token


def checked_api_url(url: str) -> str:
    """Return the address of the API: a token travels encrypted, or does not leave this machine."""
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not _HOST.fullmatch(parts.netloc.lower()):
        # Not shown: it may be a token, pasted into the wrong variable.
        raise SettingsError(
            "DO_API_URL must start with https:// (http:// for the simulator on this machine) and "
            "a host, without a user"
        )
    path = parts.path.rstrip("/")
    if path.endswith("/v2"):
        raise SettingsError("DO_API_URL ends in /v2: remove that")
    if parts.query or parts.fragment or not _PATH.fullmatch(path):
        raise SettingsError("DO_API_URL must be an address without a query (?) or a fragment (#)")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise SettingsError(
            f"DO_API_URL would send the token in clear text to {parts.hostname}: use https:// "
            "(http:// is for localhost, 127.0.0.1 and [::1])"
        )
    return f"{parts.scheme}://{parts.netloc.lower()}{path}"


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, whatever a resolver makes of odd spellings."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def checked_port(name: str, text: str) -> int:
    """Return the port that a variable names."""
    if text.isascii() and text.isdigit() and len(text) < 6 and 0 < int(text) < 65_536:
        return int(text)
    raise SettingsError(f"{name} must be a port, 1 to 65535")


def embedded_port(environ: Mapping[str, str] | None = None) -> int | None:
    """Return the port that ARCADIA_EMBEDDED_PORT asks for; None for none.

    Raises:
        SettingsError: it is not a port.
    """
    env = environment() if environ is None else environ
    text = env.get(EMBEDDED_PORT, "").strip()
    return checked_port(EMBEDDED_PORT, text) if text else None


def strike_interval(environ: Mapping[str, str] | None = None) -> timedelta:
    """Return the least time between two strikes of one resource: ARCADIA_STRIKE_MINUTES.

    Raises:
        SettingsError: it is not a number of minutes from 0 to a week's.
    """
    env = environment() if environ is None else environ
    text = env.get("ARCADIA_STRIKE_MINUTES", "").strip() or str(STRIKE_MINUTES)
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > LONGEST_STRIKE_MINUTES:
        raise SettingsError(
            f"ARCADIA_STRIKE_MINUTES must be a whole number of minutes, 0 to "
            f"{LONGEST_STRIKE_MINUTES}; 0 counts every listing"
        )
    return timedelta(minutes=int(text))


def spaces_settings(environ: Mapping[str, str]) -> SpacesSettings:
    """Return where Spaces is, and its key pair if one is set."""
    names = ("SPACES_ACCESS_KEY_ID", "SPACES_SECRET_ACCESS_KEY")
    keys = [
        check_token(n, key, environ) for n in names if (key := read_secret(environ, n)) is not None
    ]
    if len(keys) == 1:
        raise SettingsError(
            f"{names[0]} and {names[1]} are one key pair: set both (each also with _FILE), or none"
        )
    wanted = environ.get("SPACES_REGIONS", "").strip()
    regions = tuple(dict.fromkeys(wanted.replace(",", " ").split())) if wanted else SPACES_REGIONS
    if not regions or not all(map(_REGION.fullmatch, regions)):
        raise SettingsError(
            "SPACES_REGIONS must be names of regions such as fra1, separated by commas or blanks: "
            "lower-case letters, digits and dashes alone"
        )
    endpoint = (environ.get("SPACES_ENDPOINT", "").strip() or SPACES_ENDPOINT).rstrip("/")
    addresses = (endpoint.replace("{region}", region) for region in regions)
    if endpoint.count("{region}") != 1 or not all(map(_ADDRESS.fullmatch, addresses)):
        raise SettingsError(
            "SPACES_ENDPOINT must be an address that contains {region} once, such as "
            f"{SPACES_ENDPOINT}, without user, path or query"
        )
    return SpacesSettings(SpacesKey(*keys) if keys else None, regions, endpoint)


_HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|[0-9a-f:]+")


def host_names(variable: str, text: str) -> tuple[str, ...]:
    """Return the names of hosts that a variable lists, in lower case."""
    names = tuple(name.lower().strip("[]") for name in text.replace(",", " ").split())
    for name in names:
        if not _HOST_NAME.fullmatch(name):
            raise SettingsError(
                f"{variable} must be names of hosts without scheme and port, such as "
                "dagster.example.com, separated by blanks"
            )
    return names


_PLACES = re.compile(
    r"""\s*(
        # With a user and a password: whole, so that its parts are not taken for paths and shown.
        (?:https?|s3)://[^/:@]*:(?![0-9]{1,5}(?:[/:]|$)).*?@[^:]*
        | (?:https?|s3)://[^/:]*(?::[0-9]{1,5}(?![^/:]))?[^:]*
        | command:[^:]*
        | [^:]*
    )(?::|$)""",
    re.VERBOSE | re.DOTALL,
)


def places(text: str) -> tuple[str, ...]:
    """Split a list of paths and addresses: `a.tfstate:s3://b/k:https://h:8443/x`."""
    return tuple(place for found in _PLACES.findall(text) if (place := found.strip()))
