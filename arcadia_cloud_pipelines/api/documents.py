"""The parts of `/openapi.json` that FastAPI does not find out by itself."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from .answers import CSV
from .models import ProblemDetails
from .problems import MEDIA_TYPE

Responses = dict[int | str, dict[str, Any]]

_MEANINGS = {
    401: "No valid token.",
    403: "The token does not give access to this.",
    404: "It is not there, or not yours.",
    409: "It was resolved already, or has moved on.",
    413: "The body is too large.",
    408: "The body did not come in time.",
    422: "A parameter is wrong; `errors` names it.",
    429: "The caller has its share of requests under way; see Retry-After.",
    503: "The database is away, busy or not migrated; see Retry-After.",
}


def problems(*statuses: int) -> Responses:
    """Documents the errors of a route."""
    return {
        status: {"model": ProblemDetails, "description": _MEANINGS[status]}
        for status in (*statuses, *((429,) if 401 in statuses else ()), 503)
    }


def with_csv(responses: Responses) -> Responses:
    """Documents that a list is there as CSV, too."""
    csv = {CSV: {"schema": {"type": "string"}}}
    not_modified = {"description": "What `If-None-Match` names is still what there is."}
    return {**responses, 200: {"content": csv}, 304: not_modified}


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        made["components"]["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
        }
        for operations in made["paths"].values():
            for operation in operations.values():
                for parameter in operation.get("parameters", ()):
                    parameter["schema"] = _without_null(parameter["schema"])
                answers = operation["responses"]
                if "401" in answers:
                    operation["security"] = [{"token": []}]
                for status, one in answers.items():
                    if int(status) >= 400:
                        one["content"] = {MEDIA_TYPE: one["content"]["application/json"]}
        app.openapi_schema = made
    return app.openapi_schema


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter's schema: what may be left out is no null, which no address can hold."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) != 1:
        return schema
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    return {**kinds[0], **rest}
