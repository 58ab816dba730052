"""Expressions of the source as a person reads them: `f"{name} is …"` is "{name} is …"."""

from __future__ import annotations

import ast
from collections.abc import Mapping

_OF_TEXT = frozenset({"lower", "removeprefix", "removesuffix", "rstrip", "strip"})


Names = Mapping[str, list[ast.expr]]
"""What each name of a function stands for; several where it is assigned several times."""


def words_of(node: ast.expr, names: Names, depth: int = 0) -> str:
    """Return an expression as a person reads it, with what is filled in as `{word}`."""
    match node:
        case ast.Constant(value=str() as text):
            return " ".join(text.split()) if "\n" in text else text
        case ast.Constant(value=value):
            return str(value)
        case ast.JoinedStr(values=values):
            return "".join(words_of(value, names, depth) for value in values)
        case ast.FormattedValue(value=value):
            return _filled(value, names, depth)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return words_of(left, names, depth) + words_of(right, names, depth)
        case ast.IfExp(body=body, orelse=orelse):
            return _either(words_of(body, names, depth), words_of(orelse, names, depth))
        case ast.Name(id=name) if (texts := _texts(name, names, depth)) is not None:
            return texts
    return _filled(node, names, depth)


def _texts(name: str, names: Names, depth: int) -> str | None:
    """Return what a name stands for, each text once; None where one of them is not a text."""
    values = names.get(name, [])
    if depth >= 3 or not values or not all(map(_is_text, values)):
        return None
    return " | ".join(dict.fromkeys(words_of(value, names, depth + 1) for value in values))


def _either(one: str, other: str) -> str:
    return one or other if not (one and other) else f"{one} | {other}"


def _is_text(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=str()) | ast.JoinedStr():
            return True
        case ast.BinOp(left=left, op=ast.Add()):
            return _is_text(left)
        case ast.IfExp(body=body, orelse=orelse):
            return _is_text(body) and _is_text(orelse)
    return False


def _filled(node: ast.expr, names: Names, depth: int) -> str:
    match node:
        case ast.Constant(value=str() as value) if value.isidentifier():
            return "{" + value + "}"
        case ast.Constant(value=value):
            return str(value)
        case ast.Name(id=name) if (texts := _texts(name, names, depth)) is not None:
            return texts
        case ast.IfExp(body=body, orelse=orelse) if _is_text(body) and _is_text(orelse):
            return _either(words_of(body, names, depth), words_of(orelse, names, depth))
        case ast.Name(id=name):
            return "{" + name.strip("_").lower() + "}"
        case ast.Attribute(attr=name):
            return "{" + name.strip("_").lower() + "}"
        case ast.Call(func=ast.Attribute(value=value, attr=name)) if name in _OF_TEXT:
            return _filled(value, {}, depth)
        case ast.Call(args=[first, *_]):
            return _filled(first, {}, depth)
        case ast.Call(func=function):
            return _filled(function, {}, depth)
        case ast.Subscript(value=value):
            return _filled(value, {}, depth)
        case ast.BinOp(left=left, right=right):
            return _filled(left if not isinstance(left, ast.Constant) else right, {}, depth)
        case ast.BoolOp(values=[first, *_]):
            return _filled(first, names, depth)
    return "{…}"
