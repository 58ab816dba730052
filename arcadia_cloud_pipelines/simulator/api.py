"""What the endpoints share: errors, paging, single objects, lists of a kind."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from starlette.responses import Response

from .account import SimulatedAccount
from .faults import OTHER_HOST, Fault
from .lives import Facts, Life
from .registry import KINDS, LinksStyle, SimulatedKind, sharing
from .view import Token, View

MAX_PER_PAGE = 200


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


def _number(params: Mapping[str, str], name: str, default: int, highest: int) -> int:
    text = params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= highest:
        raise unprocessable(f"{name} must be a number from 1 to {highest}")
    return int(text)


def page_of(
    call: Call,
    envelope: str,
    rows: Sequence[Any],
    render: Callable[[Any], Any],
    *,
    links: LinksStyle = "pages",
    per_page_first: bool = False,
    page_tokens: bool = False,
    beside: Mapping[str, Any] | None = None,
) -> Response:
    """One page of a list, with `links` and `meta`, and what stands beside it on every page."""
    page = _number(call.params, "page", 1, 10**9)
    per_page = _number(call.params, "per_page", 20, MAX_PER_PAGE)
    if page_tokens and page > 1 and call.params.get("page_token") != _page_token(page):
        raise unprocessable("page_token does not belong to this page")
    shift = _shift_of(call, page)
    total = max(0, len(rows) + shift)
    last = max(1, -(-total // per_page))
    start = max(0, (page - 1) * per_page - shift)
    chosen = rows[start : start + per_page]
    answer: dict[str, Any] = {envelope: [render(row) for row in chosen]}
    answer.update(beside or {})
    link_object = _links(call, page, last, links, per_page_first, page_tokens)
    if link_object is not None:
        answer["links"] = link_object
    answer["meta"] = {"total": total}
    # One dump of the whole page takes a seventh of the time of one per row.
    return json_response(answer)


def _shift_of(call: Call, page: int) -> int:
    rest = sorted((k, v) for k, v in call.params.items() if k != "page")
    key = (call.token.name, call.path, str(rest))
    if call.fault is not None and call.fault.kind == "shift":
        call.shifts[key] = call.fault.by
    elif page == 1:
        call.shifts.pop(key, None)
    return call.shifts.get(key, 0)


def _page_token(page: int) -> str:
    """Some text that nobody should make by himself."""
    return base64.b64encode(f'{{"page":{page}}}'.encode()).decode()


def _links(
    call: Call,
    page: int,
    last: int,
    style: LinksStyle,
    per_page_first: bool,
    page_tokens: bool,
) -> dict[str, Any] | None:
    def url(number: int, base: str = call.view.base_url) -> str:
        paged_by = ("page", "per_page", "page_token")
        query = {k: v for k, v in call.params.items() if k not in paged_by}
        paging = {"page": str(number)}
        if page_tokens and number > 1:
            paging["page_token"] = _page_token(number)
        if "per_page" in call.params:
            paging["per_page"] = call.params["per_page"]
        if per_page_first:
            paging = dict(reversed(paging.items()))
        return f"{base}{quote(call.path)}?{urlencode({**query, **paging})}"

    pages: dict[str, str] = {}
    if page > 1 or style == "projects":
        pages["first"] = url(1)
    if page > 1:
        pages["prev"] = url(min(page - 1, last))
    if page < last:
        pages["next"] = url(page + 1)
    if page < last or style == "projects":
        pages["last"] = url(last)
    fault = call.fault.kind if call.fault is not None else ""
    if fault == "loop_next":
        pages["next"] = url(page)
    elif fault == "other_host_next":
        pages["next"] = url(page + 1, OTHER_HOST)
    if pages or style == "pages":
        return {"pages": pages}
    return {} if style == "empty" else None


def _child_of(parent: str) -> Callable[[Facts], bool]:
    return lambda facts: facts.get("parent") == parent


def answer_with_list(call: Call, kind: SimulatedKind) -> Response:
    """The list of a kind, or of the kinds that share it."""
    if kind.list is not None:
        return kind.list(call)
    key = tuple(sorted((k, v) for k, v in call.params.items() if k in kind.params))
    parent = call.path_params.get("parent")
    if parent is not None:
        life = call.account.lives[str(kind.parent)].get(parent)
        if life is None or not life.alive(call.account.now):
            raise not_found_error()
        key += (("parent", parent),)
    lists = []
    for one in sharing(kind):
        try:
            select = one.select(call.params) if parent is None else _child_of(parent)
        except ValueError as error:
            raise unprocessable(str(error)) from None
        lists.append(call.account.listing(one.name, select, key))
    rows = lists[0] if len(lists) == 1 else [life for lives in lists for life in lives]

    def render(life: Life) -> dict[str, Any]:
        return call.account.render(life, call.view)

    if kind.paged:
        return page_of(
            call, kind.envelope, rows, render, links=kind.links,
            per_page_first=kind.per_page_first, page_tokens=kind.page_tokens,
        )  # fmt: skip
    return json_response({kind.envelope: [render(life) for life in rows]})


def one_of_kind(call: Call, kind: SimulatedKind, text: str) -> Response:
    """The single object of a kind."""
    if kind.single is not None:
        return kind.single(call, text)
    for one in sharing(kind):
        lives = call.account.lives[one.name]
        life = lives.get(text)
        if life is None and text.isascii() and text.isdecimal():
            life = lives.get(int(text))
        if life is not None and life.alive(call.account.now):
            return json_response({str(kind.singular): call.account.render(life, call.view)})
    raise not_found_error()


def path_of_urn(urn: str) -> str | None:
    """Return where the resource of a URN is found, if the type is known."""
    _, kind_name, rest = urn.split(":", 2)
    for kind in KINDS.values():
        if kind.urn == kind_name:
            return f"{kind.path}/{quote(rest)}"
    return None
