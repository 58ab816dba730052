"""One entry of where a Terraform state lives, and what makes it unusable. Nothing is read here."""

from __future__ import annotations

import shlex
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..common.redaction import masked
from .state_values import Bucket, Name, Region, SecretVariable, Text, Variable, checked_url


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
            parts = checked_url(self.endpoint, "endpoint", http=self.allow_http, secret=True)
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
        checked_url(self.url, "url", http=self.allow_http, secret=secret)
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
