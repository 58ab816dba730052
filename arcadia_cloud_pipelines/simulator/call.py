"""One request on its way to an answer, and how an answer is made."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.responses import Response

from .account import SimulatedAccount
from .api_errors import ApiError
from .faults import Fault
from .view import Token, View


@dataclass
class Call:
    """One request on its way to an answer."""

    account: SimulatedAccount
    view: View
    token: Token
    method: str
    path: str
    params: Mapping[str, str]
    path_params: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    fault: Fault | None = None
    shifts: dict[Any, int] = field(default_factory=dict)
    """Lists whose items moved between pages (fault `shift`), until page 1 is asked again."""

    def json_object(self) -> dict[str, Any]:
        """The body, which must be a JSON object.

        Raises:
            ApiError: 400 when it is not.
        """
        try:
            value = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            value = None
        if not isinstance(value, dict):
            raise ApiError(400, "bad_request", "Unable to parse the request body.")
        return value

    def violation(self, text: str) -> None:
        """Record what reality would let pass."""
        self.account.violations.append(f"{self.method} {self.path}: {text}")


def json_response(value: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(orjson.dumps(value), status, media_type="application/json; charset=utf-8")


def error_response(error: ApiError) -> Response:
    """The answer for an error. Which ones carry a request_id differs between services."""
    body = {"id": error.error_id, "message": error.message}
    if error.status in (403, 409, 422):
        seed = f"{error.status}:{error.message}"
        body["request_id"] = str(uuid.uuid5(uuid.NAMESPACE_OID, seed))
    return json_response(body, error.status)
