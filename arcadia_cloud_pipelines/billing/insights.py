"""The cost of each day, from DigitalOcean's Billing Insights.

A day is what the nightly estimate grew by: the days of a month need not add up to its invoice.
Insights alone say a region and a SKU. The whole history is read once, and the last days again at
each reading, since estimates are corrected.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from ..common.frames import pd
from ..common.times import Clock, utc_now
from ..digitalocean import BadAnswer, DigitalOcean, Forbidden, NotFound, no_identity, read_listing
from ..warehouse.copy import copy_frame
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements
from .balance import SCOPE
from .matching import Inventory, load_inventory, match_with_kinds
from .money import AmountError, parse_amount
from .products import classify_lines

_SQL = Statements(__file__)

FIRST_DAY = date(2025, 12, 1)
"""DigitalOcean has no days before."""
RECENT_DAYS = 30
"""Days that are read again each time: all that may belong to a month without an invoice."""
WINDOW_DAYS = 30
"""Days of one call. 31 are allowed: the last one is asked for and not used, as nothing says
whether the end of a window belongs to it."""

SKU_PRODUCTS = (
    # The first two are in DigitalOcean's examples; the others are guesses by analogy.
    (re.compile(r"-DO-DROP-"), "Droplets"),
    (re.compile(r"-KS-"), "Kubernetes Clusters"),
    (re.compile(r"-(?:DO-)?GPU-"), "GPU Droplets"),
    (re.compile(r"-(?:DO-)?(?:BKUP|BACKUP)-"), "Droplet Backups"),
    (re.compile(r"-(?:DO-)?(?:VSNAP|VOLSNAP)-"), "Volume Snapshots"),
    (re.compile(r"-(?:DO-)?(?:SNAP|IMG)-"), "Droplet Snapshots"),
    (re.compile(r"-(?:DO-)?(?:VOL|BLOCK)-"), "Volumes"),
    (re.compile(r"-(?:DO-)?(?:DB|DBAAS)-"), "Database Clusters"),
    (re.compile(r"-(?:DO-)?(?:LB|LBAAS)-"), "Load Balancers"),
    (re.compile(r"-(?:DO-)?(?:FIP|RIP|IP)-"), "Floating IPs"),
    (re.compile(r"-(?:DO-)?(?:DOCR|REG)-"), "Container Registry Subscription"),
    (re.compile(r"-(?:DO-)?(?:SPACES|SPC)-"), "Spaces Subscription"),
    (re.compile(r"-(?:DO-)?(?:BW|BAND)-"), "Bandwidth"),
)
"""The product, as invoices call it, that a SKU is of."""

_COLUMNS = (
    "day", "sku", "product", "kind", "region", "description", "group_description",
    "resource_name", "amount", "resource_id", "match_method", "unmatched_reason",
    "match_candidates",
)  # fmt: skip
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_SLUG = re.compile(r"[a-z]{3}\d")


@dataclass(frozen=True)
class DailyCosts:
    """Result of one reading."""

    available: bool = True
    """False where the account or the token has no insights."""
    days: int = 0
    """Days asked for."""
    rows: int = 0
    changed: int = 0
    """Days with other rows than before, or new."""
    revised: int = 0
    """Days whose costs are known to be others than were said before."""
    problems: tuple[str, ...] = ()
    """Why some days were not read; they are asked for again next time."""


def product_of(sku: str | None) -> str | None:
    """Return the product of a SKU, in the invoices' word; None for an unknown one.

    Example: `1-DO-DROP-0109` is of `Droplets`.
    """
    for pattern, product in SKU_PRODUCTS:
        if sku and pattern.search(sku.upper()):
            return product
    return None


def windows(due: Iterable[date]) -> Iterator[tuple[date, date]]:
    """Cover days by calls: first and last day of each, as few as can be.

    Example: the days 1, 2 and 40 are two calls, of 1 to 2 and of 40.
    """
    begin = end = None
    for day in sorted(due):
        if begin is not None and end is not None and (day - begin).days < WINDOW_DAYS:
            end = day
            continue
        if begin is not None and end is not None:
            yield begin, end
        begin = end = day
    if begin is not None and end is not None:
        yield begin, end


def sync_daily_costs(
    warehouse: Warehouse, client: DigitalOcean, *, now: Clock = utc_now
) -> DailyCosts:
    """Read the days that are missing, and the last ones again; one transaction a call.

    Today is left out: it is not over. A day of which an answer no longer says anything keeps what
    it had.

    Raises:
        DigitalOceanError: the API is out of reach or refuses the token.
        WarehouseError: the warehouse is away or not migrated.
    """
    warehouse.check_migrated()
    account = client.account().uuid
    at = now()
    over = at.date()
    with warehouse.transaction() as connection:
        known = set(_SQL.run(connection, "known_days", {"account": account}).scalars())
        inventory = load_inventory(connection, account)
    days = {FIRST_DAY + timedelta(n) for n in range(max(0, (over - FIRST_DAY).days))}
    due = (days - known) | {day for day in days if (over - day).days <= RECENT_DAYS}
    result = DailyCosts()
    for begin, end in windows(due):
        try:
            points = _read(client, account, begin, end)
        except (Forbidden, NotFound) as error:
            client.raise_outage(error)
            return replace(result, available=False, problems=(*result.problems, str(error)))
        except BadAnswer as error:
            result = replace(result, problems=(*result.problems, str(error)))
            continue
        costs = match_days(points, inventory)
        scope = {"account": account, "read_at": at, "begin": begin, "end": end}
        changed, revised = _store(warehouse, costs, scope)
        result = replace(
            result,
            days=result.days + (end - begin).days + 1,
            rows=result.rows + len(costs),
            changed=result.changed + changed,
            revised=result.revised + revised,
        )
    return result


def _read(client: DigitalOcean, account: str, begin: date, end: date) -> pd.DataFrame:
    path = f"/v2/billing/do:team:{account}/insights/{begin}/{end + timedelta(1)}"
    listing = read_listing(
        client, path, envelope="data_points", identity=no_identity(), scope=SCOPE
    )
    if not listing.complete:
        raise BadAnswer(f"GET {path}", listing.reason or "is not whole")
    return parse_points(listing.items, begin, end)


def parse_points(items: Iterable[dict[str, Any]], begin: date, end: date) -> pd.DataFrame:
    """Read the data points of the days from `begin` to `end`.

    Raises:
        BadAnswer: a point has no day that was asked for, or no amount.
    """
    rows = []
    for item in items:
        said = item.get("start_date")
        try:
            if not isinstance(said, str) or not _DAY.fullmatch(said):
                raise ValueError
            day = date.fromisoformat(said)
            amount = parse_amount(item.get("total_amount"))
        except AmountError as error:
            raise BadAnswer("Billing insights", f"have a day without an amount: {error}") from None
        except ValueError:
            raise BadAnswer("Billing insights", "have a start_date that is not a day") from None
        if not begin <= day <= end + timedelta(1):
            raise BadAnswer("Billing insights", f"of {begin} to {end} have the day {day}")
        if day <= end:
            names = ("sku", "region", "description", "group_description")
            rows.append((day.isoformat(), amount, *(_text(item.get(name)) for name in names)))
    columns = ["day", "amount", "sku", "region", "description", "group_description"]
    frame = pd.DataFrame(rows, columns=columns)
    texts = [name for name in columns if name != "amount"]
    frame[texts] = frame[texts].astype("str")
    return frame


def _text(value: object) -> str | None:
    # PostgreSQL stores no NUL.
    return value.replace("\0", "") or None if isinstance(value, str) else None


def match_days(points: pd.DataFrame, inventory: Inventory) -> pd.DataFrame:
    """Say which resource each data point is about, by the rules for the lines of invoices."""
    products = [product_of(sku if isinstance(sku, str) else None) for sku in points["sku"]]
    begin = pd.to_datetime(points["day"], utc=True)
    lines = points.assign(
        product=pd.array(products, dtype="str"),
        started_at=begin,
        ended_at=begin + pd.Timedelta(days=1),
        period=points["day"].str.slice(0, 8) + "01",
        resource_key=pd.array([None] * len(points), dtype="str"),
    )
    classified = classify_lines(lines)
    slug = points["region"].where(points["region"].fillna("").map(_is_slug).astype(bool))
    classified["line_region"] = classified["line_region"].fillna(slug)
    matched = match_with_kinds(classified, inventory.resources, inventory.synced_kinds)
    return pd.concat([classified.drop(columns="kind"), matched], axis=1).rename(
        columns={"candidates": "match_candidates"}
    )


def _is_slug(region: str) -> bool:
    return _SLUG.fullmatch(region) is not None


def _store(warehouse: Warehouse, costs: pd.DataFrame, scope: dict[str, Any]) -> tuple[int, int]:
    """Replace the days that differ; return how many did, and how many were said otherwise."""
    with warehouse.transaction() as connection:
        _SQL.run(connection, "lock", scope)
        _SQL.run(connection, "create_listed")
        copy_frame(connection, "listed_costs", costs, _COLUMNS)
        _SQL.run(connection, "create_compared", scope)
        _SQL.run(connection, "delete_changed", scope)
        _SQL.run(connection, "insert_changed", scope)
        _SQL.run(connection, "mark_days", scope)
        _SQL.run(connection, "update_days", scope)
        changed, revised = _SQL.run(connection, "count").one()
        return changed, revised


def missing_days(warehouse: Warehouse) -> list[date]:
    """Return the days between others with costs of which DigitalOcean said nothing."""
    with warehouse.transaction() as connection:
        return list(_SQL.run(connection, "missing_days").scalars())


def months(warehouse: Warehouse) -> list[Any]:
    """Return the newest months: period, the days' sum, what was invoiced, and the difference."""
    with warehouse.transaction() as connection:
        return list(_SQL.run(connection, "months").all())
