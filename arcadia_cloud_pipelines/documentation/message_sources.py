"""Collects the texts that can reach a person from the source of the package."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from .message_makers import PACKAGE, Message, called, maker
from .message_texts import Names, words_of

_FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef


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


def _assigned(scope: ast.AST) -> dict[str, list[ast.expr]]:
    found: dict[str, list[ast.expr]] = {}
    for node in _own_nodes(scope):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, []).append(node.value)
    return found


def _imported(module: str, tree: ast.Module) -> Names:
    """Return the constants that a module has from other modules of ours."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.level and node.module:
            folder = PACKAGE.joinpath(module).parents[node.level - 1]
            constants = _constants_of(folder.joinpath(*node.module.split(".")).with_suffix(".py"))
            found.update({n.name: constants[n.name] for n in node.names if n.name in constants})
    return found


@cache
def _constants_of(path: Path) -> Names:
    return _assigned(ast.parse(path.read_text(encoding="utf-8"))) if path.is_file() else {}


class _Reader:
    """Reads the messages of one module."""

    def __init__(self, module: str, tree: ast.Module) -> None:
        self._module = module
        self._constants = {**_imported(module, tree), **_assigned(tree)}

    def names(self, scope: ast.AST) -> Names:
        """Return what the names in a function stand for."""
        return {**self._constants, **_assigned(scope)}

    def messages(self, call: ast.Call, names: Names) -> Iterator[Message]:
        """Yield the messages that a call makes."""
        name = called(call)
        if (make := maker(name, self._module)) is not None:
            values = {
                **{str(n): words_of(value, names) for n, value in enumerate(call.args)},
                **{key.arg: words_of(key.value, names) for key in call.keywords if key.arg},
            }
            yield from (m for m in make(self._module, name, values) if _says_something(m.text))


def _says_something(text: str) -> bool:
    words = [word for word in text.split() if not word.startswith("{")]
    return len(words) > 1
