"""Settings that nothing else would miss until they are needed: addresses, rules, paths."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from ...alarms.channels import unknown_addresses
from ...alarms.rules import Router
from ...allocation.rules import read_allocation_rules
from ...drift.state_sources import STATES, VARIABLE, configured_sources, unset
from ...drift.terraform_files import find_files
from ...forecast.budgets import read_budgets
from ...inventory.rules import read_project_rules
from ...settings import Settings, environment_file
from ...settings.alarms import NOTIFY_URLS
from ...settings.reviewed_files import ReviewedFileError
from ...tagging.policy import read_policy
from .findings import Finding, neither, well, wrong

_UNTIL_THEN = "correct the file; until then it changes nothing"


def check_configuration(settings: Settings) -> Iterator[Finding]:
    """Can the addresses of alarms, the rules and the Terraform paths be used?"""
    if settings.environment_file is not None:
        names = sorted(environment_file.read(settings.environment_file))
        shown = ", ".join(names) or "sets nothing"
        yield well("environment file", f"{settings.environment_file}: {shown}")
    yield from _check_addresses(settings)
    yield from _check_files(settings)
    yield from _check_states(settings)


def _check_addresses(settings: Settings) -> Iterator[Finding]:
    problems = list(Router(settings).problems)
    problems += [
        f"{name}: this is not an address that apprise knows."
        for name in unknown_addresses(settings)
    ]
    for problem in problems:
        yield wrong(
            "alarms",
            problem,
            "correct this setting; until then its alarms go to the other addresses, or to the log",
        )
    if problems:
        return
    count = sum(map(len, settings.notify.values()))
    if count:
        yield well("alarms", f"go to {count} address{'' if count == 1 else 'es'}")
    else:
        yield neither("alarms", f"go to the log only: {NOTIFY_URLS} is not set")


def _check_files(settings: Settings) -> Iterator[Finding]:
    """Read each file of reviewed data that a setting names."""
    files: list[tuple[str, Path | None, Callable[[Path], int], str]] = [
        (
            "project rules", settings.project_rules,
            lambda at: len(read_project_rules(at)), _UNTIL_THEN,
        ),
        ("budgets", settings.budgets, lambda at: len(read_budgets(at)), _UNTIL_THEN),
        ("tag policy", settings.tag_policy, lambda at: len(read_policy(at).tag), _UNTIL_THEN),
        (
            "allocation rules", settings.allocation_rules,
            lambda at: len(read_allocation_rules(at).rule),
            "correct the file; until then who pays stays as it is",
        ),
    ]  # fmt: skip
    for subject, path, count, advice in files:
        if path is None:
            continue
        try:
            number = count(path)
        except ReviewedFileError as error:
            yield wrong(subject, str(error), advice)
        else:
            yield well(subject, f"{number:,} in {path}")


def _check_states(settings: Settings) -> Iterator[Finding]:
    where = configured_sources(settings)
    if where.is_empty:
        return
    found, missing = find_files(where.paths)
    for _, problem in missing:
        yield wrong("Terraform states", problem, f"correct {STATES}")
    unusable = [problem for _, problem in where.problems]
    unusable += [text for source in where.sources if (text := unset(source)) is not None]
    for reason in unusable:
        yield wrong("Terraform states", reason, f"correct {STATES} or {VARIABLE}")
    if not missing and not unusable:
        elsewhere = f", {len(where.sources):,} elsewhere" if where.sources else ""
        yield well("Terraform states", f"{len(found):,} files{elsewhere}")
