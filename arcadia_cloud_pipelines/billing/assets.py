"""The assets of billing: the balance, the invoices, their lines, and the month still open."""

from decimal import Decimal
from typing import Any

import dagster as dg
from pydantic import Field

from .. import foreign_text
from ..dagster_support import (
    DAILY,
    HOURLY,
    OWNERS,
    RESOURCES_ASSET,
    RETRY,
    PlainFailure,
    reported_errors,
    table,
    table_metadata,
)
from ..digitalocean.clients import Clients
from ..late import HOURLY_SOON
from ..plots import line_plot, stacked_months
from ..settings import Purpose
from ..warehouse.engine import Warehouse
from . import checks, report
from .account_facts import sync_account_facts
from .balance import accrual_of_month, snapshot_balance
from .ingest import Ingested, InvoiceNotKnown, ingest_invoices, rematch
from .insights import sync_daily_costs
from .invoices import sync_invoices
from .kept import keep_months
from .kept_tables import cloud_month_costs
from .open_month import refresh_open_month
from .prepayment import sync_prepayment
from .rates import sync_rates
from .tables import (
    cloud_account_facts,
    cloud_balance_snapshots,
    cloud_cost_lines,
    cloud_daily_costs,
    cloud_invoices,
    cloud_open_month_lines,
    cloud_prepayments,
    cloud_rates,
)

GROUP = "billing"
POOL = Purpose.CLOUD_BILLING.value
KINDS = {"digitalocean", "postgres"}

MONTHS_SHOWN = 36

INVOICE_FILES = dg.AssetKey("invoice_files")
PARTITIONS = dg.DynamicPartitionsDefinition(name="invoice")

invoice_files = dg.AssetSpec(
    INVOICE_FILES,
    group_name=GROUP,
    partitions_def=PARTITIONS,
    kinds={"digitalocean", "csv"},
    owners=OWNERS,
    description=(
        "Every invoice that DigitalOcean has for the account, one partition each, named by period "
        "and number. A partition is materialised when `cost_lines` has its lines; the truth about "
        "each is `cloud_invoices.ingest_status`."
    ),
)


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds=KINDS,
    metadata=table_metadata(cloud_balance_snapshots),
    pool=POOL,
    retry_policy=RETRY,
    freshness_policy=dg.FreshnessPolicy.time_window(
        fail_window=checks.BALANCE_STALE_AFTER, warn_window=HOURLY_SOON
    ),
)
def balance_snapshots(
    context: dg.AssetExecutionContext,
    warehouse: dg.ResourceParam[Warehouse],
    clients: dg.ResourceParam[Clients],
) -> dg.MaterializeResult:
    """The balance, one snapshot a poll.

    Mirrors `GET /v2/customers/my/balance`. DigitalOcean computes it now and then: a snapshot with
    the `generated_at` of the one before is marked `is_repeat`. Needs the token scope
    `billing:read`.
    """
    with reported_errors():
        client = clients.for_purpose(Purpose.CLOUD_BILLING)
        balance = snapshot_balance(warehouse, client)
        accrual = accrual_of_month(warehouse, client.account().uuid, balance.generated_at)
    context.log.info(f"${balance.month_to_date_usage:,} used since the first of the month")
    return dg.MaterializeResult(
        metadata={
            "month_to_date_usage": _dollars(balance.month_to_date_usage),
            "account_balance": _dollars(balance.account_balance),
            "month_to_date_balance": _dollars(balance.month_to_date_balance),
            "generated_at": dg.MetadataValue.timestamp(balance.generated_at),
            "is_repeat": balance.is_repeat,
            # A number too, so that Dagster charts it over runs.
            "month_to_date_usage_usd": float(balance.month_to_date_usage),
            "accrual": dg.MetadataValue.md(line_plot("Usage this month, US dollars", accrual)),
        }
    )


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds=KINDS,
    metadata=table_metadata(cloud_invoices),
    pool=POOL,
    retry_policy=RETRY,
    freshness_policy=DAILY,
)
def invoices(
    context: dg.AssetExecutionContext,
    warehouse: dg.ResourceParam[Warehouse],
    clients: dg.ResourceParam[Clients],
) -> dg.MaterializeResult:
    """Invoice headers and the billing history.

    Mirrors `GET /v2/customers/my/invoices` with each invoice's summary into `cloud_invoices`, and
    `GET /v2/customers/my/billing_history` into `cloud_billing_entries`: payments, credits and
    refunds too. An invoice whose amount changed after its lines were read is pending again. Of the
    summaries only amounts are kept: the rest is personal data. Needs `billing:read`.
    """
    with reported_errors():
        result = sync_invoices(
            warehouse, clients.for_purpose(Purpose.CLOUD_BILLING), progress=context.log.info
        )
    context.instance.add_dynamic_partitions(
        str(PARTITIONS.name),
        sorted(set(result.partition_keys) - set(PARTITIONS.get_partition_keys(
            dynamic_partitions_store=context.instance))),
    )  # fmt: skip
    for problem in result.problems:
        context.log.warning(foreign_text.line(problem))
    for uuid in result.changed:
        context.log.warning(f"Invoice {uuid} was corrected: it is pending again.")
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": result.invoices,
            "discovered": result.discovered,
            "changed": len(result.changed),
            "pending": result.pending,
            "history_entries": result.entries,
            "new_history_entries": result.new_entries,
            "api_calls": result.api_calls,
            "complete": result.complete,
            **(
                {"problems": "\n".join(map(foreign_text.line, result.problems))}
                if result.problems
                else {}
            ),
        }
    )


class IngestConfig(dg.Config):
    """Which invoices to ingest."""

    invoice_uuids: list[str] = Field(
        default=[],
        description="The invoices to read, whatever their status; empty means all pending. Each "
        "by its uuid, its printed number, or its partition of invoice_files (2026-04_418071234).",
    )


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds=KINDS,
    deps=[invoices, INVOICE_FILES, RESOURCES_ASSET],
    metadata=table_metadata(cloud_cost_lines)
    | {
        "dagster/column_lineage": dg.TableColumnLineage(
            {
                name: [dg.TableColumnDep(INVOICE_FILES, column)]
                for name, column in {
                    "product": "product",
                    "group_description": "group_description",
                    "description": "description",
                    "hours": "hours",
                    "started_at": "start",
                    "ended_at": "end",
                    "amount": "USD",
                    "project_name": "project_name",
                    "category": "category",
                }.items()
            }
        )
    },
    pool=POOL,
    retry_policy=RETRY,
)
def cost_lines(
    context: dg.AssetExecutionContext,
    config: IngestConfig,
    warehouse: dg.ResourceParam[Warehouse],
    clients: dg.ResourceParam[Clients],
) -> dg.MaterializeResult:
    """Every line of every invoice, matched to the resource it paid for.

    Reads each invoice's CSV (and the ids that only its JSON form has), replaces its lines in one
    transaction, and matches each to its resource by id, by kind and name, or by group; a line
    without one says why. Lines that found none before are matched again. A bad invoice is marked
    `failed` and keeps the lines it had; the others go on, and the run fails for it at the end.

    Run it with `invoice_uuids` to read chosen invoices again; without, all pending ones. An invoice
    that says something else than before leaves a row in `cloud_invoice_revisions`, and each version
    of its lines one in `cloud_invoice_files`.
    """
    done: list[Ingested] = []

    def ingested(result: Ingested) -> None:
        done.append(result)
        if result.error is None:
            context.log_event(
                dg.AssetMaterialization(
                    INVOICE_FILES,
                    partition=result.invoice.key,
                    metadata={
                        "invoice_uuid": result.invoice.invoice_uuid,
                        "dagster/partition_row_count": result.lines,
                        "total": _dollars(result.total),
                    },
                )
            )

    with reported_errors(InvoiceNotKnown):
        ingest_invoices(
            warehouse,
            clients.for_purpose(Purpose.CLOUD_BILLING),
            config.invoice_uuids,
            progress=context.log.info,
            on_done=ingested,
        )
        rematched = rematch(warehouse)
    good = [result for result in done if result.error is None]
    failed = [result for result in done if result.error is not None]
    metadata = _ingest_metadata(warehouse, good, failed, rematched)
    if failed:
        raise PlainFailure(
            f"{len(failed):,} of {len(done):,} invoices could not be ingested and kept the lines "
            "they had; they are asked for again twice, a day apart. "
            + " ".join(foreign_text.line(result.error) for result in failed[:5]),
            metadata=metadata,
        )
    return dg.MaterializeResult(metadata=metadata)


def _ingest_metadata(
    warehouse: Warehouse, good: list[Ingested], failed: list[Ingested], rematched: int
) -> dict[str, Any]:
    shares = report.shares(warehouse)
    months = dict(list(report.months_by_product(warehouse).items())[-MONTHS_SHOWN:])
    preview = report.largest_lines(warehouse, [r.invoice.invoice_uuid for r in good])
    return {
        "dagster/row_count": sum(share.lines for share in shares),
        "invoices_found": len(good) + len(failed),
        "invoices_ingested": len(good),
        "invoices_failed": len(failed),
        "lines": sum(result.lines for result in good),
        "dollars": _dollars(sum((result.total for result in good), Decimal(0))),
        "rematched": rematched,
        "matched_by": table(
            ("method or reason", "lines", "US dollars"),
            [(s.method, f"{s.lines:,}", f"{s.amount:,}") for s in shares],
        ),
        **(
            {
                "invoices": table(
                    ("period", "invoice", "number", "lines", "US dollars", "note"),
                    [
                        (
                            f"{r.invoice.period:%Y-%m}",
                            r.invoice.invoice_uuid,
                            r.invoice.invoice_id,
                            f"{r.lines:,}",
                            _dollars(r.total),
                            r.note,
                        )
                        for r in sorted(good, key=lambda r: r.invoice.period)[-50:]
                    ],
                )
            }
            if good
            else {}
        ),
        **(
            {
                "largest_lines": table(
                    ("period", "product", "text", "US dollars", "matched", "resource"),
                    [(f"{row[0]:%Y-%m}", *row[1:]) for row in preview],
                )
            }
            if preview
            else {}
        ),
        **(
            {"cost_by_month": dg.MetadataValue.md(stacked_months("US dollars a month", months))}
            if months
            else {}
        ),
        **(
            {
                "failures": table(
                    ("invoice", "uuid", "error"),
                    [(r.invoice.key, r.invoice.invoice_uuid, r.error) for r in failed],
                )
            }
            if failed
            else {}
        ),
    }


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"postgres"},
    deps=[cost_lines, "projects", RESOURCES_ASSET],
    metadata=table_metadata(cloud_month_costs),
    pool=POOL,
    retry_policy=RETRY,
    freshness_policy=HOURLY,
)
def kept_months(warehouse: dg.ResourceParam[Warehouse]) -> dg.MaterializeResult:
    """Keep the sums of each month that cost views ask for, so that they answer at once.

    A month is made again when its lines changed, or when a resource on it moved to another project
    or was resized. Until then the views make it from its lines: they are right at any time.
    """
    with reported_errors():
        kept = keep_months(warehouse)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": kept.rows,
            "months": kept.months,
            "made": kept.made,
            "changed_resources": kept.resources,
        }
    )


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds=KINDS,
    deps=[invoices, RESOURCES_ASSET],
    metadata=table_metadata(cloud_open_month_lines),
    pool=POOL,
    retry_policy=RETRY,
    freshness_policy=DAILY,
)
def open_month_lines(
    warehouse: dg.ResourceParam[Warehouse], clients: dg.ResourceParam[Clients]
) -> dg.MaterializeResult:
    """Provisional lines of the month that is not billed yet.

    Mirrors the invoice preview, which DigitalOcean renews daily, into `cloud_open_month_lines`,
    and what it says in total, as of when, into `cloud_open_months`: replaced whole at each read,
    gone when the month is over and its invoice has arrived, never part of `cloud_cost_lines`.
    """
    with reported_errors():
        month = refresh_open_month(warehouse, clients.for_purpose(Purpose.CLOUD_BILLING))
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": month.lines,
            "period": f"{month.period:%Y-%m}" if month.period else "none",
            "dollars_so_far": _dollars(month.total),
            **({"amount": _dollars(month.amount)} if month.amount is not None else {}),
            **({"as_of": dg.MetadataValue.timestamp(month.updated_at)} if month.updated_at else {}),
            **({"note": month.note} if month.note else {}),
        }
    )


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds=KINDS,
    metadata=table_metadata(cloud_rates),
    pool=POOL,
    retry_policy=RETRY,
    freshness_policy=DAILY,
)
def rate_card(
    warehouse: dg.ResourceParam[Warehouse], clients: dg.ResourceParam[Clients]
) -> dg.MaterializeResult:
    """List prices of the plans in DigitalOcean's catalogue, dated.

    Mirrors the prices of `GET /v2/sizes` into `cloud_rates`. Needs the token scope `sizes:read`.
    """
    with reported_errors():
        card = sync_rates(warehouse, clients.for_purpose(Purpose.CLOUD_BILLING))
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": card.plans,
            "changed": card.changed,
            "complete": card.complete,
            **({"problem": card.problem} if card.problem else {}),
        }
    )


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds=KINDS,
    metadata=table_metadata(cloud_account_facts),
    pool=POOL,
    retry_policy=RETRY,
    freshness_policy=DAILY,
)
def account_facts(
    warehouse: dg.ResourceParam[Warehouse], clients: dg.ResourceParam[Clients]
) -> dg.MaterializeResult:
    """Limits and state of the account, dated.

    Mirrors `GET /v2/account` into `cloud_account_facts`; names and mail addresses are dropped.
    Needs the token scope `account:read`.
    """
    with reported_errors():
        read = sync_account_facts(warehouse, clients.for_purpose(Purpose.CLOUD_BILLING))
    return dg.MaterializeResult(
        metadata={"changed": read.changed, **dict(sorted(read.facts.items()))}
    )


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds=KINDS,
    metadata=table_metadata(cloud_prepayments),
    pool=POOL,
    retry_policy=RETRY,
    freshness_policy=DAILY,
)
def prepayments(
    warehouse: dg.ResourceParam[Warehouse], clients: dg.ResourceParam[Clients]
) -> dg.MaterializeResult:
    """Mirror what is paid in advance, and whether usage is stopped.

    Reads `GET /v2/customers/my/prepayment_status` and `…/prepayment_config` into
    `cloud_prepayments`. Most teams have neither; nothing is written then. Needs `billing:read`.
    """
    with reported_errors():
        read = sync_prepayment(warehouse, clients.for_purpose(Purpose.CLOUD_BILLING))
    if read is None:
        return dg.MaterializeResult(metadata={"available": False})
    said = {name: str(value) for name, value in vars(read).items() if value is not None}
    return dg.MaterializeResult(metadata={"available": True, **said})


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds=KINDS,
    deps=[RESOURCES_ASSET],
    metadata=table_metadata(cloud_daily_costs),
    pool=POOL,
    retry_policy=RETRY,
    freshness_policy=DAILY,
)
def daily_costs(
    context: dg.AssetExecutionContext,
    warehouse: dg.ResourceParam[Warehouse],
    clients: dg.ResourceParam[Clients],
) -> dg.MaterializeResult:
    """The cost of each day since December 2025, by SKU and region.

    Mirrors `GET /v2/billing/{account_urn}/insights/{start}/{end}` into `cloud_daily_costs`: the
    whole history once, then the last days again. A day that is said otherwise is a revision, kept
    in `cloud_cost_days`. Needs the token scope `billing:read`; an account without insights is
    told, and nothing else fails for it.
    """
    with reported_errors():
        read = sync_daily_costs(warehouse, clients.for_purpose(Purpose.CLOUD_BILLING))
    for problem in read.problems:
        context.log.warning(foreign_text.line(problem))
    return dg.MaterializeResult(
        metadata={
            "available": read.available,
            "days_read": read.days,
            "rows_read": read.rows,
            "days_changed": read.changed,
            "days_revised": read.revised,
            **(
                {"problems": "\n".join(map(foreign_text.line, read.problems))}
                if read.problems
                else {}
            ),
        }
    )


def _dollars(amount: Decimal) -> str:
    # Dagster takes no Decimal, and a float would not be the amount.
    return f"{amount:,}"


ASSETS: list[dg.AssetsDefinition | dg.AssetSpec] = [
    balance_snapshots,
    invoices,
    invoice_files,
    cost_lines,
    kept_months,
    open_month_lines,
    rate_card,
    account_facts,
    prepayments,
    daily_costs,
]
