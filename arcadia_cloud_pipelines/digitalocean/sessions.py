"""Sessions of requests that look neither at ~/.netrc nor where a redirect goes."""

from __future__ import annotations

import logging
from importlib.metadata import PackageNotFoundError, version

import requests
from requests.auth import AuthBase

from ..settings.secret import Secret


def _quotes_no_headers(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith("Failed to parse headers")


# Of headers that it cannot parse urllib3 logs the text, which may hold anything.
logging.getLogger("urllib3.connection").addFilter(_quotes_no_headers)


class Bearer(AuthBase):
    """Sets the header. Being an auth object keeps requests from putting ~/.netrc in its place."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the token into a request."""
        request.headers["Authorization"] = f"Bearer {self._token.reveal()}"
        return request


class UnredirectedSession(requests.Session):
    """Never looks where a redirect goes: even unfollowed, requests would read its whole body."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002
        """Return none."""
        return None


def user_agent() -> str:
    """Return what we call ourselves, with the release."""
    try:
        return f"arcadia-cloud-pipelines/{version('arcadia-cloud-pipelines')}"
    except PackageNotFoundError:
        return "arcadia-cloud-pipelines/0"
