"""The assets of billing: the balance, the invoices, their lines, and the month still open."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import dagster as dg
import sqlalchemy as sa
from pydantic import Field

from ..common import foreign_text
from ..common.late import HOURLY_SOON
from ..common.plots import line_plot, stacked_months
from ..dagster_support.assets import ACCOUNT_ASSET, DAILY, HOURLY, OWNERS, RESOURCES_ASSET, RETRY
from ..dagster_support.errors import PlainFailure, reported_errors, unless_out
from ..dagster_support.metadata import metadata, table, table_metadata
from ..digitalocean import DigitalOcean
from ..digitalocean.clients import Clients
from ..settings import Purpose
from ..warehouse.engine import Warehouse
from . import checks, report
from .balance import Balance, accrual_of_month, snapshot_balance
from .ingest import Ingested, InvoiceNotKnown, ingest_invoices
from .invoices import sync_invoices
from .kept import keep_months
from .kept_tables import cloud_month_costs
from .open_month import refresh_open_month
from .rematch import rematch
from .tables import (
    cloud_balance_snapshots,
    cloud_cost_lines,
    cloud_invoices,
    cloud_open_month_lines,
)

GROUP = "billing"
PURPOSE = Purpose.CLOUD_BILLING
POOL = PURPOSE.value
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


def from_api(
    table: sa.Table,
    *,
    after: Sequence[dg.AssetKey | dg.AssetsDefinition] = (),
    freshness_policy: dg.FreshnessPolicy = DAILY,
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Return what makes an asset that fills a table from the API, after the account was asked.

    Of an outage a run tells once: then such an asset yields nothing.
    """
    return dg.asset(
        group_name=GROUP,
        owners=OWNERS,
        kinds=KINDS,
        deps=[ACCOUNT_ASSET, *after],
        output_required=False,
        metadata=table_metadata(table),
        pool=POOL,
        retry_policy=RETRY,
        freshness_policy=freshness_policy,
    )


@from_api(
    cloud_balance_snapshots,
    freshness_policy=dg.FreshnessPolicy.time_window(
        fail_window=checks.BALANCE_STALE_AFTER, warn_window=HOURLY_SOON
    ),
)
def balance_snapshots(
    context: dg.AssetExecutionContext,
    warehouse: dg.ResourceParam[Warehouse],
    clients: dg.ResourceParam[Clients],
) -> Iterator[dg.MaterializeResult]:
    """The balance, one snapshot a poll.

    Mirrors `GET /v2/customers/my/balance`. DigitalOcean computes it now and then: a snapshot with
    the `generated_at` of the one before is marked `is_repeat`. Needs the token scope
    `billing:read`.
    """

    def read(client: DigitalOcean) -> tuple[Balance, list[tuple[datetime, Decimal]]]:
        balance = snapshot_balance(warehouse, client)
        return balance, accrual_of_month(warehouse, client.account().uuid, balance.generated_at)

    done = unless_out(clients, PURPOSE, read)
    if done is None:
        return
    balance, accrual = done
    context.log.info(f"${balance.month_to_date_usage:,} used since the first of the month")
    yield dg.MaterializeResult(
        metadata=metadata(
            month_to_date_usage=_dollars(balance.month_to_date_usage),
            account_balance=_dollars(balance.account_balance),
            month_to_date_balance=_dollars(balance.month_to_date_balance),
            generated_at=balance.generated_at,
            note="DigitalOcean has not computed it anew" if balance.is_repeat else None,
            # Numbers too: Dagster plots them over runs.
            month_to_date_usage_usd=balance.month_to_date_usage,
            account_balance_usd=balance.account_balance,
            accrual=dg.MetadataValue.md(line_plot("Usage this month, US dollars", accrual)),
        )
    )


@from_api(cloud_invoices)
def invoices(
    context: dg.AssetExecutionContext,
    warehouse: dg.ResourceParam[Warehouse],
    clients: dg.ResourceParam[Clients],
) -> Iterator[dg.MaterializeResult]:
    """Invoice headers and the billing history.

    Mirrors `GET /v2/customers/my/invoices` with each invoice's summary into `cloud_invoices`, and
    `GET /v2/customers/my/billing_history` into `cloud_billing_entries`: payments, credits and
    refunds too. An invoice whose amount changed after its lines were read is pending again. Of the
    summaries only amounts are kept: the rest is personal data. Needs `billing:read`.
    """
    result = unless_out(
        clients,
        PURPOSE,
        lambda client: sync_invoices(warehouse, client, progress=context.log.info),
    )
    if result is None:
        return
    context.instance.add_dynamic_partitions(
        str(PARTITIONS.name),
        sorted(set(result.partition_keys) - set(PARTITIONS.get_partition_keys(
            dynamic_partitions_store=context.instance))),
    )  # fmt: skip
    for problem in result.problems:
        context.log.warning(foreign_text.line(problem))
    for uuid in result.changed:
        context.log.warning(f"Invoice {uuid} was corrected: it is pending again.")
    yield dg.MaterializeResult(
        metadata=metadata(
            {"dagster/row_count": result.invoices},
            discovered=result.discovered,
            changed=len(result.changed),
            pending=result.pending,
            history_entries=result.entries,
            new_history_entries=result.new_entries,
            problems="\n".join(map(foreign_text.line, result.problems)),
            complete=result.complete,
            api_calls=result.api_calls,
        )
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
    output_required=False,
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
) -> Iterator[dg.MaterializeResult]:
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

    def ingest(client: DigitalOcean) -> int:
        uuids = config.invoice_uuids
        ingest_invoices(warehouse, client, uuids, progress=context.log.info, on_done=ingested)
        return rematch(warehouse)

    with reported_errors(InvoiceNotKnown):
        rematched = unless_out(clients, PURPOSE, ingest)
    if rematched is None:
        return
    good = [result for result in done if result.error is None]
    failed = [result for result in done if result.error is not None]
    said = _ingest_metadata(warehouse, good, failed, rematched)
    if failed:
        raise PlainFailure(
            f"{len(failed):,} of {len(done):,} invoices could not be ingested and kept the lines "
            "they had; they are asked for again twice, a day apart. "
            + " ".join(foreign_text.line(result.error) for result in failed[:5]),
            metadata=said,
        )
    yield dg.MaterializeResult(metadata=said)


def _ingest_metadata(
    warehouse: Warehouse, good: list[Ingested], failed: list[Ingested], rematched: int
) -> dict[str, Any]:
    shares = report.shares(warehouse)
    months = dict(list(report.months_by_product(warehouse).items())[-MONTHS_SHOWN:])
    return metadata(
        {"dagster/row_count": sum(share.lines for share in shares)},
        invoices_ingested=len(good),
        invoices_failed=len(failed),
        lines=sum(result.lines for result in good),
        dollars=_dollars(sum((result.total for result in good), Decimal(0))) if good else None,
        rematched=rematched,
        matched_by=table(
            ("method or reason", "lines", "US dollars"),
            [(s.method, f"{s.lines:,}", f"{s.amount:,}") for s in shares],
        ),
        failures=table(
            ("invoice", "uuid", "error"),
            [(r.invoice.key, r.invoice.invoice_uuid, r.error) for r in failed],
        ),
        invoices=_invoices_table(good),
        largest_lines=table(
            ("period", "product", "text", "US dollars", "matched", "resource"),
            [
                (f"{row[0]:%Y-%m}", *row[1:])
                for row in report.largest_lines(warehouse, [r.invoice.invoice_uuid for r in good])
            ],
        ),
        newest_month_usd=sum(list(months.values())[-1].values(), Decimal(0)) if months else None,
        cost_by_month=dg.MetadataValue.md(
            stacked_months("US dollars a month", months) if months else ""
        ),
    )


def _invoices_table(good: list[Ingested]) -> dg.MetadataValue:
    return table(
        ("period", "invoice", "number", "lines", "US dollars", "note"),
        [
            (
                f"{r.invoice.period:%Y-%m}", r.invoice.invoice_uuid, r.invoice.invoice_id,
                f"{r.lines:,}", _dollars(r.total), r.note,
            )
            for r in sorted(good, key=lambda r: r.invoice.period)[-50:]
        ],
    )  # fmt: skip


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
        metadata=metadata(
            {"dagster/row_count": kept.rows},
            months=kept.months,
            made=kept.made,
            changed_resources=kept.resources,
        )
    )


@from_api(cloud_open_month_lines, after=[invoices, RESOURCES_ASSET])
def open_month_lines(
    warehouse: dg.ResourceParam[Warehouse], clients: dg.ResourceParam[Clients]
) -> Iterator[dg.MaterializeResult]:
    """Provisional lines of the month that is not billed yet.

    Mirrors the invoice preview, which DigitalOcean renews daily, into `cloud_open_month_lines`,
    and what it says in total, as of when, into `cloud_open_months`: replaced whole at each read,
    gone when the month is over and its invoice has arrived, never part of `cloud_cost_lines`.
    """
    month = unless_out(clients, PURPOSE, lambda client: refresh_open_month(warehouse, client))
    if month is None:
        return
    yield dg.MaterializeResult(
        metadata=metadata(
            {"dagster/row_count": month.lines},
            period=f"{month.period:%Y-%m}" if month.period else "none",
            dollars_so_far=_dollars(month.total),
            amount=None if month.amount is None else _dollars(month.amount),
            dollars_so_far_usd=month.total,
            as_of=month.updated_at,
            note=month.note,
        )
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
]
