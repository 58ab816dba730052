"""One answer: JSON with its tag, or CSV where the client prefers it."""

from __future__ import annotations

import hashlib
from typing import Any

from fastapi import Request
from starlette.responses import Response

from .encoding import dump

CSV = "text/csv"
JSON = "application/json"
# What a caller sees is for nobody else, and may be kept if the server is asked whether it still
# holds.
PRIVATE = {"Cache-Control": "private, no-cache", "Vary": "Accept, Authorization"}


def json_answer(request: Request, content: Any) -> Response:
    """The content as JSON, or 304 when the client has it already (RFC 9110, section 13)."""
    body = dump(content)
    tag = f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
    headers = {"ETag": tag, **PRIVATE}
    if _has(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=JSON, headers=headers)


def _has(condition: str | None, tag: str) -> bool:
    if condition is None:
        return False
    known = {part.strip().removeprefix("W/") for part in condition.split(",")}
    return tag in known or "*" in known


def wants_csv(request: Request) -> bool:
    """Say if the client prefers CSV to JSON; JSON where it does not care."""
    weights: dict[str, float] = {}
    for part in ",".join(request.headers.getlist("accept")).split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weights[name] = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    weights[name] = float(parameter[2:])
                except ValueError:
                    weights[name] = 0.0
    wanted = weights.get(CSV, 0.0)
    return wanted > 0 and wanted >= weights.get(JSON, 0.0)
