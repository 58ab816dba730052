"""Files of data that are reviewed like code: how they are read, and how a wrong one is told.

A file consists of tables of one name, such as `[[rule]]`, whose model is pydantic's, strict and
without further keys. A message names the file, the table by its number, and the key.
"""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ValidationError

from ..common.foreign_text import line
from ..common.redaction import holds_secret, masked

M = TypeVar("M", bound=BaseModel)
LARGEST = 1_000_000
_TOML_WORDS = {
    "tuple_type": "must be a list",
    "string_type": "must be a text",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "missing": "is missing",
}


class ReviewedFileError(Exception):
    """A file of reviewed data cannot be used, and changes nothing; the text says where and why."""


def _plain(text: str) -> str:
    # Such a value would look like another: texts of files are compared letter by letter.
    if not text or text != text.strip() or not text.isprintable() or len(text) > 255:
        raise ValueError("must be a text of 1 to 255 letters, without blanks around it")
    return text


def _distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    if not values:
        raise ValueError("must name at least one")
    if len(set(values)) < len(values):
        raise ValueError("names one of them twice")
    return values


def _exact(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("must be a number")
    return Decimal(value)


Text = Annotated[str, AfterValidator(_plain)]
EXACT = BeforeValidator(_exact)
"""Of a Decimal: a number of TOML, whole or not, and no text."""
ONE_OR_MORE = (
    BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
    AfterValidator(_distinct),
)
"""Of a tuple: one text may stand for a list of it; none, and the same twice, is refused."""


def read_text(path: Path, variable: str) -> str:
    """Read a file.

    Args:
        path: of the file.
        variable: that named it, for messages.

    Raises:
        ReviewedFileError: it is not a file, cannot be read, is too long, or is not UTF-8.
    """
    try:
        raw = path.read_bytes() if path.is_file() else None
    except OSError as error:
        raise ReviewedFileError(
            f"{path} cannot be read ({error.strerror or error}): make it readable for this user."
        ) from None
    if raw is None:
        raise ReviewedFileError(f"{path} is not a file: set {variable} to the path of one.")
    if len(raw) > LARGEST:
        raise ReviewedFileError(f"{path} is longer than {LARGEST:,} bytes: shorten it.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ReviewedFileError(f"{path} is not UTF-8 text: save it as UTF-8.") from None


def read_tables(text: str, source: str, table: str) -> dict[str, Any]:
    """Read TOML that has tables of one name.

    Args:
        text: of the file.
        source: what messages call it.
        table: name of the tables.

    Returns:
        The whole document; the tables are a list in it.

    Raises:
        ReviewedFileError: it is not TOML, or has no such tables.
    """
    try:
        # Numbers may be money: 0.1 is a tenth and not the float next to it.
        document = tomllib.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise ReviewedFileError(f"{source} is not valid TOML: {error}. Correct the file.") from None
    if not isinstance(document.get(table), list):
        # Nothing at all is refused, too: a file cut short would take everything away.
        raise ReviewedFileError(
            f"{source} has no [[{table}]] table: write at least one, or `{table} = []` for none."
        )
    return document


def parse(text: str, source: str, *, file: type[M], entry: type[BaseModel], table: str) -> M:
    """Read TOML into a model.

    Args:
        text: of the file.
        source: what messages call it.
        file: model of the whole.
        entry: model of one table.
        table: their name.

    Raises:
        ReviewedFileError: it is not TOML, has no such tables, or a key or value does not fit.
    """
    document = read_tables(text, source, table)
    try:
        # Strict of types; lists of TOML are tuples here.
        return file.model_validate(tuples(document))
    except ValidationError as error:
        told = _first_problem(error, document, file, entry, table)
        raise ReviewedFileError(f"{source}{told}") from None


def keys(model: type[BaseModel]) -> list[str]:
    """Return the keys of a table as the file spells them."""
    return [field.alias or name for name, field in model.model_fields.items()]


def tuples(value: Any) -> Any:
    """Return a value of TOML or JSON with tuples in place of lists."""
    if isinstance(value, list):
        return tuple(map(tuples, value))
    if isinstance(value, dict):
        return {key: tuples(one) for key, one in value.items()}
    return value


def _first_problem(
    error: ValidationError, document: dict[str, Any], file: type[BaseModel],
    entry: type[BaseModel], table: str,
) -> str:  # fmt: skip
    problem = error.errors(include_input=False, include_url=False, include_context=False)[0]
    # A key that nobody knows may be anything, a credential too.
    where = [line(masked(str(part)))[:200] for part in problem["loc"] if part != "[key]"]
    text = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
    text = _TOML_WORDS.get(problem["type"], text)
    if problem["type"] == "extra_forbidden":
        known = keys(file) if len(where) == 1 else keys(entry)
        text = f"is not a key; known are {', '.join(known)}"
    if where[:1] == [table] and len(where) > 1 and where[1].isdigit():
        number = int(where[1])
        found = document[table][number]
        name = found.get("name", found.get("key")) if isinstance(found, dict) else None
        shown = isinstance(name, str) and name.isprintable() and not holds_secret(name)
        called = f" ({name[:64]})" if shown and isinstance(name, str) else ""
        where[:2] = [f"{table} {number + 1}{called}"]
    return f", {', '.join(where)}: {text[:1].lower()}{text[1:]}."
