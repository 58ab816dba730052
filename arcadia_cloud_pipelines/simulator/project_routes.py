"""The routes of projects: their resources, and the few writes that the simulator knows."""

from __future__ import annotations

import re
from typing import Any

from starlette.responses import Response

from .api import path_of_urn
from .api_errors import ApiError, not_found_error, unprocessable
from .call import Call, json_response
from .lives import Facts, Life, iso
from .paging import page_of
from .registry import KINDS, Route, register_route

PURPOSES = frozenset(
    {
        "Just trying out DigitalOcean",
        "Class project / Educational purposes",
        "Website or blog",
        "Web Application",
        "Service or API",
        "Mobile Application",
        "Machine learning / AI / Data processing",
        "IoT",
        "Operational / Developer tooling",
    }
)
ENVIRONMENTS = ("Development", "Staging", "Production", "")
_LIMITS = {"name": 175, "description": 255, "purpose": 255}
_URN = re.compile(r"do:[a-z_0-9]+:.+", re.DOTALL)


def _project(call: Call) -> Life:
    wanted = call.path_params.get("project_id", call.account.default_project)
    life = call.account.lives["project"].get(wanted)
    if life is None or life.deleted_at is not None:
        raise not_found_error()
    return life


def _answer(call: Call, life: Life, status: int = 200) -> Response:
    return json_response({"project": call.account.render(life, call.view)}, status)


def _checked(call: Call, body: dict[str, Any], own: Life | None = None) -> Facts:
    """The fields of a project in a body, valid ones only."""
    fields: Facts = {}
    for name, limit in _LIMITS.items():
        value = body.get(name)
        if value is None:
            continue
        if not isinstance(value, str) or len(value) > limit:
            raise unprocessable(f"{name} must be a text of at most {limit} characters")
        fields[name] = value
    if body.get("environment") is not None:
        if body["environment"] not in ENVIRONMENTS:
            raise unprocessable("environment is not valid")
        fields["environment"] = body["environment"]
    if "name" in fields:
        for life in call.account.alive("project"):
            if life is not own and life.facts["name"] == fields["name"]:
                raise ApiError(409, "conflict", "a project with this name exists already")
    purpose = fields.get("purpose")
    if purpose and purpose not in PURPOSES and not purpose.startswith("Other: "):
        fields["purpose"] = f"Other: {purpose}"
    unknown = set(body) - {*_LIMITS, "environment", "is_default"}
    if unknown:
        call.violation(f"unknown fields {sorted(unknown)} in the body")
    return fields


def _create(call: Call) -> Response:
    body = call.json_object()
    for name in ("name", "purpose"):
        if not body.get(name):
            raise unprocessable(f"{name} is required")
    facts = {"description": "", "environment": "", **_checked(call, body)}
    made = call.account.create("project", **facts)
    return _answer(call, call.account.find("project", made["id"]), 201)


def _patch(call: Call) -> Response:
    life = _project(call)
    body = call.json_object()
    fields = _checked(call, body, life)
    account = call.account
    if body.get("is_default") is True and not life.facts["is_default"]:
        account.update("project", account.default_project, is_default=False)
        account.default_project = str(life.id)
        fields["is_default"] = True
    account.update("project", life.id, **fields)
    return _answer(call, life)


def _row(call: Call, urn: str, since: str, status: str) -> dict[str, Any]:
    path = path_of_urn(urn)
    links = {"self": f"{call.view.base_url}{path}"} if path is not None else {}
    return {"urn": urn, "assigned_at": since, "links": links, "status": status}


def _resources(call: Call) -> Response:
    rows = call.account.project_rows(str(_project(call).id))
    if call.token.scopes is not None:
        # The list shows only what the token may see.
        rows = [r for r in rows if r[1] is None or call.token.can(KINDS[r[1].kind].scope)]
    return page_of(
        call,
        "resources",
        rows,
        lambda row: _row(call, row[0], row[2], row[3]),
        links="projects",
    )


def _assign(call: Call) -> Response:
    project = _project(call)
    account = call.account
    urns = call.json_object().get("resources")
    if not isinstance(urns, list) or not all(isinstance(u, str) and _URN.match(u) for u in urns):
        raise unprocessable("resources must be a list of URNs")
    answer = []
    for asked in urns:
        urn = asked.replace("do:reservedip:", "do:floatingip:")
        _, type_name, rest = urn.split(":", 2)
        kind = next((k for k in KINDS.values() if k.urn == type_name), None)
        known = any(f.urn == urn and f.status == "ok" for f in account.foreign)
        if kind is not None:
            known = known or rest in map(str, account.ids(kind.name))
        if not known:
            status = "not_found"
        elif account.project_of(urn, account.now) == project.id:
            status = "already_assigned"
        else:
            account.join(urn, str(project.id), account.now)
            status = "assigned"
        answer.append(_row(call, urn, iso(account.now), status))
    return json_response({"resources": answer})


def _resources_of_default(call: Call) -> Response:
    if call.params:
        call.violation("paging of the default project's resources is not documented")
    return _resources(call)


def _full(call: Call) -> Response:
    """PUT wants the whole object; the simulator only checks that it is there."""
    body = call.json_object()
    missing = {"name", "description", "purpose", "environment", "is_default"} - set(body)
    if missing:
        raise unprocessable(f"missing {sorted(missing)}")
    return _patch(call)


def _default(call: Call) -> Response:
    return _answer(call, _project(call))


_PAGING = frozenset({"page", "per_page"})
_ONE = "/v2/projects/{project_id}"

for _method, _path, _scope, _handle in (
    ("GET", "/v2/projects/default", "project:read", _default),
    ("GET", "/v2/projects/default/resources", "project:read", _resources_of_default),
    ("POST", "/v2/projects", "project:create", _create),
    ("PATCH", _ONE, "project:update", _patch),
    ("PUT", _ONE, "project:update", _full),
    ("GET", f"{_ONE}/resources", "project:read", _resources),
    ("POST", f"{_ONE}/resources", "project:update", _assign),
):
    register_route(
        Route(
            method=_method,
            path=_path,
            scope=_scope,
            handle=_handle,
            params=_PAGING if _path.endswith("/resources") else frozenset(),
        )
    )
