"""Terraform states in Spaces, or in what else speaks S3."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Final

from ..digitalocean.errors import (
    BadAnswer,
    DigitalOceanError,
    Forbidden,
    RateLimited,
    RedirectRefused,
    RequestRefused,
    ServerError,
    Unauthorized,
    Unreachable,
)
from ..digitalocean.spaces import Spaces
from ..settings import SettingsError, load_settings
from ..settings.secret import named_secret
from ..settings.values import SpacesKey, SpacesSettings
from .state_entries import S3Source
from .state_json import TerraformError
from .terraform_files import MAX_BYTES

_LONGEST: Final = 300.0
_LATER = "the next reading tries again"
_ADVICE = {
    Unauthorized: "the key pair is wrong or revoked",
    Forbidden: "the key may not read it, or there is no such object",
    RedirectRefused: "check region and endpoint: redirects are not followed",
    RequestRefused: "check bucket, key, region and endpoint",
    BadAnswer: "check the endpoint",
    Unreachable: f"check region and endpoint; {_LATER}",
    RateLimited: _LATER,
    ServerError: _LATER,
}


def read_s3(
    source: S3Source,
    *,
    spaces: SpacesSettings | None = None,
    timeout: tuple[float, float] = (5, 30),
    clock: Callable[[], float] = monotonic,
) -> bytes:
    """Return the state.

    Args:
        source: where.
        spaces: endpoint and key pair where the source has none; the environment's when None.
        timeout: seconds to connect, and between two bytes.
        clock: seconds that never go back.

    Raises:
        TerraformError: it cannot be read.
    """
    problem = None
    try:
        endpoint, key = _place(source, spaces or load_settings().spaces)
        client = Spaces(
            endpoint, key, timeout=timeout, advice=_ADVICE,
            signed_for=source.region if source.endpoint else "us-east-1",
            path_style=source.path_style,
        )  # fmt: skip
        return client.read(
            source.region, source.bucket, source.key, most=MAX_BYTES, longest=_LONGEST, clock=clock
        )
    except SettingsError as error:
        problem = str(error)
    except DigitalOceanError as error:
        advice = error.advice
        if error.status == 404:
            advice = "there is no state there: check bucket, key and region"
        problem = f"{error.endpoint} {error.problem}: {advice}"
    raise TerraformError(f"{source.shown} cannot be read: {problem}.")


def _place(source: S3Source, spaces: SpacesSettings) -> tuple[str, SpacesKey]:
    """Return the endpoint and the key pair: a pair only ever goes to the endpoint it is for."""
    if source.access_key_id_env is None or source.secret_access_key_env is None:
        if spaces.key is None:
            raise SettingsError(
                "there is no key pair for it: name access_key_id_env and secret_access_key_env, or "
                "set SPACES_ACCESS_KEY_ID and SPACES_SECRET_ACCESS_KEY"
            )
        key = spaces.key
    else:
        key = SpacesKey(
            named_secret(source.access_key_id_env), named_secret(source.secret_access_key_env)
        )
    return (source.endpoint or spaces.endpoint).rstrip("/"), key
