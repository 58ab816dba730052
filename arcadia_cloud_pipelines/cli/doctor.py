"""`arcadia doctor`."""

from __future__ import annotations

import click

from .output import echo

_MARKS = {"well": ("✓", "green"), "wrong": ("✗", "red"), "neither": ("–", None)}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Findings as a JSON list.")
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Check everything; exit 0 when all is well, 1 when something is not."""
    import dataclasses
    import json

    from ..operations.doctor import Verdict, examine
    from ..operations.doctor.freshness import NOTHING_YET
    from ..settings import load_settings

    findings = []
    for finding in examine(load_settings()):
        findings.append(finding)
        if as_json:
            continue
        mark, colour = _MARKS[finding.state]
        echo(f"{finding.subject}: {finding.text}", mark=f"{click.style(mark, fg=colour)} ")
        if finding.remedy is not None:
            echo(f"    → {finding.remedy}")
    wrong = [finding for finding in findings if finding.state is Verdict.WRONG]
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=2))
    else:
        echo()
        empty = any(finding.text == NOTHING_YET for finding in findings)
        well = "Nothing is wrong, but nothing was listed yet." if empty else "All is well."
        echo(f"{len(wrong)} problem(s)." if wrong else well)
    ctx.exit(1 if wrong else 0)
