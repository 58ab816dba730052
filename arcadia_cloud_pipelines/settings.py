"""The one place that reads the environment.

What belongs here: names of variables, their defaults, and the types they become.
What does not: opening connections, starting servers, or any import of Dagster.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from . import environment_file
from .environment_file import API_URL as API_URL
from .environment_file import SPACES_ENDPOINT as SPACES_ENDPOINT
from .environment_file import SettingsError as SettingsError
from .environment_file import checkout as checkout
from .environment_file import home_of, small_file, with_file

PROJECT_NAME = "skyai-internal"
JWT_ISSUER = "arcadia"
_OWNER = re.compile(r"team:[A-Za-z0-9_.-]+|[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}")
API_HOST = "127.0.0.1"
API_PORT = 4005
METRICS_TOKEN_LETTERS = 32
EMBEDDED_PORT = "ARCADIA_EMBEDDED_PORT"
STRIKE_MINUTES = 20
LONGEST_STRIKE_MINUTES = 7 * 24 * 60
NOTIFY_URLS = "ARCADIA_NOTIFY_URLS"
"""Addresses that alarms go to; `ARCADIA_NOTIFY_URLS_<NAME>` are further ones, for rules."""
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

BROKER_URL = "ARCADIA_CELERY_BROKER_URL"
_BROKER = re.compile(r"(redis|rediss|amqp|amqps)://\S+")

SECRET_NAME = re.compile(
    r"TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|_KEY(_|$)|DATABASE_URL|POSTGRES_URL|NOTIFY_URLS"
    r"|HEARTBEAT_URL|BROKER_URL"
    r"|^SPACES_ACCESS"
)
"""Names of variables that are secret, so that no process is given them that does not need them."""


class Purpose(StrEnum):
    """What a token is used for. Each has its own rate limit, and a Dagster pool of its name."""

    CLOUD_SYNC_FAST = "cloud_sync_fast"
    CLOUD_SYNC_FULL = "cloud_sync_full"
    CLOUD_SYNC_SLOW = "cloud_sync_slow"
    CLOUD_BILLING = "cloud_billing"
    PROVISIONING = "provisioning"
    METERING = "metering"


DEFAULT_QUEUE = "dagster"
"""Where steps without a pool wait for a worker of Celery."""


class Executor(StrEnum):
    """What executes the steps of a run."""

    IN_PROCESS = "in_process"
    MULTIPROCESS = "multiprocess"
    CELERY = "celery"


@dataclass(frozen=True)
class Secret:
    """A text that must not be shown. Only `reveal` gives it out, at the point of use."""

    _value: str

    def reveal(self) -> str:
        """The secret itself. Call it where it leaves the process, never to build a message."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a secret is not pickled: read it from settings where it is needed")


class UnreadableSecret(Secret):
    """A secret that is set and cannot be read: an error of whoever needs it, of nobody else."""

    def reveal(self) -> str:
        """Never return.

        Raises:
            SettingsError: always; the text names the variable and the file.
        """
        raise SettingsError(self._value)


@dataclass(frozen=True)
class SpacesKey:
    """A key pair of Spaces, which the API's tokens cannot stand in for."""

    access_key_id: Secret
    secret_access_key: Secret


@dataclass(frozen=True)
class SpacesSettings:
    """Where Spaces is, and what its buckets are listed with."""

    key: SpacesKey | None = None
    regions: tuple[str, ...] = SPACES_REGIONS
    endpoint: str = SPACES_ENDPOINT
    """A region's address, with `{region}` where its name goes."""


@dataclass(frozen=True)
class Settings:
    """Everything the environment says, read once per call of `load_settings`."""

    home: Path
    """Folder of local state (embedded PostgreSQL, Dagster's files): `.arcadia` in the checkout."""
    api_url: str
    tokens: Mapping[Purpose, Secret]
    project_name: str
    database_url: Secret | None
    dagster_database_url: Secret | None
    jwt_secrets: tuple[Secret, ...] = ()
    """What tokens for the HTTP API may be signed with: the secret of now, and the one before."""
    jwt_issuer: str = JWT_ISSUER
    jwt_audience: str | None = None
    """For whom tokens have to be, where they say it; for the issuer when None."""
    metrics_token: Secret | None = None
    """What Prometheus may ask `/metrics` of the HTTP API with, beside a platform_admin's token."""
    api_host: str = API_HOST
    api_port: int = API_PORT
    ui_hosts: tuple[str, ...] = ()
    """Names under which the Dagster UI may be asked for, beside those of loopback."""
    notify: Mapping[str, tuple[Secret, ...]] = field(default_factory=dict)
    """apprise URLs that alarms go to, by the variable that holds them."""
    alarm_problems: tuple[str, ...] = ()
    """What is wrong with these variables; it stops nothing but the alarms they would carry."""
    alarm_rules: Path | None = None
    """File of rules that say which alarm goes where; see `alarms/rules.py`."""
    heartbeat_url: Secret | None = None
    """Address that is asked for after each good refresh: a dead man's switch."""
    terraform_states: tuple[str, ...] = ()
    """Paths of Terraform state files, patterns, and `s3://…`, `https://…` or `command:…`."""
    state_sources: Path | None = None
    """File of Terraform states that live elsewhere; see `drift/state_sources.py`."""
    spaces: SpacesSettings = SpacesSettings()
    project_rules: Path | None = None
    """File of rules that classify projects; see `inventory/rules.py`."""
    budgets: Path | None = None
    """File of budgets; see `forecast/budgets.py`."""
    tag_policy: Path | None = None
    """File of the tags that resources must have; see `tagging/policy.py`."""
    allocation_rules: Path | None = None
    """File of rules that say who pays; see `allocation/rules.py`."""
    embedded_port: int | None = None
    """Port of 127.0.0.1 on which the embedded server lets readers in; None: on its socket alone."""
    strike_interval: timedelta = timedelta(minutes=STRIKE_MINUTES)
    """Least time between two strikes of one resource."""
    accounts: Path | None = None
    """File of teams, where one deployment mirrors several; see `teams.py`."""
    team: str | None = None
    """Name of the team whose tokens these are; None where one team is all there is."""
    token_sources: Mapping[Purpose, str] = field(default_factory=dict)
    """Where a team's token of each purpose stands: the name of a variable, or a file's path."""
    other_teams: frozenset[str] = frozenset()
    """Names of the other teams that the deployment mirrors."""
    expected_account: str | None = None
    """The account that the tokens must belong to; any when None."""
    broker: Secret | None = None
    """Address of Celery's broker, where steps of runs are executed by its workers."""
    environment_file: Path | None = None
    """File that some of the variables come from, where there is one."""

    def unreadable_api_secrets(self) -> tuple[str, ...]:
        """Return why secrets of the HTTP API cannot be read, one text each."""
        problems = []
        for secret in (*self.jwt_secrets, self.metrics_token):
            if isinstance(secret, UnreadableSecret):
                try:
                    secret.reveal()
                except SettingsError as error:
                    problems.append(str(error))
        return tuple(problems)

    def without_unreadable(self) -> Settings:
        """Return the settings without secrets of the HTTP API that cannot be read.

        Without any the API refuses every authenticated call, and everything else goes on.
        """
        return replace(
            self,
            jwt_secrets=tuple(
                secret for secret in self.jwt_secrets if not isinstance(secret, UnreadableSecret)
            ),
            metrics_token=None
            if isinstance(self.metrics_token, UnreadableSecret)
            else self.metrics_token,
        )

    @property
    def has_account(self) -> bool:
        """Return whether there is an account of DigitalOcean; without one the simulator is used."""
        return bool(self.tokens) or self.accounts is not None

    def celery_broker(self) -> Secret:
        """Return the address of Celery's broker.

        Raises:
            SettingsError: it is not set, or cannot be one.
        """
        broker = self.broker or Secret("")
        if not _BROKER.fullmatch(broker.reveal()):
            # Not shown: there is a password in it.
            raise SettingsError(
                f"{BROKER_URL} must be set (or with _FILE) to the address of a broker, such as "
                "redis://:password@host:6379/0 or amqp://user:password@host:5672//"
            )
        return broker

    def token(self, purpose: Purpose) -> Secret:
        """The token for one purpose.

        Raises:
            SettingsError: no token is set for it, nor a general one; or its file cannot be read.
        """
        try:
            token = self.tokens[purpose]
        except KeyError:
            if self.team is not None:
                raise SettingsError(
                    f"The team {self.team} has no token for {purpose.value}: name one in its entry "
                    f"in {self.accounts} (ARCADIA_ACCOUNTS)."
                ) from None
            raise SettingsError(
                f"No DigitalOcean token is set: run `arcadia init`, or set DO_API_TOKEN (or "
                f"DO_API_TOKEN_{purpose.name}, or "
                "either with _FILE and a path). To try things without an account run "
                "`make demo` or `make up`, which use the simulator."
            ) from None
        if isinstance(token, UnreadableSecret):
            token.reveal()
        return token


def environment() -> dict[str, str]:
    """Return the variables of this process, and those of the environment file below them.

    Raises:
        SettingsError: the file cannot be used.
    """
    return with_file(os.environ)


def read_secret(environ: Mapping[str, str], name: str) -> Secret | None:
    """The secret in variable `name`, or in the file that `name_FILE` gives the path of."""
    value = environ.get(name, "").strip()
    if value:
        return Secret(value)
    path = environ.get(f"{name}_FILE", "").strip()
    if not path:
        return None
    try:
        value = small_file(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return UnreadableSecret(
            f"{name}_FILE names {path}, which cannot be read ({reason}): correct the path or the "
            "file"
        )
    if not value:
        return UnreadableSecret(
            f"{name}_FILE names {path}, which is empty: write the secret into it"
        )
    return Secret(value)


def check_token(name: str, token: Secret, environ: Mapping[str, str]) -> Secret:
    """Refuse what could never be sent in a header, without showing it."""
    if isinstance(token, UnreadableSecret):
        return token
    if not environ.get(name, "").strip() and not can_be_sent(token):
        return UnreadableSecret(
            f"{name}_FILE: {environ[f'{name}_FILE'].strip()} holds white space or letters outside "
            "ASCII: write the token alone, on one line"
        )
    if not can_be_sent(token):
        raise SettingsError(
            f"{name} holds white space or letters outside ASCII: paste the token alone, on one line"
        )
    return token


def can_be_sent(token: Secret) -> bool:
    """Return whether a header takes it: ASCII without white space."""
    return token.reveal().isascii() and not any(c.isspace() for c in token.reveal())


def _metrics_token(environ: Mapping[str, str]) -> Secret | None:
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


def _check_api_url(url: str) -> str:
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


def _check_port(name: str, text: str) -> int:
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
    return _check_port(EMBEDDED_PORT, text) if text else None


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


def asset_owners(environ: Mapping[str, str] | None = None) -> list[str]:
    """Return who owns the assets, as Dagster writes them: ARCADIA_OWNERS, blanks or commas between.

    Read while the definitions load, which no wrong word may prevent: one is left out here, and
    `load_settings` names it. Example: `team:data kim@example.com`.
    """
    env = environ
    if env is None:
        try:
            env = environment()
        except SettingsError:
            env = os.environ
    words = re.split(r"[\s,]+", env.get("ARCADIA_OWNERS", "").strip())
    return [word for word in words if _OWNER.fullmatch(word)] or ["team:platform"]


def executor_name(environ: Mapping[str, str] | None = None) -> Executor:
    """Return what executes the steps of a run: ARCADIA_EXECUTOR.

    Read while the definitions load, which no wrong word may prevent: with one it is the usual
    executor here, and `load_settings` names the word.
    """
    try:
        return _executor(environment() if environ is None else environ)
    except SettingsError:
        return Executor.IN_PROCESS


def _executor(environ: Mapping[str, str]) -> Executor:
    word = environ.get("ARCADIA_EXECUTOR", "").strip() or Executor.IN_PROCESS
    try:
        return Executor(word)
    except ValueError:
        raise SettingsError(
            f"ARCADIA_EXECUTOR must be one of {', '.join(Executor)}, not {word[:60]!r}"
        ) from None


def _check_owners(environ: Mapping[str, str]) -> None:
    words = re.split(r"[\s,]+", environ.get("ARCADIA_OWNERS", "").strip())
    for word in words:
        if word and not _OWNER.fullmatch(word):
            raise SettingsError(
                f"ARCADIA_OWNERS: {word[:60]!r} is not an owner: write a team, such as "
                "team:data, or a mail address"
            )


def _spaces(environ: Mapping[str, str]) -> SpacesSettings:
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


def _host_names(variable: str, text: str) -> tuple[str, ...]:
    names = tuple(name.lower().strip("[]") for name in text.replace(",", " ").split())
    for name in names:
        if not _HOST_NAME.fullmatch(name):
            raise SettingsError(
                f"{variable} must be names of hosts without scheme and port, such as "
                "dagster.example.com, separated by blanks"
            )
    return names


def _alarm_settings(
    environ: Mapping[str, str],
) -> tuple[dict[str, tuple[Secret, ...]], Secret | None, tuple[str, ...]]:
    """Read the addresses of alarms and the dead man's switch.

    What cannot be used is a problem that the alarms tell of, not an error: it stops nothing else.
    """
    names = {name.removesuffix("_FILE") for name in environ if name.startswith(NOTIFY_URLS)}
    found, problems = {}, []
    for name in sorted(names):
        try:
            value = read_secret(environ, name)
            if value is not None:
                found[name] = tuple(map(Secret, value.reveal().split()))
        except SettingsError as error:
            problems.append(str(error))
    heartbeat = None
    try:
        heartbeat = _heartbeat(environ)
    except SettingsError as error:
        problems.append(str(error))
    return found, heartbeat, tuple(problems)


def _heartbeat(environ: Mapping[str, str]) -> Secret | None:
    name = "ARCADIA_HEARTBEAT_URL"
    url = read_secret(environ, name)
    if url is None:
        return None
    # Not shown: whoever knows it can keep the switch from going off.
    problem = f"{name} must be an https:// address (http:// on this machine alone), without a user"
    try:
        parts = urlsplit(url.reveal())
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise SettingsError(problem) from None
    loopback = host in ("localhost", "127.0.0.1", "::1")
    if (
        not host
        or parts.scheme not in (("https", "http") if loopback else ("https",))
        or "@" in parts.netloc
        or any(c.isspace() or not c.isprintable() for c in url.reveal())
    ):
        raise SettingsError(problem)
    return url


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


def _places(text: str) -> tuple[str, ...]:
    """Split a list of paths and addresses: `a.tfstate:s3://b/k:https://h:8443/x`."""
    return tuple(place for found in _PLACES.findall(text) if (place := found.strip()))


def named_secret(name: str, environ: Mapping[str, str] | None = None) -> Secret:
    """Return the secret of a variable that a reviewed file names, or of its `_FILE`.

    Raises:
        SettingsError: it is not set, or its file cannot be read.
    """
    secret = read_secret(environment() if environ is None else environ, name)
    if secret is None:
        raise SettingsError(f"{name} is not set: set it, or {name}_FILE to the path of a file")
    if isinstance(secret, UnreadableSecret):
        secret.reveal()
    return secret


def named_variables(
    names: Iterable[str], environ: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the variables of these names that are set, for a program of somebody else's."""
    env = environment() if environ is None else environ
    return {name: env[name] for name in names if name in env}


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the environment.

    Args:
        environ: the variables; those of the process and of the environment file when None.

    Raises:
        SettingsError: a variable is set to something unusable. A `_FILE` that cannot be read is an
            error where its secret is needed.
    """
    file = environment_file.path_of(os.environ) if environ is None else None
    env = environment() if environ is None else environ
    _check_owners(env)
    _executor(env)
    general = read_secret(env, "DO_API_TOKEN")
    tokens = {}
    for purpose in Purpose:
        name = f"DO_API_TOKEN_{purpose.name}"
        token = read_secret(env, name)
        if token is not None:
            tokens[purpose] = check_token(name, token, env)
        elif general is not None:
            tokens[purpose] = check_token("DO_API_TOKEN", general, env)
    project_rules = env.get("ARCADIA_PROJECT_RULES", "").strip()
    budgets = env.get("ARCADIA_BUDGETS", "").strip()
    tag_policy = env.get("ARCADIA_TAG_POLICY", "").strip()
    allocation_rules = env.get("ARCADIA_ALLOCATION_RULES", "").strip()
    alarm_rules = env.get("ARCADIA_ALARM_RULES", "").strip()
    state_sources = env.get("ARCADIA_STATE_SOURCES", "").strip()
    accounts = env.get("ARCADIA_ACCOUNTS", "").strip()
    notify, heartbeat_url, alarm_problems = _alarm_settings(env)
    jwt_secrets = (read_secret(env, f"ARCADIA_JWT_SECRET{of}") for of in ("", "_PREVIOUS"))
    return Settings(
        home=home_of(env),
        environment_file=file if file is not None and os.access(file, os.R_OK) else None,
        api_url=_check_api_url(env.get("DO_API_URL", "").strip() or API_URL),
        tokens=tokens,
        project_name=env.get("DO_PROJECT_NAME", "").strip() or PROJECT_NAME,
        database_url=read_secret(env, "ARCADIA_DATABASE_URL"),
        dagster_database_url=read_secret(env, "DAGSTER_POSTGRES_URL"),
        jwt_secrets=tuple(secret for secret in jwt_secrets if secret is not None),
        jwt_issuer=env.get("ARCADIA_JWT_ISSUER", "").strip() or JWT_ISSUER,
        jwt_audience=env.get("ARCADIA_JWT_AUDIENCE", "").strip() or None,
        metrics_token=_metrics_token(env),
        api_host=env.get("ARCADIA_API_HOST", "").strip() or API_HOST,
        api_port=_check_port(
            "ARCADIA_API_PORT", env.get("ARCADIA_API_PORT", "").strip() or str(API_PORT)
        ),
        ui_hosts=_host_names("ARCADIA_UI_HOSTS", env.get("ARCADIA_UI_HOSTS", "")),
        notify=notify,
        alarm_problems=alarm_problems,
        alarm_rules=Path(alarm_rules).expanduser().absolute() if alarm_rules else None,
        heartbeat_url=heartbeat_url,
        terraform_states=_places(env.get("ARCADIA_TERRAFORM_STATES", "")),
        state_sources=Path(state_sources).expanduser().absolute() if state_sources else None,
        spaces=_spaces(env),
        project_rules=Path(project_rules).expanduser().absolute() if project_rules else None,
        budgets=Path(budgets).expanduser().absolute() if budgets else None,
        tag_policy=Path(tag_policy).expanduser().absolute() if tag_policy else None,
        allocation_rules=(
            Path(allocation_rules).expanduser().absolute() if allocation_rules else None
        ),
        embedded_port=embedded_port(env),
        strike_interval=strike_interval(env),
        accounts=Path(accounts).expanduser().absolute() if accounts else None,
        broker=read_secret(env, BROKER_URL),
    )
