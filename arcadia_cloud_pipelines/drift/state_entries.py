"""One entry of where a Terraform state lives, and what makes it unusable. Nothing is read here."""

from __future__ import annotations

import re
import shlex
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from ..redaction import holds_secret, masked
from ..setting_values import is_loopback
from ..settings import SECRET_NAME

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
