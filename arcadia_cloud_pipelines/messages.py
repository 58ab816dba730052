"""Collects the texts that can reach a person, for `docs/messages.md`.

Texts are read from the source: `raise SettingsError(f"{name} is …")` gives "{name} is …". What is
filled in stands in braces. Made by `python -m arcadia_cloud_pipelines.messages`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import click

from .cli import main as arcadia
from .digitalocean import errors as digitalocean_errors

PACKAGE = Path(__file__).parent
PATH = PACKAGE.parent / "docs" / "messages.md"
_FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
_NOT_FOR_PEOPLE = frozenset(
    {"ValueError", "TypeError", "RuntimeError", "KeyError", "NotImplementedError", "AssertionError",
     "OSError", "Exception", "HTTPError", "ConnectionError", "TimeoutError"}
)  # fmt: skip
"""Errors of the program itself: a person who sees one has found a fault."""
_OF_LIBRARIES = frozenset({"ClickException", "UsageError", "Failure", "SystemExit"})
_PARTS = frozenset({"AmountError", "InvalidToken", "NotJson", "Unreadable", "ProductRulesError"})
"""Errors whose text stands inside another message, or of files that come with the release."""
_OF_TEXT = frozenset({"lower", "removeprefix", "removesuffix", "rstrip", "strip"})
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


def collect() -> list[Message]:
    """Return every message of the package, sorted and each once."""
    found: set[Message] = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        module = path.relative_to(PACKAGE).with_suffix("").as_posix()
        if module.startswith(("simulator/", "warehouse/migrations/")) or module == "messages":
            continue
        found |= set(of_module(module, ast.parse(path.read_text(encoding="utf-8"))))
    return sorted(found)


def of_module(module: str, tree: ast.Module) -> Iterator[Message]:
    """Yield the messages of one module, such as `cli/up`."""
    reader = _Reader(module, tree)
    for scope in (tree, *(node for node in ast.walk(tree) if isinstance(node, _FUNCTIONS))):
        names = reader.names(scope)
        for node in _own_nodes(scope):
            if isinstance(node, ast.Call):
                yield from reader.messages(node, names)


def _own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield what is in a module or function and not in a function inside it."""
    for child in ast.iter_child_nodes(scope):
        if isinstance(child, _FUNCTIONS):
            for decorator in child.decorator_list:
                yield decorator
                yield from _own_nodes(decorator)
            continue
        yield child
        yield from _own_nodes(child)


Names = Mapping[str, list[ast.expr]]
"""What each name of a function stands for; several where it is assigned several times."""


class _Reader:
    """Reads the messages of one module."""

    def __init__(self, module: str, tree: ast.Module) -> None:
        self._module = module
        self._constants = self._assigned(tree)

    @staticmethod
    def _assigned(scope: ast.AST) -> dict[str, list[ast.expr]]:
        found: dict[str, list[ast.expr]] = {}
        for node in _own_nodes(scope):
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    if isinstance(target, ast.Name):
                        found.setdefault(target.id, []).append(node.value)
        return found

    def names(self, scope: ast.AST) -> Names:
        """Return what the names in a function stand for."""
        return {**self._constants, **self._assigned(scope)}

    def messages(self, call: ast.Call, names: Names) -> Iterator[Message]:
        """Yield the messages that a call makes."""
        name = _called(call)
        if (make := _maker(name, self._module)) is not None:
            values = {
                **{str(n): _text(value, names) for n, value in enumerate(call.args)},
                **{key.arg: _text(key.value, names) for key in call.keywords if key.arg},
            }
            yield from (m for m in make(self._module, name, values) if _says_something(m.text))


def _says_something(text: str) -> bool:
    words = [word for word in text.split() if not word.startswith("{")]
    return len(words) > 1


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


def _maker(name: str, module: str) -> Make | None:
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


def _called(call: ast.Call) -> str:
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


def _text(node: ast.expr, names: Names, depth: int = 0) -> str:
    """Return an expression as a person reads it, with what is filled in as `{word}`."""
    match node:
        case ast.Constant(value=str() as text):
            return " ".join(text.split()) if "\n" in text else text
        case ast.Constant(value=value):
            return str(value)
        case ast.JoinedStr(values=values):
            return "".join(_text(value, names, depth) for value in values)
        case ast.FormattedValue(value=value):
            return _filled(value, names, depth)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _text(left, names, depth) + _text(right, names, depth)
        case ast.IfExp(body=body, orelse=orelse):
            return _either(_text(body, names, depth), _text(orelse, names, depth))
        case ast.Name(id=name) if (texts := _texts(name, names, depth)) is not None:
            return texts
    return _filled(node, names, depth)


def _texts(name: str, names: Names, depth: int) -> str | None:
    """Return what a name stands for, each text once; None where one of them is not a text."""
    values = names.get(name, [])
    if depth >= 3 or not values or not all(map(_is_text, values)):
        return None
    return " | ".join(dict.fromkeys(_text(value, names, depth + 1) for value in values))


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
            return _either(_text(body, names, depth), _text(orelse, names, depth))
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


_GROUPS = {
    "error": (
        "Errors",
        "A command ends with `Error:` and this sentence; a run in Dagster fails with it.",
    ),
    "digitalocean": (
        "Calls that fail",
        "After the call, such as `GET /v2/droplets`; what to do follows after a colon.",
    ),
    "alarm": ("Alarms", "In the message of an alarm, in `cloud_alarms` and in `arcadia doctor`."),
    "doctor": (
        "`arcadia doctor`",
        "✓ is fine, ✗ is a problem, – is not needed or cannot be checked now.",
    ),
    "check": ("Asset checks", "What is true while the check passes. Its result says what is not."),
    "http": ("Answers of the HTTP API", "In `detail`, after the status."),
    "ui": ("The guard of the Dagster UI", "A request that is refused gets this answer."),
    "assistant": ("Answers of `arcadia mcp`", "For the assistant that asked."),
    "usage": ("Wrong options", "A command ends with status 2."),
    "line": ("What commands print", ""),
    "skip": ("Why a schedule or sensor starts nothing", "In the Dagster UI, at its ticks."),
    "log": ("Logs", "In the files of `.arcadia/logs`, besides the log of Dagster."),
    "part": ("Parts of other messages", "They stand inside one of the messages above."),
}
_ADVISED = frozenset({"digitalocean", "alarm", "doctor"})


def messages_page() -> str:
    """Return `docs/messages.md` as it should be."""
    lines = [
        "# Messages",
        "",
        "Made by `python -m arcadia_cloud_pipelines.messages`; change the code, not this page.",
        "It has every message, sorted, to look up what to do. `{word}` stands for what is",
        "filled in, `a | b` for one of two texts.",
    ]
    found = collect()
    for group, (title, where) in _GROUPS.items():
        rows = {_row(message) for message in found if message.group == group}
        advised = group in _ADVISED
        lines += ["", f"## {title}", "", *([where, ""] if where else [])]
        lines += (
            ["| message | what to do |", "| --- | --- |"] if advised else ["| message |", "| --- |"]
        )
        lines += sorted(rows, key=lambda row: row.replace("`", "").replace(" ", "").casefold())
    return "\n".join([*lines, *_commands()]) + "\n"


def _row(message: Message) -> str:
    text = f"{message.subject} {message.text}" if message.group == "http" else message.text
    cells = [text, message.advice] if message.group in _ADVISED else [text]
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(text: str) -> str:
    # As code, so that nothing in it is Markdown; backticks of its own need two around.
    text = " ".join(text.split()).replace("|", "\\|")
    return f"`` {text} ``" if "`" in text else f"`{text}`" if text else ""


def _commands() -> Iterator[str]:
    """Yield the commands with their options, as `--help` shows them."""
    yield from (
        "",
        "## Commands",
        "",
        "| command | what it does | options |",
        "| --- | --- | --- |",
    )
    yield from _of_command("arcadia", arcadia.main)


def _of_command(name: str, command: click.Command) -> Iterator[str]:
    options = "<br>".join(
        f"`{option.opts[0]}` {option.help}"
        for option in command.params
        if isinstance(option, click.Option) and option.help
    )
    first = (command.help or "").split("\n\n")[0]
    cells = (f"`{name}`", first, options)
    yield f"| {' | '.join(' '.join(cell.split()).replace('|', chr(92) + '|') for cell in cells)} |"
    if isinstance(command, click.Group):
        for more, below in sorted(command.commands.items()):
            yield from _of_command(f"{name} {more}", below)


if __name__ == "__main__":
    PATH.write_text(messages_page(), encoding="utf-8")
