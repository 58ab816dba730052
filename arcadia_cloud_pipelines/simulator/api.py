"""Lists of a kind, and single objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from .api_errors import not_found_error, unprocessable
from .call import Call, json_response
from .lives import Facts, Life
from .paging import page_of
from .registry import KINDS, SimulatedKind, sharing


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
