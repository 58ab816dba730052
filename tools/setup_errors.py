"""Says in one sentence why a set-up failed, from what pip and uv wrote."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Mapping
from pathlib import Path

PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy")
INDEXES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
_NAMED = re.compile(r"[`'\"](/[^`'\"]+)[`'\"]")
_HOST = re.compile(r"https?://(?:[^/\s@]*@)?([^/\s:)`'\"]+)")


def without_credentials(text: str) -> str:
    """Return the text with the user and password of every address masked.

    Example: `https://ann:secret@index.example/simple` becomes `https://***@index.example/simple`.
    """
    return re.sub(r"(?<=://)[^/\s'\"<>]*@", "***@", text)


def explain(text: str, root: Path, environ: Mapping[str, str]) -> str:
    """Return the reason and what to do. What is not known here is told by its first line.

    Args:
        text: the output of the programs that failed.
        root: the checkout.
        environ: the variables, which name proxies and indexes.
    """
    for pattern, tell in _CAUSES:
        if re.search(pattern, text, re.IGNORECASE):
            return without_credentials(tell(text, root, environ))
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    first = next((line for line in lines if line.lower().startswith("error")), "")
    return without_credentials(first or (lines[-1] if lines else "no reason was given"))


def why_not_writable(folder: Path) -> str | None:
    """Return why this user cannot write into a folder, and what to do; None where he can."""
    if not folder.exists() or os.access(folder, os.W_OK | os.X_OK):
        return None
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        return f"{folder} is read-only: clone the repository into a folder that you can write"
    owner, me = _user(folder.stat().st_uid), _user(os.geteuid())
    if owner == me:
        return f"{folder} cannot be written by its owner {me}: run `chmod u+rwx '{folder}'`"
    return (
        f"{folder} belongs to the user {owner}, and this is {me}: run the command as {owner}, or "
        "clone the repository into a folder of your own"
    )


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"number {number}"


def _no_space(text: str, root: Path, _environ: Mapping[str, str]) -> str:
    line = next(line for line in text.splitlines() if re.search(_SPACE, line, re.IGNORECASE))
    named = _NAMED.search(line)
    place = Path(named.group(1)) if named else root
    while not place.exists():
        place = place.parent
    return (
        f"the disk of {place} has no space left: free about 2 GB there, or set UV_CACHE_DIR (and "
        "TMPDIR) to a folder on another disk"
    )


def _read_only(text: str, root: Path, _environ: Mapping[str, str]) -> str:
    named = _NAMED.search(text)
    return (
        f"{named.group(1) if named else root} is read-only: clone the repository into a folder "
        "that you can write, and set UV_CACHE_DIR to one if it is the cache"
    )


def _denied(text: str, root: Path, _environ: Mapping[str, str]) -> str:
    named = _NAMED.search(text)
    place = Path(named.group(1)) if named else root
    return (
        f"{place} cannot be written by the user {_user(os.geteuid())}: was the set-up made by "
        f"another user, such as root? Then remove {root}/.venv and {root}/.tools as that user"
    )


def _index(text: str, environ: Mapping[str, str]) -> str:
    for name in INDEXES:
        if environ.get(name):
            return f"the package index {environ[name]} ({name})"
    host = _HOST.search(text)
    return f"the package index {host.group(1) if host else 'pypi.org'}"


def _proxy(environ: Mapping[str, str]) -> str:
    return next((f"{environ[n]} ({n})" for n in PROXIES if environ.get(n)), "")


def _proxy_refuses(text: str, _root: Path, environ: Mapping[str, str]) -> str:
    proxy = _proxy(environ) or "of this network"
    return (
        f"the proxy {proxy} refuses the connection to {_index(text, environ)}: set its user and "
        "password in HTTPS_PROXY, as in http://user:password@host:port"
    )


def _certificate(text: str, _root: Path, environ: Mapping[str, str]) -> str:
    return (
        f"the certificate of {_index(text, environ)} is not trusted here: a proxy may stand in "
        "between, so set SSL_CERT_FILE to the file with its certificate"
    )


def _unreachable(text: str, _root: Path, environ: Mapping[str, str]) -> str:
    index = _index(text, environ)
    if proxy := _proxy(environ):
        return f"{index} does not answer through the proxy {proxy}: check the proxy and the network"
    return (
        f"{index} does not answer: check the network; behind a proxy set HTTPS_PROXY, and with an "
        "index of your own UV_DEFAULT_INDEX"
    )


_SPACE = r"no space left|os error 28\b|errno 28\b|quota exceeded|os error 122\b"
_CAUSES = (
    (_SPACE, _no_space),
    (r"read-only file system|os error 30\b|errno 30\b", _read_only),
    (r"permission denied|os error 13\b|errno 13\b|operation not permitted", _denied),
    (
        r"\b407\b|proxy authentication|tunnel connection failed: 4|unsuccessful tunnel",
        _proxy_refuses,
    ),
    (r"certificate.?verify|invalid peer certificate|unknown ?issuer|self.signed", _certificate),
    (
        r"name or service not known|name resolution|dns error|nodename nor servname|getaddrinfo"
        r"|unreachable|connection refused|connection reset|timed out|timeout|no route|\(connect\)"
        r"|error sending request|could not connect|remote end closed|connection aborted|tunnel",
        _unreachable,
    ),
)
