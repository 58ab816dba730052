"""Which calls make a message, and what of them a person sees."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from ..digitalocean import errors as digitalocean_errors

PACKAGE = Path(__file__).parent.parent
_NOT_FOR_PEOPLE = frozenset(
    {"ValueError", "TypeError", "RuntimeError", "KeyError", "NotImplementedError", "AssertionError",
     "OSError", "Exception", "HTTPError", "ConnectionError", "TimeoutError"}
)  # fmt: skip
"""Errors of the program itself: a person who sees one has found a fault."""
_OF_LIBRARIES = frozenset({"ClickException", "UsageError", "Failure", "SystemExit"})
_PARTS = frozenset({"AmountError", "InvalidToken", "NotJson", "Unreadable", "ProductRulesError"})
"""Errors whose text stands inside another message, or of files that come with the release."""
_LOGS = frozenset(
    {f"{owner}.{level}" for owner in ("_log", "logger") for level in ("warning", "error")}
)
_SAID = frozenset({"echo", "say", "note", "told", "_say", "_note", "_told"})


@dataclass(frozen=True, order=True)
class Message:
    """One text."""

    group: str
    """Where it is seen."""
    subject: str
    """The thing that it is about, or the kind of message."""
    text: str
    advice: str = ""
    """What to do, where it is not in the text."""
    module: str = field(default="", compare=False)


Values = Mapping[str, str]


def _doctor(module: str, name: str, values: Values) -> Iterator[Message]:
    subject, text, advice = (values.get(n, "") for n in "012")
    mark = {"well": "✓", "wrong": "✗", "neither": "–"}[name]
    yield Message("doctor", subject, f"{mark} {subject}: {text}", advice, module)


def _alarm(module: str, _name: str, values: Values) -> Iterator[Message]:
    text = f"{values.get('subject', '')}: {values.get('text', '')}"
    yield Message("alarm", values.get("subject", ""), text, values.get("advice", ""), module)


def _error(module: str, name: str, values: Values) -> Iterator[Message]:
    is_part = name in _PARTS or name.startswith("_")
    group = {"UsageError": "usage", "UiRefused": "ui"}.get(name, "part" if is_part else "error")
    if module.startswith("assistant/"):
        group = "assistant"
    yield Message(group, name, max((values.get(n, "") for n in "01"), key=len), "", module)


def _api_error(module: str, name: str, values: Values) -> Iterator[Message]:
    advice = values.get("advice") or getattr(digitalocean_errors, name).advice
    yield Message("digitalocean", name, values.get("1", ""), advice, module)


def _problem(module: str, name: str, values: Values) -> Iterator[Message]:
    if name == "BadParameter" and "1" in values:
        yield Message("http", "422", f"{values.get('0', '')}: {values.get('1', '')}", "", module)
    else:
        yield Message("http", values.get("0", ""), values.get("1", ""), "", module)


def _check(module: str, _name: str, values: Values) -> Iterator[Message]:
    text = values.get("description", "")
    yield Message("check", values.get("0", values.get("check_name", "")), text, "", module)


def _skip(module: str, _name: str, values: Values) -> Iterator[Message]:
    yield Message("skip", "", values.get("0", values.get("skip_message", "")), "", module)


def _line(module: str, _name: str, values: Values) -> Iterator[Message]:
    yield Message("line", "", values.get("0", ""), "", module)


def _log(module: str, _name: str, values: Values) -> Iterator[Message]:
    yield Message("log", "", values.get("0", ""), "", module)


Make = Callable[[str, str, Values], Iterator[Message]]


def maker(name: str, module: str) -> Make | None:
    """Return what reads a call of this name in a module; None where it makes no message."""
    if name in ("well", "wrong", "neither") and module.startswith("operations/doctor"):
        return _doctor
    if name in ("Problem", "BadParameter") and module.startswith("api/"):
        return _problem
    if name[:1].isupper() and hasattr(digitalocean_errors, name):
        return _api_error
    if name in _SAID and module.startswith(("cli/", "operations/")):
        return _line
    if name in _exceptions():
        return _error
    makers = {"Alarm": _alarm, "AssetCheckSpec": _check, "asset_check": _check, "SkipReason": _skip}
    return _log if name in _LOGS else makers.get(name)


def called(call: ast.Call) -> str:
    """Return the name of what is called; of a logger with the level."""
    match call.func:
        case ast.Name(id=name):
            return name
        case ast.Attribute(attr=name, value=ast.Name(id="_log" | "logger" as owner)):
            return f"{owner}.{name}"
        case ast.Attribute(attr=name):
            return name
    return ""


@cache
def _exceptions() -> frozenset[str]:
    """Return the names of our own errors that are meant for people, and of the libraries'."""
    bases: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                names = {_last(base) for base in node.bases}
                bases.setdefault(node.name, set()).update(names)
    found = {"Exception", *_NOT_FOR_PEOPLE}
    while more := {name for name, of in bases.items() if of & found} - found:
        found |= more
    return frozenset(found - _NOT_FOR_PEOPLE | _OF_LIBRARIES)


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
