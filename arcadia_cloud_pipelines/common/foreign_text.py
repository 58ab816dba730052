r"""Foreign text as data in each language that we write: names, tags and errors of other systems.

Whoever may name a droplet chooses what stands in its name. Each function takes such a text and
returns what shows it in one language without any effect there. Characters that nobody can see, or
that move what stands around them, are shown as escapes: a name with ESC reads `\x1b`.

Where a language has a form without syntax, use that instead: `MetadataValue.table` for tables in
Dagster, bound parameters in SQL, JSON for programs.
"""

from __future__ import annotations

import html
import re
import unicodedata

# Controls, formats (bidirectional overrides, zero width, tags), halves of surrogate pairs, private
# letters, and the two separators that some programs take for a new line.
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Letters by category that are drawn as nothing.
_BLANK_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


def _hidden(letter: str) -> bool:
    return letter in _BLANK_LETTERS or unicodedata.category(letter) in _HIDDEN_CATEGORIES


def _escape(letter: str) -> str:
    short = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(letter)
    if short is not None:
        return short
    number = ord(letter)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def line(text: object) -> str:
    r"""Return the text as one line of terminal, log or metadata: no control character is sent.

    Example: a name with the sequence that clears the screen becomes `web\x1b[2J`.
    """
    shown = str(text)
    if shown.isascii() and shown.isprintable():
        return shown
    return "".join(_escape(letter) if _hidden(letter) else letter for letter in shown)


def lines(text: object) -> str:
    """Return a text of ours that has several lines, such as a message, with only these breaks."""
    return "\n".join(line(one) for one in str(text).split("\n"))


# A text without any syntax of Markdown: no markup, no address, and no start of a list.
_WITHOUT_SYNTAX = re.compile(
    r"(?!.*(?:://|www\.|\b_|_\b|&#?\w+;))(?!\d+[.)])[^\W_][\w ,.;:()'\"%&/+=?-]*", re.IGNORECASE
)


def markdown(text: object) -> str:
    """Return the text for Markdown: as it is where it has no syntax, else as a code span.

    Backslashes would not do: renderers look for addresses after they have taken them away.
    Example: `web-1` stays, and `![](/x)` is shown in code type and loads no picture.
    """
    shown = line(text)
    if not shown.strip(" ") or _WITHOUT_SYNTAX.fullmatch(shown):
        return shown
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    # Markdown takes one blank away on either side when both are there.
    blank = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{blank}{shown}{blank}{fence}"


def json_text(text: str) -> str:
    r"""Return JSON that a terminal may show: the same values, hidden characters as `\u` escapes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_json_escape(letter) if _hidden(letter) else letter for letter in text)


def _json_escape(letter: str) -> str:
    units = letter.encode("utf-16-be", "surrogatepass")
    pairs = (units[at : at + 2] for at in range(0, len(units), 2))
    return "".join(f"\\u{int.from_bytes(pair):04x}" for pair in pairs)


_STARTS_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")


def csv_cell(text: str) -> str:
    """Return the text for a CSV file that a spreadsheet may open: it computes nothing.

    Example: `csv_cell("=1+2")` is `'=1+2`; numbers such as `-5.00` stay numbers.
    """
    shown = lines(text)
    if _STARTS_FORMULA.match(text) and not _NUMBER.fullmatch(text):
        return f"'{shown}"
    return shown


def markup(text: object) -> str:
    """Return the text for HTML or SVG, within an element or a quoted attribute.

    Example: `<script>` becomes `&lt;script&gt;`.
    """
    return html.escape(line(text), quote=True)


def plot(text: object) -> str:
    """Return the text for a label of matplotlib, which typesets what stands between `$`.

    A label that begins with an underscore would be left out of the legend.
    """
    shown = line(text).replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown
