"""The errors of the API, as its examples have them."""

from __future__ import annotations


class ApiError(Exception):
    """An error answer: status, `id` and `message` of its body."""

    def __init__(self, status: int, error_id: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error_id = error_id
        self.message = message


def unauthorized() -> ApiError:
    """401, as error_401.json has it."""
    return ApiError(401, "unauthorized", "Unable to authenticate you.")


def forbidden() -> ApiError:
    """403: the token lacks a scope."""
    return ApiError(403, "forbidden", "You are not authorized to perform this operation")


def not_found_error() -> ApiError:
    """404, as error_404.json has it."""
    return ApiError(404, "not_found", "The resource you requested could not be found.")


def unprocessable(message: str) -> ApiError:
    """422: validation."""
    return ApiError(422, "unprocessable_entity", message)


def error_body(status: int) -> dict[str, str]:
    """The JSON body of a status that a fault asked for."""
    known = {
        429: ("too_many_requests", "API rate limit exceeded."),
        401: ("unauthorized", "Unable to authenticate you."),
        403: ("forbidden", "You are not authorized to perform this operation"),
        404: ("not_found", "The resource you requested could not be found."),
        409: ("conflict", "The request could not be completed due to a conflict."),
        412: ("precondition_failed", "A precondition of the request was not met."),
        422: ("unprocessable_entity", "The request could not be processed."),
        503: ("service_unavailable", "Service temporarily unavailable."),
    }
    error_id, message = known.get(status, ("server_error", "Unexpected server-side error"))
    return {"id": error_id, "message": message}
