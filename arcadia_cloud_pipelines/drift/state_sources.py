"""Terraform states that live elsewhere than in files: a TOML file, reviewed like code.

    [[source]]
    name = "network"
    type = "s3"
    bucket = "acme-states"
    key = "network/terraform.tfstate"
    region = "fra1"
    access_key_id_env = "STATES_ACCESS_KEY_ID"
    secret_access_key_env = "STATES_SECRET_ACCESS_KEY"

    [[source]]
    name = "shop"
    type = "http"
    url = "https://gitlab.example.com/api/v4/projects/7/terraform/state/shop"
    username = "arcadia"
    password_env = "STATES_GITLAB_TOKEN"      # or token_env alone, sent as Bearer

    [[source]]
    name = "platform"
    type = "command"
    argv = ["tofu", "state", "pull"]
    directory = "/srv/infra/platform"
    environment = ["PG_CONN_STR"]

Secrets stand in variables, or in files that `<VARIABLE>_FILE` names; the file only says which. An
entry that is wrong costs itself alone. Nothing is read here.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from ..redaction import holds_secret, masked
from ..settings import SECRET_NAME, Settings, SettingsError, checkout, is_loopback, named_secret

LARGEST_FILE = 1_000_000
MOST_SOURCES = 1_000
VARIABLE = "ARCADIA_STATE_SOURCES"
STATES = "ARCADIA_TERRAFORM_STATES"
PLACES = ("s3://", "https://", "http://", "command:")
"""Beginnings of what stands in ARCADIA_TERRAFORM_STATES and is no path."""

_OURS = re.compile(r"DO_API_TOKEN|ARCADIA_(DATABASE|JWT|METRICS|NOTIFY|HEARTBEAT)|DAGSTER_POSTGRES")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGION = re.compile(r"[a-z0-9-]{1,40}")
_HOST = re.compile(r"([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")


def _text(text: str) -> str:
    if not text or text != text.strip() or not text.isprintable() or len(text) > 1024:
        raise ValueError("must be a text of 1 to 1,024 letters, without blanks around it")
    return text


def _no_secret(text: str) -> str:
    # Not shown: it may be the very thing.
    if holds_secret(text):
        raise ValueError("holds a credential: name the variable that has it instead")
    return text


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}", text):
        raise ValueError("must be 1 to 63 letters, digits, blanks, dots, dashes or underscores")
    return text


def _variable(name: str) -> str:
    if not _VARIABLE.fullmatch(name):
        # Not shown: it may be the secret, pasted here.
        raise ValueError("must be the name of a variable, not its value")
    if _OURS.match(name):
        raise ValueError(f"{name} is for this deployment alone: give this source one of its own")
    return name


def _secret_variable(name: str) -> str:
    _variable(name)
    if not SECRET_NAME.search(name):
        raise ValueError(
            f"{name} must have TOKEN, SECRET, PASSWORD, CREDENTIAL or _KEY in its name, so that "
            "other processes are not given it"
        )
    return name


def _matching(pattern: re.Pattern[str], words: str) -> AfterValidator:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(f"must be {words}")
        return text

    return AfterValidator(check)


Text = Annotated[str, AfterValidator(_text), AfterValidator(_no_secret)]
Name = Annotated[str, AfterValidator(_name), AfterValidator(_no_secret)]
Variable = Annotated[str, AfterValidator(_variable)]
SecretVariable = Annotated[str, AfterValidator(_secret_variable)]
Region = Annotated[str, _matching(_REGION, "the name of a region, such as fra1")]
Bucket = Annotated[str, _matching(_BUCKET, "the name of a bucket")]


class _Source(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    name: Name | None = None
    """None for one of ARCADIA_TERRAFORM_STATES."""

    def _shown(self, where: str) -> str:
        return f"{self.name}: {where}" if self.name else where


class S3Source(_Source):
    """An object of Spaces, or of what else speaks S3."""

    type: Literal["s3"]
    bucket: Bucket
    key: Text
    region: Region
    endpoint: Text | None = None
    """Address of the server; that of Spaces in the region when None."""
    path_style: bool = False
    """The bucket in the path instead of the host name, as MinIO wants it."""
    allow_http: bool = False
    access_key_id_env: SecretVariable | None = None
    secret_access_key_env: SecretVariable | None = None
    """None where the key pair of Spaces, SPACES_ACCESS_KEY_ID and the other, is used."""

    @model_validator(mode="after")
    def _whole(self) -> S3Source:
        if (self.access_key_id_env is None) != (self.secret_access_key_env is None):
            raise ValueError("access_key_id_env and secret_access_key_env go together")
        if self.endpoint is not None:
            parts = _checked_url(self.endpoint, "endpoint", http=self.allow_http, secret=True)
            if parts.path.rstrip("/"):
                raise ValueError("endpoint must be a host without a path")
            names = (self.access_key_id_env, self.secret_access_key_env)
            if None in names or any(str(name).startswith("SPACES_") for name in names):
                raise ValueError(
                    "endpoint needs access_key_id_env and secret_access_key_env of its own: those "
                    "of Spaces go to SPACES_ENDPOINT alone"
                )
        return self

    @property
    def shown(self) -> str:
        """Return how messages call it."""
        return self._shown(f"s3://{self.bucket}/{self.key}")


class HttpSource(_Source):
    """A state behind an address, as Terraform's backend `http` keeps it."""

    type: Literal["http"]
    url: Text
    allow_http: bool = False
    """Clear text: with credentials to this machine alone."""
    username: Text | None = None
    password_env: SecretVariable | None = None
    token_env: SecretVariable | None = None

    @model_validator(mode="after")
    def _whole(self) -> HttpSource:
        if (self.username is None) != (self.password_env is None):
            raise ValueError("username and password_env go together")
        if self.password_env is not None and self.token_env is not None:
            raise ValueError("give token_env or password_env, not both")
        if self.username is not None and ":" in self.username:
            raise ValueError("username must be without a colon")
        secret = self.password_env is not None or self.token_env is not None
        _checked_url(self.url, "url", http=self.allow_http, secret=secret)
        return self

    @property
    def shown(self) -> str:
        """Return how messages call it."""
        return self._shown(self.url)


class CommandSource(_Source):
    """A program that prints the state, such as `tofu state pull`."""

    type: Literal["command"]
    argv: Annotated[tuple[Text, ...], Field(min_length=1, max_length=64)]
    """Program and arguments; no shell reads them."""
    directory: Text
    environment: Annotated[tuple[Variable, ...], Field(max_length=64)] = ()
    """Names of the variables that it gets beside PATH, HOME and a few of Terraform's own."""
    timeout_seconds: Annotated[int, Field(ge=1, le=600)] = 120

    @model_validator(mode="after")
    def _whole(self) -> CommandSource:
        if not Path(self.directory).is_absolute():
            raise ValueError("directory must be an absolute path")
        return self

    @property
    def shown(self) -> str:
        """Return how messages call it; arguments may say more than they should."""
        program = PurePosixPath(self.argv[0]).name
        arguments = masked(shlex.join(self.argv[1:]))
        return self._shown(f"command:{program} {arguments} in {self.directory}"[:500])


StateSource = S3Source | HttpSource | CommandSource
_ENTRY: TypeAdapter[StateSource] = TypeAdapter(Annotated[StateSource, Field(discriminator="type")])


@dataclass(frozen=True)
class Configured:
    """Where the configuration says that desired state is."""

    paths: tuple[str, ...] = ()
    """Files and patterns."""
    sources: tuple[StateSource, ...] = ()
    problems: tuple[tuple[str, str], ...] = field(default=())
    """The place in the configuration and a sentence, for each entry that cannot be used."""

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is configured."""
        return not (self.paths or self.sources or self.problems)


def configured_sources(settings: Settings) -> Configured:
    """Read where desired state is: ARCADIA_TERRAFORM_STATES and the file ARCADIA_STATE_SOURCES."""
    paths, problems = [], []
    sources: list[StateSource] = []
    for place in settings.terraform_states:
        if not place.startswith(PLACES):
            paths.append(place)
            continue
        try:
            source = _from_text(place, settings)
            sources += [source] * (source not in sources)
        except ValueError as error:
            shown = f"{STATES}: {place.partition(':')[0]}:…"
            problems.append((shown, f"{shown} cannot be used: {_first(error)}."))
    if settings.state_sources is not None:
        named, wrong = read_sources(settings.state_sources)
        sources += named
        problems += wrong
    return Configured(tuple(paths), tuple(sources), tuple(problems))


def unset(source: StateSource) -> str | None:
    """Return why a secret that a source names cannot be read; None where all can."""
    names = ["access_key_id_env", "secret_access_key_env", "password_env", "token_env"]
    try:
        for name in names:
            if variable := getattr(source, name, None):
                named_secret(variable)
    except SettingsError as error:
        return f"{source.shown}: {error}."
    return None


def read_sources(path: Path) -> tuple[list[StateSource], list[tuple[str, str]]]:
    """Read the file; the second list is the place and a sentence for each entry that is wrong."""
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_FILE + 1) if path.is_file() else b""
        if not path.is_file() or len(raw) > LARGEST_FILE:
            problem = f"it is not a file of at most {LARGEST_FILE:,} bytes"
            return [], [(str(path), f"{path} cannot be read: {problem}.")]
        return load_sources(raw.decode("utf-8-sig"), str(path))
    except UnicodeDecodeError:
        return [], [(str(path), f"{path} is not UTF-8 text.")]
    except OSError as error:
        return [], [(str(path), f"{path} cannot be read: {error.strerror}.")]


def load_sources(text: str, source: str) -> tuple[list[StateSource], list[tuple[str, str]]]:
    """Read and check entries, each by itself.

    Args:
        text: TOML, as the head of this module says.
        source: the name of the text in messages.
    """
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        return [], [(source, f"{source} is not TOML: {error}.")]
    entries = document.get("source")
    if set(document) != {"source"} or not isinstance(entries, list):
        # A file cut short must not pass for one that names no sources.
        problem = "expected [[source]] tables alone; a file without any says `source = []`"
        return [], [(source, f"{source}: {problem}.")]
    if len(entries) > MOST_SOURCES:
        return [], [(source, f"{source}: {len(entries):,} sources, {MOST_SOURCES:,} is the most.")]
    found: dict[str, StateSource] = {}
    problems = []
    for number, entry in enumerate(entries, 1):
        place = f"{source}, source {number}{_called(entry)}"
        try:
            made = _checked_entry(entry)
            if made.name in found:
                raise ValueError(f"the name {made.name} is there twice")
            found[made.name or ""] = made
        except ValueError as error:
            problems.append((place, f"{place}: {_first(error)}."))
    return list(found.values()), problems


def _called(entry: Any) -> str:
    name = entry.get("name") if isinstance(entry, dict) else None
    good = isinstance(name, str) and name.isprintable() and not holds_secret(name)
    return f" ({name[:63]})" if good and isinstance(name, str) else ""


def _checked_entry(entry: Any) -> StateSource:
    if not isinstance(entry, dict):
        raise ValueError("must be a table")
    if "name" not in entry:
        raise ValueError("name is missing")
    return _ENTRY.validate_python(
        {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    )


def _from_text(place: str, settings: Settings) -> StateSource:
    """Return what stands for an address of ARCADIA_TERRAFORM_STATES; none has credentials.

    Raises:
        ValueError: it cannot be used; the text does not show it.
    """
    if place.startswith("command:"):
        argv = tuple(shlex.split(place.removeprefix("command:")))
        return CommandSource(type="command", argv=argv, directory=str(checkout()))
    if not place.startswith("s3://"):
        return HttpSource(type="http", url=place)
    parts = urlsplit(place)
    asked = dict(parse_qsl(parts.query, keep_blank_values=True))
    region = asked.pop("region", None)
    if asked or parts.fragment or "@" in parts.netloc:
        raise ValueError("an address is s3://BUCKET/KEY?region=REGION and no more")
    if region is None and len(settings.spaces.regions) == 1:
        [region] = settings.spaces.regions
    if region is None:
        raise ValueError("say in which region the bucket is: s3://BUCKET/KEY?region=fra1")
    return S3Source(type="s3", bucket=parts.netloc, key=parts.path.removeprefix("/"), region=region)


def _checked_url(url: str, what: str, *, http: bool, secret: bool) -> Any:
    """Return the parts of an address that may be asked.

    Raises:
        ValueError: it has a user, a query, or would send a secret in clear text.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"{what} cannot be read") from None
    if parts.scheme not in ("https", "http") or not _HOST.fullmatch(parts.netloc) or not host:
        raise ValueError(
            f"{what} must be https:// and a host, without a user: credentials go by variable"
        )
    if parts.query or parts.fragment or "\\" in url or not url.isascii() or " " in url:
        raise ValueError(f"{what} must be without a query (?), a fragment (#), blanks and escapes")
    if parts.scheme == "http":
        if not http:
            raise ValueError(f"{what} is clear text: use https://, or say allow_http = true")
        if secret and not is_loopback(host):
            raise ValueError(f"{what} would send credentials in clear text to {host}: use https://")
    return parts


def _first(error: ValueError) -> str:
    """Return the first problem in words of ours; what stands there is never shown."""
    if not isinstance(error, ValidationError):
        return str(error)
    problem = error.errors(include_input=False, include_url=False, include_context=True)[0]
    where = [str(part) for part in problem["loc"] if part not in ("s3", "http", "command")]
    words = {
        "missing": "is missing",
        "extra_forbidden": "is not a key of this type",
        "union_tag_not_found": "type is missing: it is s3, http or command",
        "union_tag_invalid": "type must be s3, http or command",
        "string_type": "must be a text",
        "tuple_type": "must be a list",
    }
    text = words.get(problem["type"], problem["msg"].removeprefix("Value error, "))
    # A key that nobody knows may be anything.
    return f"{masked(', '.join(where))[:200]} {text}".strip()
