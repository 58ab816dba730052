"""`arcadia demo`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from datetime import timedelta

    from rich.console import Console

    from ..operations.demo import DemoResult, Reporter


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
                console.print(f"      {step.error}", markup=False)

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
            console.print(f"  [cyan]•[/cyan] {escape(text)}")

        def note(self, text: str) -> None:
            console.print(f"note: {text}", markup=False)

    return Printer()


def _show(console: Console, result: DemoResult) -> None:
    from rich.table import Table

    from ..billing.report import shares
    from ..operations.summary import summarize

    summary = summarize(result.warehouse, result.account)

    def table(title: str, *columns: tuple[str, str]) -> Table:
        made = Table(title=title, title_justify="left", title_style="bold", box=None)
        for name, side in columns:
            made.add_column(name, justify="right" if side == "right" else "left")
        return made

    resources = table("Resources", ("kind", "left"), ("live", "right"), ("deleted", "right"))
    for kind, live, deleted in summary.kinds:
        resources.add_row(kind, f"{live:,}", f"{deleted:,}" if deleted else "")
    projects = table("Projects", ("name", "left"), ("environment", "left"), ("resources", "right"))
    for name, environment, members in summary.projects:
        projects.add_row(name, environment or "", f"{members:,}")
    events = table("Events", ("event", "left"), ("count", "right"))
    for event, count in summary.events:
        events.add_row(event, f"{count:,}")
    changes = table("Latest changes", ("what", "left"), ("name", "left"), ("change", "left"))
    for change in summary.changes:
        told = [field for field in change.fields if field != "deleted_at"]
        fields = f": {', '.join(told)}" if told else ""
        changes.add_row(change.kind, change.name, f"{change.event}{fields}")
    for made in (resources, projects, events, changes):
        if made.row_count:
            console.print()
            console.print(made)
    console.print()
    if summary.billing is not None:
        billing = summary.billing
        lines = table(
            "Cost lines",
            ("matched by, or why not", "left"),
            ("lines", "right"),
            ("US dollars", "right"),
        )
        for method in shares(result.warehouse):
            lines.add_row(method.method, f"{method.lines:,}", f"{method.amount:,.2f}")
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
