"""`arcadia demo`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .. import foreign_text
from .output import make_table

if TYPE_CHECKING:
    from datetime import timedelta

    from rich.console import Console

    from ..operations.demo import DemoResult, Reporter
    from ..operations.summary import Change


@click.command()
def demo() -> None:
    """Materialise everything against the simulator and show what came of it."""
    from rich.console import Console

    from ..operations.demo import run_demo
    from ..operations.errors import OperationsError

    console = Console(highlight=False, soft_wrap=True)
    result = run_demo(_reporter(console))
    failed = [one for one in result.rounds if not one.ok]
    if failed:
        reasons = [
            *([failed[0].error] if failed[0].error else []),
            *(f"{step.name}: {step.error}" for step in failed[0].steps if step.error),
            *failed[0].failed_checks,
        ]
        raise OperationsError(
            f"The demo failed: {'; '.join(reasons)} (log: {result.home.logs / 'demo.log'})"
        )
    _show(console, result)


def _reporter(console: Console) -> Reporter:
    from rich.markup import escape

    from ..operations.demo import Reporter, Round, Step
    from ..operations.home import Home
    from ..operations.startup import Prepared

    class Printer(Reporter):
        def prepared(self, home: Home, prepared: Prepared, url: str) -> None:
            where = home.path / "postgres"
            console.print(f"PostgreSQL   {where}, schema {prepared.after}", markup=False)
            console.print(f"simulator    {url}", markup=False)

        def begins(self, number: int, lived: timedelta | None) -> None:
            if lived is None:
                console.print("\n[bold]Materialising every asset[/bold]")
            elif number == 2:
                console.print("\n[bold]The account lives on, and again[/bold]")

        def finished(self, number: int, step: Step) -> None:
            if number > 1 and step.error is None:
                return
            mark = "[green]✓[/green]" if step.error is None else "[red]✗[/red]"
            rows = "" if step.rows is None else f"{step.rows:>6,} rows"
            console.print(f"  {mark} {step.name:<24}{rows:<13}{step.seconds:>6.2f} s")
            if step.error is not None:
                for line in foreign_text.lines(step.error).split("\n"):
                    console.print(f"      {line}", markup=False)

        def ended(self, result: Round) -> None:
            if result.number == 1 or not result.ok:
                return
            totals: dict[str, int] = {}
            for step in result.steps:
                for word, count in step.changes.items():
                    totals[word] = totals.get(word, 0) + count
            changes = ", ".join(f"{count} {word}" for word, count in totals.items())
            console.print(
                f"  [green]✓[/green] {len(result.steps)} assets again in {result.seconds:.1f} s: "
                f"{changes or 'no change'}"
            )

        def told(self, text: str) -> None:
            console.print(f"  [cyan]•[/cyan] {escape(foreign_text.line(text))}")

        def note(self, text: str) -> None:
            console.print(f"note: {foreign_text.line(text)}", markup=False)

    return Printer()


def _show(console: Console, result: DemoResult) -> None:
    from ..billing.report import shares
    from ..operations.summary import summarize

    summary = summarize(result.warehouse, result.account)

    resources = make_table(
        ("kind", "live", "deleted"),
        [(kind, f"{live:,}", f"{gone:,}" if gone else "") for kind, live, gone in summary.kinds],
        right=("live", "deleted"),
        title="Resources",
    )
    projects = make_table(
        ("name", "environment", "resources"),
        [(name, environment or "", f"{n:,}") for name, environment, n in summary.projects],
        right=("resources",),
        title="Projects",
    )
    events = make_table(
        ("event", "count"),
        [(event, f"{count:,}") for event, count in summary.events],
        right=("count",),
        title="Events",
    )
    changes = make_table(
        ("what", "name", "change"),
        [(change.kind, change.name, _told(change)) for change in summary.changes],
        title="Latest changes",
    )
    for made in (resources, projects, events, changes):
        if made.row_count:
            console.print()
            console.print(made)
    console.print()
    if summary.billing is not None:
        billing = summary.billing
        lines = make_table(
            ("matched by, or why not", "lines", "US dollars"),
            [(m.method, f"{m.lines:,}", f"{m.amount:,.2f}") for m in shares(result.warehouse)],
            right=("lines", "US dollars"),
            title="Cost lines",
        )
        console.print(lines)
        console.print()
        share = billing.matched / billing.matchable if billing.matchable else 0
        console.print(
            f"Invoices: {billing.ingested} of {billing.invoices} ingested, "
            f"${billing.billed:,.2f} billed in {billing.lines:,} lines; "
            f"${billing.matched:,.2f} matched to resources ({share:.1%} of what bills one)"
        )
    if summary.open_drift is not None:
        console.print(f"Open drift: {summary.open_drift:,}")
    materialised = sum(len(one.steps) for one in result.rounds)
    console.print(
        f"{materialised} materialisations in {len(result.rounds)} runs, {result.seconds:.0f} s."
    )
    console.print(
        "\n[bold]Next[/bold]\n"
        "  make up                    the whole deployment; these runs are in its UI\n"
        "  .venv/bin/arcadia psql     look at the tables (cloud_resources, …)\n"
        "  DO_API_TOKEN=… make up     your own account instead of the simulator"
    )


def _told(change: Change) -> str:
    """An event with the fields that it changed; that of a deletion says itself."""
    fields = [field for field in change.fields if field != "deleted_at"]
    return f"{change.event}: {', '.join(fields)}" if fields else change.event
