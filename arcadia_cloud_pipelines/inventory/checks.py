"""Checks of the inventory: is each listing complete, plausible, fresh, and whose is it all?"""

from collections.abc import Iterable, Mapping, Sequence

import dagster as dg

from ..common.foreign_text import markdown
from ..dagster_support.assets import RETRY
from ..dagster_support.errors import reported_errors
from ..dagster_support.metadata import metadata, table, timestamp
from ..dagster_support.runs import account_of_team
from ..digitalocean.clients import Clients
from ..kinds import REGISTRY
from ..settings.teams import TAG
from ..warehouse.engine import Warehouse
from .classify import RULE, Followed, Project
from .freshness import STALE_AFTER, ahead_of_time, newest_complete_syncs
from .ledger import Recorded
from .overlooked import PURPOSE, RECENT, find_overlooked
from .sync_runs import SyncResult

NAMED = 20
"""Most projects that a check names; the others it counts."""


def sync_check_specs(asset: str) -> Sequence[dg.AssetCheckSpec]:
    """The checks that each sync answers by itself, at no cost of a step."""
    return [
        dg.AssetCheckSpec(
            "complete",
            asset=asset,
            description="Every page was read, and there are as many ids as the API counts. After a "
            "listing that is not complete nothing is taken for missing or deleted.",
        ),
        dg.AssetCheckSpec(
            "plausible",
            asset=asset,
            description="No more than half of the live rows are missing at once, and no field "
            "became "
            "empty in all rows at once, as happens when a token loses a scope. It also names "
            "fields that the API began to send for all rows at once.",
        ),
    ]


def sync_check_results(
    asset: str, result: SyncResult, scope: str, unknown: Recorded | None = None
) -> list[dg.AssetCheckResult]:
    """Answer `sync_check_specs` for one sync.

    Args:
        asset: whose checks they are.
        result: of the sync.
        scope: that the listing needs, for messages.
        unknown: what the same sync recorded of kind unknown, for the projects.
    """
    recorded = result.recorded
    if not result.available:
        complete = f"Not available: {markdown(result.error)} It needs the scope {scope}."
    elif result.error is not None:
        complete = markdown(result.error)
    else:
        complete = f"All {result.rows_seen:,} are listed."
    problems = _implausible(result, unknown)
    news = [
        f"The API began to send `{markdown(field)}`: {rows:,} rows have it. This is one row in "
        "cloud_schema_events, and no event of a resource."
        for field, rows in recorded.appeared.items()
    ]
    return [
        dg.AssetCheckResult(
            check_name="complete",
            asset_key=asset,
            passed=result.complete and result.error is None,
            severity=dg.AssetCheckSeverity.WARN,
            description=complete,
            metadata=metadata(rows_seen=result.rows_seen, api_calls=result.api_calls),
        ),
        dg.AssetCheckResult(
            check_name="plausible",
            asset_key=asset,
            passed=not problems,
            severity=dg.AssetCheckSeverity.ERROR,
            description=" ".join([*problems, *news]) or "Nothing implausible.",
            metadata=metadata(
                missing=recorded.missing,
                withheld=dict(recorded.withheld),
                appeared=dict(recorded.appeared),
            ),
        ),
    ]


def _implausible(result: SyncResult, unknown: Recorded | None) -> list[str]:
    """Say what of a sync is hard to believe, and how to confirm it."""
    recorded = result.recorded
    problems = []
    confirm = f"`arcadia inventory confirm-loss {result.kind}`"
    if recorded.implausible:
        problems.append(
            f"{recorded.missing:,} live rows are missing from the listing, too many to be "
            f"plausible, so none was marked as missing. If they are really gone, run {confirm}."
        )
    for field, rows in recorded.withheld.items():
        problems.append(
            f"`{field}` became empty in all {rows:,} rows that had it, as when a token loses a "
            f"scope, so this was not recorded. If it is real, run {confirm}."
        )
    if unknown is not None and unknown.implausible:
        problems.append(
            f"{unknown.missing:,} live rows of kind unknown are missing from the projects, too "
            "many to be plausible. If they are really gone, run `arcadia inventory confirm-loss "
            "unknown`."
        )
    if recorded.foreign:
        problems.append(
            f"{recorded.foreign:,} resources listed here are live rows of another account and were "
            "not changed: look at `arcadia inventory status`. They move to this account when the "
            "other one's listings miss them."
        )
    return problems


CLASSIFIED = dg.AssetCheckSpec(
    "classified",
    asset="projects",
    description="Every live project has a tenant and a purpose, and the rules of "
    "ARCADIA_PROJECT_RULES, if there are any, can be used.",
)


def classified_result(
    projects: Sequence[Project], followed: Followed, *, by_rules: bool
) -> dg.AssetCheckResult:
    """Answer `CLASSIFIED`.

    Args:
        projects: all live ones, after the rules were applied.
        followed: what became of the rules.
        by_rules: whether there are any.
    """
    lacking = {
        project: [field for field in ("tenant_id", "purpose") if getattr(project, field) is None]
        for project in projects
        if project.tenant_id is None or project.purpose is None
    }
    shown = [*lacking.items()][:NAMED]
    resources = sum(project.resources for project in lacking)
    texts = []
    if followed.problem:
        texts.append(
            f"{markdown(followed.problem)} No rule was applied, and every project "
            "stays classified as it was."
        )
    orphaned = sum(RULE in (p.tenant_id_by, p.purpose_by) for p in projects) if not by_rules else 0
    if orphaned:
        texts.append(
            f"{orphaned:,} projects were classified by rules and stay so, but "
            "ARCADIA_PROJECT_RULES is not set, so no rule changes them any more."
        )
    if lacking:
        texts.append(_lacking_text(projects, lacking, by_rules=by_rules))
    waiting = [(p.name, p.provider_id, ", ".join(lacks), f"{p.resources:,}") for p, lacks in shown]
    return dg.AssetCheckResult(
        check_name=CLASSIFIED.name,
        asset_key="projects",
        passed=not texts,
        # Rules that cannot be used take nothing from a tenant that they should no longer let in.
        severity=dg.AssetCheckSeverity.ERROR if followed.problem else dg.AssetCheckSeverity.WARN,
        description=" ".join(texts) or f"All {len(projects):,} live projects are classified.",
        metadata=metadata(
            unclassified=len(lacking),
            resources=resources,
            projects=table(("project", "uuid", "lacks", "live resources"), waiting),
        ),
    )


def _lacking_text(
    projects: Sequence[Project], lacking: Mapping[Project, list[str]], *, by_rules: bool
) -> str:
    """Name the first projects that lack a tenant or a purpose, and say how to set them."""
    shown = [*lacking.items()][:NAMED]
    resources = sum(project.resources for project in lacking)
    more = f" and {len(lacking) - NAMED:,} more" if len(lacking) > NAMED else ""
    if not by_rules and all(p.tenant_id is p.purpose is None for p in projects):
        named = ", ".join(markdown(p.name) for p, _ in shown)
        return (
            f"None of the {len(projects):,} live projects has a tenant or a purpose, with "
            f"{resources:,} live resources in them: {named}{more}. Set them for one with "
            "`arcadia projects classify PROJECT --tenant … --purpose …`, or for many with a "
            "file of rules that ARCADIA_PROJECT_RULES names (docs/operations.md)."
        )
    named = ", ".join(f"{markdown(p.name)} (no {' or '.join(lacks)})" for p, lacks in shown)
    return (
        f"{len(lacking):,} of {len(projects):,} live projects, with {resources:,} live resources "
        f"in them, have no tenant or no purpose: {named}{more}. Set them with `arcadia projects "
        "classify PROJECT --tenant … --purpose …`, or in the rules of ARCADIA_PROJECT_RULES."
    )


_KIND_OF_ASSET = {kind.asset: kind.name for kind in REGISTRY}


@dg.multi_asset_check(
    specs=[
        dg.AssetCheckSpec(
            "fresh",
            asset=asset,
            description=f"The newest complete listing is younger than {STALE_AFTER}.",
        )
        for asset in _KIND_OF_ASSET
    ],
    can_subset=True,
)
def fresh(
    context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
) -> Iterable[dg.AssetCheckResult]:
    """Compare the age of each kind's newest complete listing with what is allowed."""
    team = context.run.tags.get(TAG)
    with reported_errors():
        account = None if team is None else account_of_team(warehouse, team)
        # Of a team whose account nobody knows nothing was listed.
        known = team is None or account is not None
        newest = newest_complete_syncs(warehouse, account) if known else {}
        ahead = {sync.kind: sync for sync in ahead_of_time(warehouse)}
        now = warehouse.now()
    for key in context.selected_asset_check_keys:
        asset = key.asset_key.to_user_string()
        kind = _KIND_OF_ASSET[asset]
        listed_at = newest.get(kind)
        age = None if listed_at is None else now - listed_at
        if kind in ahead:
            description = f"Not known: {ahead[kind]}."
        elif age is None:
            description = "Never listed completely."
        else:
            description = f"Listed completely {int(age.total_seconds() // 60):,} minutes ago."
        yield dg.AssetCheckResult(
            check_name=key.name,
            asset_key=key.asset_key,
            passed=age is not None and age < STALE_AFTER and kind not in ahead,
            severity=dg.AssetCheckSeverity.WARN,
            description=description if team is None else f"Team {team}: {description}",
            metadata={} if listed_at is None else {"listed_at": timestamp(listed_at)},
        )


@dg.asset_check(
    asset="projects",
    description="Everything that projects and tags mention is in a listing, and each kind of "
    f"resource was listed completely in the last {RECENT.days} days. Checked once a week.",
    pool=PURPOSE.value,
    retry_policy=RETRY,
)
def nothing_overlooked(
    warehouse: dg.ResourceParam[Warehouse], clients: dg.ResourceParam[Clients]
) -> dg.AssetCheckResult:
    """Does the account mention what no listing holds?"""
    with reported_errors():
        found = find_overlooked(warehouse, clients.for_purpose)
    texts = []
    if found.findings:
        kinds = ", ".join(dict.fromkeys(markdown(finding.kind) for finding in found.findings))
        texts.append(
            f"Projects or tags mention resources that no recent listing has: {kinds}. "
            "The table says which and why; see docs/operations.md for what to do. The check "
            "`complete` of a kind's asset says if its listing is complete and which scope is "
            "missing."
        )
    else:
        texts.append(f"All {found.members:,} members of projects are stored.")
    if found.skipped:
        texts.append(f"Tags were not compared: {markdown(found.skipped)}")
    elif not found.findings:
        texts.append(f"The counts of {found.tags:,} tags agree with what is stored.")
    return dg.AssetCheckResult(
        passed=not found.findings,
        severity=dg.AssetCheckSeverity.WARN,
        description=" ".join(texts),
        metadata=metadata(
            members=found.members,
            tags=found.tags,
            overlooked=table(
                ("kind", "what is the matter", "mentioned", "recorded", "examples"),
                [
                    (f.kind, f.why, f.mentioned, f.recorded, ", ".join(f.examples))
                    for f in found.findings
                ],
            ),
        ),
    )


CHECKS = [fresh, nothing_overlooked]
