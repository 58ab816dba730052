"""What a request to the Dagster UI must be like: from the UI, or from a program on purpose."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
GRAPHQL = "/graphql"
# Files of runs, which no link from elsewhere should download.
_FILES = ("/logs/", "/download_debug/")
# Notebooks are pages with scripts of their own, in the UI's origin. There are none here.
_CLOSED = ("/notebook", "/dagit/notebook")
_OPERATION = re.compile(rb"op=\w*")
_PORTS = {"http": ":80", "https": ":443"}


class UiRefused(Exception):
    """A request that does not pass; the text says why and what to do."""

    def __init__(self, status: int, reason: str) -> None:
        """Keep the HTTP status with the reason."""
        super().__init__(reason)
        self.status = status


class SingleHeaders:
    """The headers of a request, of which those that decide may stand there once."""

    def __init__(self, scope: Scope) -> None:
        self._pairs = [(name.lower(), value) for name, value in scope["headers"]]

    def one(self, name: str) -> str:
        """Return a header's value; "" when it is absent."""
        values = [value for key, value in self._pairs if key == name.encode()]
        if len(values) > 1:
            raise UiRefused(400, f"The header {name} stands there more than once.")
        return values[0].decode("latin-1").strip() if values else ""


def host_name(authority: str) -> str | None:
    """Return the name in `name:port`, in lower case; None for what is not one."""
    try:
        parts = urlsplit(f"//{authority}")
        name, _ = parts.hostname, parts.port
    except ValueError:
        return None
    return name if parts.netloc == authority and "@" not in authority else None


def check_origin(headers: SingleHeaders, host: str, *, required: bool) -> None:
    """Make sure that the page that asks is ours. Programs send no Origin; browsers do."""
    origin = headers.one("origin").lower()
    if not origin and not required:
        return
    scheme, separator, authority = origin.partition("://")
    port = _PORTS.get(scheme)
    if not separator or port is None:
        raise UiRefused(403, "Requests from other pages are not served: wrong Origin.")
    if authority.removesuffix(port) != host.removesuffix(port):
        raise UiRefused(403, "Requests from other pages are not served: wrong Origin.")


def check_site(scope: Scope, headers: SingleHeaders) -> None:
    """Look at what a browser says about the page that asks; programs say nothing.

    A link from elsewhere may open a page of the UI, for a page alone changes nothing.
    """
    site = headers.one("sec-fetch-site").lower()
    if site in ("", "same-origin", "none"):
        return
    link = (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and headers.one("sec-fetch-mode") == "navigate"
        and headers.one("sec-fetch-dest") == "document"
        and not scope["path"].startswith((GRAPHQL, *_FILES))
    )
    if not link:
        raise UiRefused(403, "Requests from other pages are not served.")


def check_path(scope: Scope) -> None:
    """Refuse a path that leads out of its folder, and pages with scripts of their own."""
    path = scope["path"]
    if ".." in path.replace("\\", "/").split("/") or "\0" in path:
        raise UiRefused(400, "The path leads out of its folder.")
    if path.rstrip("/") in _CLOSED:
        raise UiRefused(404, "Notebooks are not served here.")


def check_form(scope: Scope, headers: SingleHeaders) -> None:
    """Let through what the UI uses. Another page must ask before it may send JSON."""
    method = scope["method"]
    if method == "POST":
        query = scope.get("query_string", b"")
        # The UI names the operation in the address, which nothing reads but people who debug.
        if query and not (scope["path"] == GRAPHQL and _OPERATION.fullmatch(query)):
            raise UiRefused(400, "Send what is asked in the body, not in the address.")
        media = headers.one("content-type").partition(";")[0].strip().lower()
        if media != "application/json":
            raise UiRefused(415, "Send the body as application/json.")
    elif method not in ("GET", "HEAD"):
        raise UiRefused(405, f"{method[:20]} is not served here.")
    elif scope["path"].rstrip("/") == GRAPHQL and (method == "HEAD" or scope.get("query_string")):
        raise UiRefused(405, "GraphQL is served by POST alone, with the query in the body.")
