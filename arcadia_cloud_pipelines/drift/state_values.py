"""Values of an entry of a Terraform state: names, regions, addresses and variables, checked."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator

from ..common.redaction import holds_secret
from ..settings import SECRET_NAME
from ..settings.values import is_loopback

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


def checked_url(url: str, what: str, *, http: bool, secret: bool) -> Any:
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
