"""Settings that nothing else would miss until they are needed: addresses, rules, paths."""

from __future__ import annotations

from collections.abc import Iterator

from ... import environment_file
from ...alarms.channels import unknown_addresses
from ...alarms.rules import Router
from ...allocation.rules import AllocationRulesError
from ...allocation.rules import read_rules as read_allocation_rules
from ...drift.state_sources import STATES, VARIABLE, configured_sources, unset
from ...drift.terraform_files import find_files
from ...forecast.budgets import BudgetsError, read_budgets
from ...inventory.rules import ProjectRulesError, read_rules
from ...settings import NOTIFY_URLS, Settings
from ...tagging.policy import TagPolicyError, read_policy
from .findings import Finding, neither, well, wrong


def check_configuration(settings: Settings) -> Iterator[Finding]:
    """Can the addresses of alarms, the rules and the Terraform paths be used?"""
    if settings.environment_file is not None:
        names = sorted(environment_file.read(settings.environment_file))
        shown = ", ".join(names) or "sets nothing"
        yield well("environment file", f"{settings.environment_file}: {shown}")
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
    if not problems:
        count = sum(map(len, settings.notify.values()))
        yield (
            well("alarms", f"go to {count} address{'' if count == 1 else 'es'}")
            if count
            else neither("alarms", f"go to the log only: {NOTIFY_URLS} is not set")
        )
    if settings.project_rules is not None:
        try:
            rules = read_rules(settings.project_rules)
        except ProjectRulesError as error:
            yield wrong(
                "project rules", str(error), "correct the file; until then it changes nothing"
            )
        else:
            yield well("project rules", f"{len(rules):,} in {settings.project_rules}")
    if settings.budgets is not None:
        try:
            budgets = read_budgets(settings.budgets)
        except BudgetsError as error:
            yield wrong("budgets", str(error), "correct the file; until then it changes nothing")
        else:
            yield well("budgets", f"{len(budgets):,} in {settings.budgets}")
    if settings.tag_policy is not None:
        try:
            policy = read_policy(settings.tag_policy)
        except TagPolicyError as error:
            yield wrong("tag policy", str(error), "correct the file; it changes nothing until then")
        else:
            yield well("tag policy", f"{len(policy.tag):,} in {settings.tag_policy}")
    if settings.allocation_rules is not None:
        try:
            file = read_allocation_rules(settings.allocation_rules)
        except AllocationRulesError as error:
            advice = "correct the file; until then who pays stays as it is"
            yield wrong("allocation rules", str(error), advice)
        else:
            yield well("allocation rules", f"{len(file.rule):,} in {settings.allocation_rules}")
    where = configured_sources(settings)
    if not where.is_empty:
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
