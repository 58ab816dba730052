"""Errors as `application/problem+json` (RFC 9457), never a stack trace."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """An answer that is an error; the text is for the caller to read."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: list[dict[str, str]] | None = None,
    ) -> None:
        """Name the status, and what is wrong; `errors` has an entry for each bad parameter."""
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.errors = errors


class BadParameter(Problem):
    """One parameter is wrong."""

    def __init__(self, parameter: str, message: str, where: str = "query") -> None:
        super().__init__(
            422,
            f"{parameter}: {message}",
            errors=[{"parameter": parameter, "in": where, "message": message}],
        )


def not_found() -> Problem:
    """Answer what is not there and what is somebody else's with the same words."""
    return Problem(
        404, "There is nothing at this address that you may see: check the path and the id."
    )


def answer(problem: Problem) -> Response:
    """The problem as a response."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
    }
    if problem.errors is not None:
        body["errors"] = problem.errors
    return Response(
        orjson.dumps(body), problem.status, headers=problem.headers, media_type=MEDIA_TYPE
    )


async def _problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101
    return answer(error)


async def _http(_: Request, error: Exception) -> Response:
    """Starlette's own: no such route, no such method, a body that is no JSON."""
    assert isinstance(error, HTTPException)  # noqa: S101
    if error.status_code == 404:
        return answer(not_found())
    if error.status_code == 400:  # FastAPI's word for bytes that are no text
        return answer(BadParameter("body", "must be valid JSON", "body"))
    return answer(Problem(error.status_code, str(error.detail), headers=error.headers))


async def _invalid(_: Request, error: Exception) -> Response:
    """Parameters that are wrong. What was sent is not repeated: it may be a secret."""
    assert isinstance(error, RequestValidationError)  # noqa: S101
    errors = []
    for one in error.errors():
        where, *path = (str(step) for step in one["loc"])
        name = ".".join(path) or where
        errors.append({"parameter": name, "in": where, "message": _message(one)})
    detail = "; ".join(f"{one['parameter']}: {one['message']}" for one in errors)
    return answer(Problem(422, detail, errors=errors))


def _message(error: Mapping[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return "is not a parameter here: leave it out"
    return str(error["msg"]).removeprefix("Value error, ")


def install_problem_handlers(app: FastAPI) -> None:
    """Make every error of `app` a problem."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
