"""One asset for each entry of the registry, and one for the projects."""

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import Any

import dagster as dg
import sqlalchemy as sa

from ..common import foreign_text
from ..common.late import HOURLY_SOON
from ..dagster_support.assets import OWNERS, RESOURCES_ASSET, RETRY, view_asset
from ..dagster_support.errors import reported_errors, unless_out, unless_told
from ..dagster_support.metadata import metadata, table, table_metadata
from ..digitalocean import Account
from ..digitalocean.clients import Clients, ask_each_token
from ..kinds import KIND_BY_NAME, KINDS, PROJECT, SPACES_BUCKET, Kind
from ..settings import Purpose
from ..warehouse.engine import Warehouse
from . import checks
from .actions import sync_actions
from .buckets import sync_buckets
from .classify import Followed, follow_rules, list_projects
from .freshness import STALE_AFTER
from .listings import Listings
from .projects import ProjectsResult, sync_projects
from .sync import Fetched, NotFetched, record_fetched
from .sync_runs import SyncResult
from .tables import cloud_actions, cloud_projects, cloud_resources

GROUP = "inventory"
ACCOUNT = "account"


def _listings(context: dg.InitResourceContext) -> Iterator[Listings]:
    listings = Listings(context.resources.clients, now=context.resources.warehouse.now)
    try:
        yield listings
    finally:
        listings.close()


LISTINGS = {
    "listings": dg.ResourceDefinition(
        dg.resource(_listings).resource_fn,
        required_resource_keys={"clients", "warehouse"},
        description="The listings of one run, fetched beside each other",
    )
}

FRESHNESS = dg.FreshnessPolicy.time_window(fail_window=STALE_AFTER, warn_window=HOURLY_SOON)


_PROJECTS = """Projects, and which resource is in which.

Mirrors `GET /v2/projects` into `cloud_projects` and each project's resources into
`cloud_project_memberships` and `cloud_resources.project_id`; makes sure that the project
`DO_PROJECT_NAME` exists. What a project holds and no kind claims becomes a resource of kind
`unknown`. Needs the token scope `project:read`.

Then the rules of `ARCADIA_PROJECT_RULES`, where that is set, say whose the projects are and
what they are for, except where a person did.
"""

Sync = Callable[[dg.AssetExecutionContext, Warehouse, Listings, Kind], SyncResult]
"""Lists and records one kind."""


def _from_api(
    context: dg.AssetExecutionContext, warehouse: Warehouse, listings: Listings, kind: Kind
) -> SyncResult:
    record = _recorder(context, warehouse)
    listings.begin(_kinds_of_process(context), record)
    result: SyncResult = listings.take(kind, context.log.info, record)
    return result


def _recorder(
    context: dg.AssetExecutionContext, warehouse: Warehouse
) -> Callable[[Fetched | NotFetched], SyncResult]:
    """Return what records a listing as soon as it is there, whoever's turn it is."""
    warehouse.check_migrated()
    return partial(record_fetched, warehouse, run_id=context.run.run_id, now=warehouse.now)


def _from_spaces(
    context: dg.AssetExecutionContext, warehouse: Warehouse, listings: Listings, kind: Kind
) -> SyncResult:
    clients = listings.clients
    return sync_buckets(
        warehouse,
        clients.for_purpose(kind.purpose),
        clients.settings.spaces,
        run_id=context.run.run_id,
        progress=context.log.info,
    )


def build_asset(kind: Kind, sync: Sync = _from_api, priority: int = 0) -> dg.AssetsDefinition:
    """The asset that mirrors one kind.

    Args:
        kind: its entry in the registry.
        sync: what lists and records it.
        priority: among the steps of a run that could begin; the higher goes first.
    """

    @_synced(
        kind.asset,
        description=_description(kind),
        table=cloud_resources,
        read_with=f"SELECT * FROM marts.resources WHERE kind = '{kind.name}'",  # noqa: S608 - shown
        tags={"kind": kind.name},
        pool=kind.purpose.value,
        op_tags={"dagster/priority": str(priority)},
        check_specs=checks.sync_check_specs(kind.asset),
    )
    def kind_asset(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        listings: dg.ResourceParam[Listings],
    ) -> Iterator[dg.MaterializeResult]:
        result = unless_told(lambda: sync(context, warehouse, listings, kind))
        if result is None:
            return
        yield dg.MaterializeResult(
            metadata=_sync_metadata(result) | _preview(result),
            check_results=checks.sync_check_results(kind.asset, result, kind.scope),
        )

    return kind_asset


def _description(kind: Kind) -> str:
    paths = ", ".join(f"`GET {path}`" for path in dict.fromkeys(e.path for e in kind.endpoints))
    return (
        f"{kind.description}\n\nMirrors {paths} into the rows of kind `{kind.name}` in "
        "`cloud_resources`; every change becomes a row in `cloud_resource_events`. Needs the scope "
        f"`{kind.scope}`."
        + "".join(
            f" With `{KIND_BY_NAME[more.kind].scope}` the listing of `{more.kind}` adds "
            f"`{more.field}`."
            for more in kind.supplements
        )
    )


def _synced(
    name: str,
    *,
    description: str,
    table: sa.Table,
    read_with: str,
    tags: Mapping[str, str] | None = None,
    **options: Any,
) -> Callable[[Callable[..., Iterator[dg.MaterializeResult]]], dg.AssetsDefinition]:
    """Return what makes an asset that mirrors a listing of the API into a table.

    Not `dg.asset`: one that is skipped, as the whole account is out of reach, yields nothing.

    Args:
        name: of the asset and its step.
        description: for people.
        table: that it writes.
        read_with: a query that shows what it wrote.
        tags: of the asset.
        options: of the step.
    """
    spec = dg.AssetSpec(
        name, deps=[ACCOUNT], description=description, group_name=GROUP, owners=OWNERS,
        kinds={"digitalocean", "postgres"}, tags=tags or {},
        metadata=table_metadata(table) | {"read_with": read_with},
        freshness_policy=FRESHNESS,
    )  # fmt: skip
    return dg.multi_asset(name=name, specs=[spec], can_subset=True, retry_policy=RETRY, **options)


def _preview(result: SyncResult) -> dict[str, Any]:
    """Return the first objects of a listing as a table, or nothing where there are none."""
    columns = ("id", "name", "region", "status", "size", "tags")
    rows = (
        (one.provider_id, one.name, one.region, one.status, one.size_slug, " ".join(one.tags))
        for one in result.sample
    )
    return metadata(preview=table(columns, rows))


def _kinds_of_run(context: dg.AssetExecutionContext) -> list[Kind]:
    """The kinds that this run materialises."""
    return _kinds_of(
        context.run.step_keys_to_execute or [node.name for node in context.job_def.nodes]
    )


def _kinds_of_process(context: dg.AssetExecutionContext) -> list[Kind]:
    """The kinds that this process materialises: all of the run, unless each step has its own."""
    return _kinds_of(context.get_step_execution_context().execution_plan.step_keys_to_execute)


def _kinds_of(steps: Collection[str]) -> list[Kind]:
    return [kind for kind in KINDS if kind.asset in steps]


def _sync_metadata(result: SyncResult) -> dict[str, Any]:
    """Return what an asset's page shows of a sync; counts of nothing are left out."""
    recorded = result.recorded
    return metadata(
        {"dagster/row_count": recorded.live},
        discovered=recorded.discovered,
        updated=recorded.updated,
        restored=recorded.restored,
        struck=recorded.struck,
        deleted=recorded.deleted,
        problem=foreign_text.line(result.error) if result.error else None,
        complete=result.complete,
        listed_at=result.started_at,
        api_calls=result.api_calls,
        seconds=round((result.ended_at - result.started_at).total_seconds(), 3),
    )


@dg.asset(
    name=ACCOUNT,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"digitalocean"},
    pool=PROJECT.purpose.value,
    freshness_policy=FRESHNESS,
)
def account_asset(
    context: dg.AssetExecutionContext,
    warehouse: dg.ResourceParam[Warehouse],
    clients: dg.ResourceParam[Clients],
) -> dg.MaterializeResult:
    """The account that the tokens see.

    Asked before anything else, `GET /v2/account`: where nothing is answered (no route, a revoked
    token, a proxy), this one step fails within a minute, and the kinds are skipped. Where several
    tokens are set, one that is answered is enough.
    """
    purposes = dict.fromkeys([PROJECT.purpose, *(kind.purpose for kind in _kinds_of_run(context))])
    with reported_errors():
        warehouse.check_migrated()
        answers = ask_each_token(clients, purposes)
    for purpose, answer in answers.items():
        if isinstance(answer, Exception):
            context.log.warning(foreign_text.line(f"{purpose.value}: {answer}"))
    seen = {answer.uuid for answer in answers.values() if isinstance(answer, Account)}
    return dg.MaterializeResult(
        # Else each hourly look at it would mark all that asks the account as unsynced.
        data_version=dg.DataVersion(" ".join(sorted(seen))),
        metadata={
            "accounts": table(
                ("token of", "account"),
                [
                    (purpose.value, answer.uuid if isinstance(answer, Account) else answer)
                    for purpose, answer in answers.items()
                ],
            )
        },
    )


@_synced(
    "projects",
    description=_PROJECTS,
    table=cloud_projects,
    read_with="SELECT * FROM cloud_projects WHERE deleted_at IS NULL",
    pool=PROJECT.purpose.value,
    check_specs=[*checks.sync_check_specs("projects"), checks.CLASSIFIED],
)
def projects(
    context: dg.AssetExecutionContext,
    warehouse: dg.ResourceParam[Warehouse],
    clients: dg.ResourceParam[Clients],
    listings: dg.ResourceParam[Listings],
) -> Iterator[dg.MaterializeResult]:
    """Mirror the projects, then have the rules classify them."""

    def sync() -> tuple[ProjectsResult, Followed, dg.AssetCheckResult]:
        # Their turn comes later; the API can be asked meanwhile.
        listings.begin(_kinds_of_process(context), _recorder(context, warehouse))
        result = sync_projects(
            warehouse,
            clients.for_purpose(PROJECT.purpose),
            project_name=clients.settings.project_name,
            run_id=context.run.run_id,
            progress=context.log.info,
        )
        rules = clients.settings.project_rules
        followed = follow_rules(warehouse, rules)
        listed = list_projects(warehouse)
        by_rules = rules is not None
        return result, followed, checks.classified_result(listed, followed, by_rules=by_rules)

    done = unless_told(sync)
    if done is None:
        return
    result, followed, classified = done
    for change in followed.changes:
        context.log.info(
            foreign_text.line(
                f"{change.field} of {change.project} ({change.provider_id}) by the rules: "
                f"{change.before or 'none'} -> {change.after or 'none'}"
            )
        )
    if result.bootstrap is not None and result.bootstrap.warning is not None:
        context.log.warning(foreign_text.line(result.bootstrap.warning))
    yield dg.MaterializeResult(
        metadata=_sync_metadata(result.sync)
        | _projects_metadata(result)
        | metadata(classified_by_rules=len(followed.changes)),
        check_results=[
            *checks.sync_check_results("projects", result.sync, PROJECT.scope, result.unknown),
            classified,
        ],
    )


def _projects_metadata(result: ProjectsResult) -> dict[str, Any]:
    return metadata(
        {"dagster/row_count": len(result.names)},
        members=result.members,
        attributed=result.attributed,
        unknown_members=result.unknown.live,
        bootstrap=result.bootstrap.outcome if result.bootstrap else "not available",
        preview=table(("project", "environment", "members"), result.names[:20]),
    )


_SYNCED: list[dg.AssetsDefinition] = [
    projects,
    *(build_asset(kind) for kind in KINDS),
    # Without keys it reads what projects, cdn_endpoints and spaces_keys wrote, so it goes last. Not
    # by `deps`: where one of them fails, Dagster would not run it, and no kind stops another.
    build_asset(SPACES_BUCKET, _from_spaces, priority=-1),
]

_RESOURCES = view_asset(
    RESOURCES_ASSET,
    table_metadata(cloud_resources),
    group_name=GROUP,
    kinds={"postgres"},
    deps=_SYNCED,
    description=(
        "Every resource of every kind, live and deleted: the table that cost, drift and everybody "
        "else read. Each kind's asset writes its own rows of it."
    ),
)


@dg.asset(
    deps=[ACCOUNT],
    group_name=GROUP,
    owners=OWNERS,
    kinds={"digitalocean", "postgres"},
    metadata=table_metadata(cloud_actions),
    pool=Purpose.CLOUD_SYNC_SLOW.value,
    retry_policy=RETRY,
    freshness_policy=FRESHNESS,
    output_required=False,
)
def actions(
    warehouse: dg.ResourceParam[Warehouse], clients: dg.ResourceParam[Clients]
) -> Iterator[dg.MaterializeResult]:
    """Mirror what is new in the account's log of actions, which says what caused a change.

    Reads `GET /v2/actions` into `cloud_actions`. Who acted is not in it. Needs `actions:read`; a
    token without it is told, and nothing else fails for it.
    """
    slow = Purpose.CLOUD_SYNC_SLOW
    read = unless_out(clients, slow, lambda client: sync_actions(warehouse, client))
    if read is not None:
        said = vars(read) | {"available": None if read.available else False}
        yield dg.MaterializeResult(metadata=metadata(said))


ASSETS: list[dg.AssetsDefinition | dg.AssetSpec] = [account_asset, *_SYNCED, _RESOURCES, actions]
