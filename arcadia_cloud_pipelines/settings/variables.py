"""The one place that reads the environment.

What belongs here: names of variables and their defaults. What a value must look like is said in
`setting_values.py`. Connections, servers and Dagster do not belong here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from . import environment_file
from .alarms import alarm_settings
from .environment_file import API_URL as API_URL
from .environment_file import SettingsError as SettingsError
from .environment_file import checkout as checkout
from .environment_file import environment, home_of
from .secret import Secret, UnreadableSecret, check_token, read_secret
from .values import (
    STRIKE_MINUTES,
    SpacesSettings,
    checked_api_url,
    checked_metrics_token,
    checked_port,
    embedded_port,
    host_names,
    places,
    spaces_settings,
    strike_interval,
)

PROJECT_NAME = "skyai-internal"
JWT_ISSUER = "arcadia"
_OWNER = re.compile(r"team:[A-Za-z0-9_.-]+|[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}")
API_HOST = "127.0.0.1"
API_PORT = 4005

BROKER_URL = "ARCADIA_CELERY_BROKER_URL"
_BROKER = re.compile(r"(redis|rediss|amqp|amqps)://\S+")

SECRET_NAME = re.compile(
    r"TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|_KEY(_|$)|DATABASE_URL|POSTGRES_URL|NOTIFY_URLS"
    r"|HEARTBEAT_URL|BROKER_URL"
    r"|^SPACES_ACCESS"
)
"""Names of variables that are secret, so that no process is given them that does not need them."""


class Purpose(StrEnum):
    """The use of a token. Each has its own rate limit, and a Dagster pool of its name."""

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
    spaces: SpacesSettings = field(default_factory=SpacesSettings)
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


def _tokens(environ: Mapping[str, str]) -> dict[Purpose, Secret]:
    """Return the token of each purpose: its own, else the general one."""
    tokens = {}
    for purpose in Purpose:
        for name in (f"DO_API_TOKEN_{purpose.name}", "DO_API_TOKEN"):
            token = read_secret(environ, name)
            if token is not None:
                tokens[purpose] = check_token(name, token, environ)
                break
    return tokens


def _word(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name, "").strip()


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    path = _word(environ, name)
    return Path(path).expanduser().absolute() if path else None


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
    notify, heartbeat_url, alarm_problems = alarm_settings(env)
    jwt_secrets = (read_secret(env, f"ARCADIA_JWT_SECRET{of}") for of in ("", "_PREVIOUS"))
    return Settings(
        home=home_of(env),
        environment_file=file if file is not None and os.access(file, os.R_OK) else None,
        api_url=checked_api_url(_word(env, "DO_API_URL") or API_URL),
        tokens=_tokens(env),
        project_name=_word(env, "DO_PROJECT_NAME") or PROJECT_NAME,
        database_url=read_secret(env, "ARCADIA_DATABASE_URL"),
        dagster_database_url=read_secret(env, "DAGSTER_POSTGRES_URL"),
        jwt_secrets=tuple(secret for secret in jwt_secrets if secret is not None),
        jwt_issuer=_word(env, "ARCADIA_JWT_ISSUER") or JWT_ISSUER,
        jwt_audience=_word(env, "ARCADIA_JWT_AUDIENCE") or None,
        metrics_token=checked_metrics_token(env),
        api_host=_word(env, "ARCADIA_API_HOST") or API_HOST,
        api_port=checked_port("ARCADIA_API_PORT", _word(env, "ARCADIA_API_PORT") or str(API_PORT)),
        ui_hosts=host_names("ARCADIA_UI_HOSTS", env.get("ARCADIA_UI_HOSTS", "")),
        notify=notify,
        alarm_problems=alarm_problems,
        alarm_rules=_path(env, "ARCADIA_ALARM_RULES"),
        heartbeat_url=heartbeat_url,
        terraform_states=places(env.get("ARCADIA_TERRAFORM_STATES", "")),
        state_sources=_path(env, "ARCADIA_STATE_SOURCES"),
        spaces=spaces_settings(env),
        project_rules=_path(env, "ARCADIA_PROJECT_RULES"),
        budgets=_path(env, "ARCADIA_BUDGETS"),
        tag_policy=_path(env, "ARCADIA_TAG_POLICY"),
        allocation_rules=_path(env, "ARCADIA_ALLOCATION_RULES"),
        embedded_port=embedded_port(env),
        strike_interval=strike_interval(env),
        accounts=_path(env, "ARCADIA_ACCOUNTS"),
        broker=read_secret(env, BROKER_URL),
    )
