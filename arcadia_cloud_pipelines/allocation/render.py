"""A statement as CSV, as JSON, and as a page to print.

Names and texts of the account are data in each of them: a spreadsheet computes nothing, and the
page runs and loads nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from decimal import Decimal
from io import StringIO
from typing import IO

import orjson

from ..common.foreign_text import json_text, markup
from ..marts.reading import Rows
from ..marts.writing import write_csv
from .statements import Statement, StatementLine

_BARS = 8
_NOBODY = "Nobody (unallocated)"

_STYLE = """
body { font: 14px/1.4 system-ui, sans-serif; color: #1b1f24; max-width: 60rem; margin: 2rem auto; }
h1 { font-size: 1.4rem; margin: 0; } p { margin: .3rem 0; }
table { border-collapse: collapse; width: 100%; margin-top: 1rem; }
th, td { text-align: left; padding: .2rem .5rem; border-bottom: 1px solid #d8dee4; }
td.money, th.money { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tfoot td { font-weight: bold; } .note { color: #57606a; } td { overflow-wrap: anywhere; }
@media print { body { margin: 0; font-size: 11px; } tr { break-inside: avoid; } }
"""


def write_statement(
    statement: Statement, lines: Sequence[StatementLine], format_: str, to: IO[str]
) -> None:
    """Write a statement in one of the `FORMATS`."""
    FORMATS[format_](statement, lines, to)


def _write_csv(statement: Statement, lines: Sequence[StatementLine], to: IO[str]) -> None:
    names = [field.name for field in fields(StatementLine)]
    head = [statement.id, statement.account, statement.tenant_id]
    rows = [[*head, *(getattr(line, name) for name in names)] for line in lines]
    columns = ["statement_id", "account", "tenant_id", *names]
    write_csv(Rows(columns, (), iter([rows])), to)


def _write_json(statement: Statement, lines: Sequence[StatementLine], to: IO[str]) -> None:
    content = {"statement": asdict(statement), "lines": [asdict(line) for line in lines]}
    text = orjson.dumps(content, default=str, option=orjson.OPT_INDENT_2).decode()
    # Hidden letters as escapes; the breaks between the lines are ours.
    to.write("\n".join(map(json_text, text.split("\n"))) + "\n")


def _write_html(statement: Statement, lines: Sequence[StatementLine], to: IO[str]) -> None:
    to.write(statement_page(statement, lines))


FORMATS: Mapping[str, Callable[[Statement, Sequence[StatementLine], IO[str]], None]] = {
    "csv": _write_csv,
    "json": _write_json,
    "html": _write_html,
}


def statement_text(statement: Statement, lines: Sequence[StatementLine], format_: str) -> str:
    """Return a statement in one of the `FORMATS`."""
    text = StringIO()
    write_statement(statement, lines, format_, text)
    return text.getvalue()


def statement_page(statement: Statement, lines: Sequence[StatementLine]) -> str:
    """Return the statement as one HTML file that needs no other, with a picture of its projects."""
    who = _NOBODY if statement.tenant_id is None else statement.tenant_id
    title = f"Statement {statement.id}: {who}, {statement.period:%Y-%m}"
    own = [line for line in lines if not line.is_correction]
    corrections = [line for line in lines if line.is_correction]
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        # Whatever a name holds, the page runs no script and asks nobody for anything.
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>{markup(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{markup(who)}</h1>",
        f"<p>Statement {statement.id} for {statement.period:%B %Y}, US dollars. "
        f"Closed {statement.closed_at:%Y-%m-%d %H:%M} UTC by {markup(statement.closed_by)}. "
        f"DigitalOcean account {markup(statement.account)}.</p>",
    ]
    if not statement.is_whole:
        parts.append(
            "<p><strong>Closed before the month was whole</strong>: "
            f"{markup(statement.forced_because or '')}</p>"
        )
    parts += [
        f"<p>{_money(statement.amount)} for the month, {_money(statement.corrections)} of "
        f"corrections to earlier statements: <strong>{_money(statement.total)}</strong></p>",
        _picture(_by_project(lines)),
        _table("Lines", own, statement.amount),
    ]
    if corrections:
        parts.append(_table("Corrections", corrections, statement.corrections))
    parts.append(
        f'<p class="note">Rules {markup(statement.rules_digest[:16])}. A closed statement never '
        "changes; what changes later is a correction on the next one.</p></body></html>\n"
    )
    return "\n".join(parts)


def _money(amount: Decimal) -> str:
    return f"{amount:,f}"


def _by_project(lines: Iterable[StatementLine]) -> list[tuple[str, Decimal]]:
    """Return the dearest projects, and the rest as one."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        sums[line.project_name or "no project"] += line.amount
    ranked = sorted(sums.items(), key=lambda item: (-item[1], item[0]))
    rest = ranked[_BARS:]
    return ranked[:_BARS] + (
        [(f"{len(rest)} others", sum((a for _, a in rest), Decimal(0)))] if rest else []
    )


def _picture(bars: Sequence[tuple[str, Decimal]]) -> str:
    """Return bars as SVG, credits to the left of the line and costs to its right."""
    if not bars:
        return ""
    largest = max(abs(amount) for _, amount in bars) or Decimal(1)
    below = min((amount for _, amount in bars), default=Decimal(0))
    zero = 220 + (round(120 * -below / largest) if below < 0 else 0)
    width, step = 860, 24
    rows = []
    for place, (name, amount) in enumerate(bars):
        y = place * step
        long = round((width - zero - 110) * abs(amount) / largest)
        long = min(long, zero - 220) if amount < 0 else long
        left, colour = (zero - long, "#8250df") if amount < 0 else (zero, "#0969da")
        shown = name if len(name) <= 30 else f"{name[:29]}…"
        rows.append(
            f'<text x="212" y="{y + 16}" text-anchor="end">{markup(shown)}</text>'
            f'<rect x="{left}" y="{y + 4}" width="{max(long, 1)}" height="16" fill="{colour}"/>'
            f'<text x="{left + long + 6}" y="{y + 16}">{_money(amount)}</text>'
        )
    return (
        f'<svg role="img" aria-label="US dollars by project" width="100%" '
        f'viewBox="0 0 {width} {len(bars) * step + 8}" font-size="12" '
        f'font-family="system-ui, sans-serif" xmlns="http://www.w3.org/2000/svg">'
        f"<title>US dollars by project</title>{''.join(rows)}</svg>"
    )


def _table(title: str, lines: Sequence[StatementLine], total: Decimal) -> str:
    corrections = title == "Corrections"
    head = ("Project", "What", "Rule", *(("Month", "Corrects") if corrections else ()))
    rows = []
    for line in lines:
        what = " · ".join(text for text in (line.product, line.description or line.name) if text)
        why = line.rule if line.reason is None else f"{line.rule}: {line.reason}"
        reference = line.corrects_statement_id
        cells = [
            line.project_name or "", what or line.charge, why,
            *((f"{line.period:%Y-%m}", "" if reference is None else f"statement {reference}")
              if corrections else ()),
        ]  # fmt: skip
        rows.append(
            f"<tr>{''.join(f'<td>{markup(cell)}</td>' for cell in cells)}"
            f'<td class="money">{_money(line.amount)}</td></tr>'
        )
    return (
        f"<table><caption>{title}</caption><thead><tr>"
        f"{''.join(f'<th>{name}</th>' for name in head)}"
        f'<th class="money">US dollars</th></tr></thead><tbody>{"".join(rows)}</tbody>'
        f'<tfoot><tr><td colspan="{len(head)}">Total</td>'
        f'<td class="money">{_money(total)}</td></tr></tfoot></table>'
    )
