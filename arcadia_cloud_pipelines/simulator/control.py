"""`/_simulator/`: what a test or a person does to the account from outside."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from starlette.requests import Request
from starlette.responses import Response

from . import api_errors
from .account import SimulatedAccount
from .call import error_response, json_response
from .faults import Fault


class Seen(NamedTuple):
    """One request as the server's log has it."""

    method: str
    path: str
    query: str
    status: int
    """0: the connection was closed without an answer."""
    token: str
    """The token's name; empty when it was not valid."""


def control_response(
    account: SimulatedAccount, log: Sequence[Seen], request: Request, body: bytes
) -> Response:
    """Do what a request of a loopback client asks for; 404 for anybody else."""
    client = request.client.host if request.client is not None else ""
    try:
        local = ipaddress.ip_address(client).is_loopback
    except ValueError:
        local = False
    if not local:
        return error_response(api_errors.not_found_error())
    kind = request.headers.get("content-type", "").partition(";")[0]
    if request.method == "POST" and kind != "application/json":
        # A page in a browser cannot send this type to us without asking first.
        return json_response({"error": "content-type must be application/json"}, 415)
    try:
        arguments = orjson.loads(body) if body else {}
        with account.lock:
            result = _result(
                account,
                log,
                request.method,
                request.url.path.removeprefix("/_simulator/"),
                arguments,
            )
    except (KeyError, TypeError, ValueError) as error:
        return json_response({"error": f"{type(error).__name__}: {error}"}, 400)
    if result is None:
        return error_response(api_errors.not_found_error())
    return json_response(result)


def _result(
    account: SimulatedAccount,
    log: Sequence[Seen],
    method: str,
    what: str,
    arguments: dict[str, Any],
) -> Any:
    match method, what:
        case "GET", "state":
            return {**account.summary(), "requests": len(log)}
        case "POST", "advance":
            if "to" in arguments:
                account.advance_to(datetime.fromisoformat(arguments["to"]))
            else:
                account.advance(**arguments)
            return account.summary()
        case "GET", "faults":
            return {"pending": [_fault_json(f) for f in account.faults.pending]}
        case "POST", "faults":
            return _fault_json(account.faults.add(**arguments))
        case "DELETE", "faults":
            account.faults.clear()
            return {"pending": []}
        case "GET", "requests":
            return {"requests": [seen._asdict() for seen in log]}
        case "GET", "violations":
            return {"violations": account.violations}
        case "POST", "tokens":
            return {"token": account.add_token(**arguments)}
        case "POST", "create" | "update":
            made: Any = getattr(account, what)(**arguments)
            return made
        case "POST", "delete" | "hide" | "show":
            getattr(account, what)(arguments["kind"], arguments["id"])
            return account.summary()
        case "POST", "grow":
            account.grow(**arguments)
            return account.summary()
        case "GET", "billing":
            rows = [invoice.header() for invoice in account.billing.invoices()]
            return {"invoices": rows, "balance": account.billing.balance()}
        case "POST", "billing/amend" | "billing/skew" | "billing/big_invoice":
            act = getattr(account.billing, what.removeprefix("billing/"))
            return act(**arguments).header()
        case "POST", "billing/replace_csv":
            account.billing.replace_csv(arguments["uuid"], arguments["text"].encode())
            return account.billing.find(arguments["uuid"]).header()
        case "POST", "assign":
            account.assign(arguments["project"], arguments["urn"])
            return account.summary()
    return None


def _fault_json(fault: Fault) -> dict[str, Any]:
    return {k: v for k, v in vars(fault).items() if k != "call"}
