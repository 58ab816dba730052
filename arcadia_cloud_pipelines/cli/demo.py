"""`arcadia demo`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..common import foreign_text
from .output import make_table

if TYPE_CHECKING:
    import dagster as dg
    from rich.console import Console

    from ..operations.demo import DemoResult, Reporter
    from ..operations.summary import WarehouseSummary


@click.command()
def demo() -> None:
    """Materialise everything against the simulator and show what came of it."""
    from rich.console import Console

    from ..operations.demo import run_demo
    from ..operations.errors import OperationsError

    console = Console(highlight=False, soft_wrap=True)
    result = run_demo(_reporter(console), _load)
    failed = [one for one in result.rounds if not one.ok]
    if failed:
        reasons = [
            *([failed[0].error] if failed[0].error else []),
            *(f"{step.name}: {step.error}" for step in failed[0].steps if step.error),
            *failed[0].failed_checks,
        ]
        raise OperationsError(
            f"The demo failed: {'; '.join(reasons)}. See the log {result.home.logs / 'demo.log'}."
        )
    _show(console, result)


def _load() -> dg.Definitions:
    from ..definitions import defs

    return defs


def _reporter(console: Console) -> Reporter:
    from rich.markup import escape

    from ..operations.demo import Reporter
    from ..operations.demo_rounds import Round, Step
    from ..operations.home import Home

    class Printer(Reporter):
        """Progress on one line: the list of all assets, with rows and seconds, is in the log."""

        def __init__(self) -> None:
            self._status = console.status("", spinner="line")
            self._number = 0
            self._done = 0

        def prepared(self, home: Home, url: str) -> None:
            where = home.path / "postgres"
            console.print(f"PostgreSQL {where}, simulator {url}", markup=False)

        def begins(self, number: int) -> None:
            self._number, self._done = number, 0
            self._status.start()

        def finished(self, number: int, step: Step) -> None:
            self._done += 1
            name = escape(step.name)
            self._status.update(f"{_WHAT[number]}: {self._done} assets, {name} is in")
            if step.error is not None:
                console.print(f"  [red]✗[/red] {name}")
                for line in foreign_text.lines(step.error).split("\n"):
                    console.print(f"      {line}", markup=False)
            elif number == 1 and not console.is_terminal:
                console.print(f"✓ {name} ", end="", markup=False)

        def ended(self, result: Round) -> None:
            self._status.stop()
            if self._number == 1 and not console.is_terminal:
                console.print()
            if not result.ok:
                return
            totals: dict[str, int] = {}
            for step in result.steps:
                for word, count in step.changes.items():
                    totals[word] = totals.get(word, 0) + count
            changes = ", ".join(f"{count:,} {word}" for word, count in totals.items())
            console.print(
                f"[green]✓[/green] {_WHAT[result.number]}: {len(result.steps)} assets in "
                f"{result.seconds:.0f} s: {changes or 'no change'}"
            )

        def told(self, text: str) -> None:
            console.print(f"  [cyan]•[/cyan] {escape(foreign_text.line(text))}")

        def note(self, text: str) -> None:
            console.print(f"note: {foreign_text.line(text)}", markup=False)

    return Printer()


MANY = 3
"""Live resources of a kind that has a line of its own in the summary."""

_WHAT = {
    1: "first reading",
    2: "three days later",
    3: "six hours later",
    4: "six hours later",
}


def _show(console: Console, result: DemoResult) -> None:
    from ..kinds.registry import UNKNOWN
    from ..operations.answers import answers
    from ..operations.deployment import UI_PORT
    from ..operations.summary import summarize

    for answer in answers(result.warehouse, result.account):
        console.print(f"\n[bold]{answer.question}[/bold]")
        console.print(f"  {answer.text}", markup=False)
        for detail in answer.details:
            console.print(f"    {detail}", markup=False)
        if answer.mart:
            console.print(f"  [dim]arcadia query {answer.mart}[/dim]")
    summary = summarize(result.warehouse, result.account)
    kinds = [(kind, f"{live:,}", f"{gone:,}" if gone else "") for kind, live, gone in summary.kinds]
    many = [
        row
        for row, (kind, live, _) in zip(kinds, summary.kinds, strict=True)
        if live >= MANY or kind == UNKNOWN
    ]
    resources = make_table(
        ("kind", "live", "deleted"),
        many,
        right=("live", "deleted"),
        title="Resources",
    )
    events = make_table(
        ("event", "count"),
        [(event, f"{count:,}") for event, count in summary.events],
        right=("count",),
        title="Events",
    )
    for made in (resources, events):
        if made.row_count:
            console.print()
            console.print(made)
        if made is resources and len(kinds) > len(many):
            rest = len(kinds) - len(many)
            console.print(f"and {rest} more kinds: arcadia inventory status", markup=False)
    console.print()
    for line in _facts(summary):
        console.print(line, markup=False)
    console.print(
        f"Everything was read {len(result.rounds)} times, in {result.seconds:.0f} s; the log is "
        f"{result.home.logs / 'demo.log'}",
        markup=False,
    )
    console.print(
        "\n[bold]Next[/bold]\n"
        f"  make up                    then open http://127.0.0.1:{UI_PORT}: these runs are there\n"
        "  DO_API_TOKEN=… make up     your own account instead of the simulator"
    )


def _facts(summary: WarehouseSummary) -> list[str]:
    """Return what is counted, one line each."""
    projects = ", ".join(
        f"{foreign_text.line(name)} ({resources:,})" for name, _, resources in summary.projects
    )
    lines = [f"Projects: {projects}"] if projects else []
    if (billing := summary.billing) is not None:
        share = billing.matched / billing.matchable if billing.matchable else 0
        lines.append(
            f"Invoices: {billing.ingested} of {billing.invoices} ingested, "
            f"${billing.billed:,.2f} billed in {billing.lines:,} lines; "
            f"${billing.matched:,.2f} matched to resources ({share:.1%} of what bills one)"
        )
    if summary.open_drift is not None:
        lines.append(f"Open drift: {summary.open_drift:,}: arcadia drift list")
    if summary.open_alarms:
        lines.append(f"Open alarms: {summary.open_alarms:,}: arcadia alarms list")
    return lines
