"""The rules of FOCUS that every row of ours must keep, written down from the standard.

One table says which columns a dataset has, with type, nullability and values. What depends on
several columns is a rule below it. Rules that our views break on purpose are not here:
docs/focus.md names them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

Row = Mapping[str, Any]

CHARGE_CATEGORIES = "Usage|Purchase|Tax|Credit|Adjustment"

SUBCATEGORIES = {
    "AI and Machine Learning": "AI Platforms|Bots|Generative AI|Machine Learning|"
    "Natural Language Processing",
    "Analytics": "Analytics Platforms|Business Intelligence|Data Processing|Search|"
    "Streaming Analytics",
    "Compute": "Containers|End User Computing|Quantum Compute|Serverless Compute|Virtual Machines",
    "Databases": "Caching|Data Warehouses|Ledger Databases|NoSQL Databases|Relational Databases|"
    "Time Series Databases",
    "Developer Tools": "Developer Platforms|Continuous Integration and Deployment|"
    "Development Environments|Source Code Management|Quality Assurance",
    "Identity": "Identity and Access Management",
    "Integration": "API Management|Messaging|Workflow Orchestration",
    "Management and Governance": "Architecture|Compliance|Cost Management|Data Governance|"
    "Disaster Recovery|Endpoint Management|Observability|Support",
    "Networking": "Application Networking|Content Delivery|Network Connectivity|"
    "Network Infrastructure|Network Routing|Network Security",
    "Security": "Secret Management|Security Posture Management|Threat Detection and Response",
    "Storage": "Backup Storage|Block Storage|File Storage|Object Storage|Storage Platforms",
    "Web": "Application Platforms",
    "Other": "",
}

# dataset | column | versions | type | null allowed | values
TABLE = f"""
cost_and_usage | BilledCost | 1.2 1.4 | decimal | no |
cost_and_usage | BillingAccountId | 1.2 1.4 | text | no |
cost_and_usage | BillingAccountName | 1.2 1.4 | text | yes |
cost_and_usage | BillingAccountType | 1.2 1.4 | text | no |
cost_and_usage | BillingCurrency | 1.2 1.4 | text | no | USD
cost_and_usage | BillingPeriodEnd | 1.2 1.4 | time | no |
cost_and_usage | BillingPeriodStart | 1.2 1.4 | time | no |
cost_and_usage | ChargeCategory | 1.2 1.4 | text | no | {CHARGE_CATEGORIES}
cost_and_usage | ChargeClass | 1.2 1.4 | text | yes | Correction
cost_and_usage | ChargeDescription | 1.2 1.4 | text | no |
cost_and_usage | ChargeFrequency | 1.2 1.4 | text | no | One-Time|Recurring|Usage-Based
cost_and_usage | ChargePeriodEnd | 1.2 1.4 | time | no |
cost_and_usage | ChargePeriodStart | 1.2 1.4 | time | no |
cost_and_usage | ConsumedQuantity | 1.2 1.4 | decimal | yes |
cost_and_usage | ConsumedUnit | 1.2 1.4 | text | yes | Hours|Backups|Units
cost_and_usage | ContractedCost | 1.2 1.4 | decimal | no |
cost_and_usage | ContractedUnitPrice | 1.4 | decimal | yes |
cost_and_usage | EffectiveCost | 1.2 1.4 | decimal | no |
cost_and_usage | HostProviderName | 1.4 | text | no |
cost_and_usage | InvoiceDetailId | 1.4 | text | yes |
cost_and_usage | InvoiceId | 1.2 1.4 | text | yes |
cost_and_usage | InvoiceIssuerName | 1.2 1.4 | text | no |
cost_and_usage | ListCost | 1.2 1.4 | decimal | no |
cost_and_usage | ListUnitPrice | 1.4 | decimal | yes |
cost_and_usage | PricingCategory | 1.4 | text | yes | Standard|Dynamic|Committed|Other
cost_and_usage | PricingQuantity | 1.2 1.4 | decimal | yes |
cost_and_usage | PricingUnit | 1.2 1.4 | text | yes | Hours|Backups|Units
cost_and_usage | ProviderName | 1.2 | text | no |
cost_and_usage | PublisherName | 1.2 | text | no |
cost_and_usage | RegionId | 1.2 1.4 | text | yes |
cost_and_usage | RegionName | 1.2 1.4 | text | yes |
cost_and_usage | ResourceId | 1.2 1.4 | text | yes |
cost_and_usage | ResourceName | 1.2 1.4 | text | yes |
cost_and_usage | ResourceType | 1.2 1.4 | text | yes |
cost_and_usage | ServiceCategory | 1.2 1.4 | text | no | {"|".join(SUBCATEGORIES)}
cost_and_usage | ServiceName | 1.2 1.4 | text | no |
cost_and_usage | ServiceProviderName | 1.4 | text | no |
cost_and_usage | ServiceSubcategory | 1.2 1.4 | text | no |
cost_and_usage | SkuId | 1.4 | text | yes |
cost_and_usage | SkuMeter | 1.4 | text | yes |
cost_and_usage | SkuPriceDetails | 1.4 | object | yes |
cost_and_usage | SkuPriceId | 1.4 | text | yes |
cost_and_usage | SubAccountId | 1.2 1.4 | text | yes |
cost_and_usage | SubAccountName | 1.2 1.4 | text | yes |
cost_and_usage | SubAccountType | 1.2 1.4 | text | yes |
cost_and_usage | Tags | 1.2 1.4 | object | yes |
billing_period | BillingPeriodCreated | 1.4 | time | no |
billing_period | BillingPeriodEnd | 1.4 | time | no |
billing_period | BillingPeriodLastUpdated | 1.4 | time | no |
billing_period | BillingPeriodStart | 1.4 | time | no |
billing_period | BillingPeriodStatus | 1.4 | text | no | Open|Closed
billing_period | InvoiceIssuerName | 1.4 | text | no |
invoice_detail | BilledCost | 1.4 | decimal | no |
invoice_detail | BillingAccountId | 1.4 | text | no |
invoice_detail | BillingCurrency | 1.4 | text | no | USD
invoice_detail | BillingPeriodEnd | 1.4 | time | no |
invoice_detail | BillingPeriodStart | 1.4 | time | no |
invoice_detail | ChargeCategory | 1.4 | text | no | {CHARGE_CATEGORIES}
invoice_detail | InvoiceDetailCreated | 1.4 | time | no |
invoice_detail | InvoiceDetailDescription | 1.4 | text | no |
invoice_detail | InvoiceDetailGrain | 1.4 | object | no |
invoice_detail | InvoiceDetailId | 1.4 | text | no |
invoice_detail | InvoiceDetailLastUpdated | 1.4 | time | no |
invoice_detail | InvoiceId | 1.4 | text | no |
invoice_detail | InvoiceIssueDate | 1.4 | time | yes |
invoice_detail | InvoiceIssueStatus | 1.4 | text | no | Open|Issued|Voided
invoice_detail | InvoiceIssuerName | 1.4 | text | no |
invoice_detail | PaymentDueDate | 1.4 | time | yes |
invoice_detail | PaymentTerms | 1.4 | text | no |
invoice_detail | ReferenceInvoiceId | 1.4 | text | no |
"""


@dataclass(frozen=True)
class Column:
    """One column of a dataset, as the standard has it."""

    name: str
    type: str
    nullable: bool
    values: frozenset[str]
    """Allowed values; empty where any text is."""


def columns(version: str, dataset: str) -> dict[str, Column]:
    """Return the columns of a dataset in a version of the standard."""
    found = {}
    for line in TABLE.strip().splitlines():
        of, name, versions, type_, null, values = (cell.strip() for cell in line.split(" |"))
        if of == dataset and version in versions.split():
            allowed = frozenset(filter(None, values.split("|")))
            found[name] = Column(name, type_, null == "yes", allowed)
    return found


def problems(version: str, dataset: str, rows: Iterable[Row]) -> Iterator[str]:
    """Yield what is wrong with rows, each with its column."""
    known = columns(version, dataset)
    for row in rows:
        for name in row.keys() - known.keys():
            if not name.startswith("x_"):
                yield f"{name} is not a column of {dataset} in FOCUS {version}"
        for column in known.values():
            if column.name not in row:
                yield f"{column.name} is missing"
            else:
                yield from _wrong_value(column, row[column.name])
        for rule in RULES[dataset]:
            yield from (f"{text}: {dict(row)}" for text in rule(version, row))


def _wrong_value(column: Column, value: Any) -> Iterator[str]:
    if value is None:
        if not column.nullable:
            yield f"{column.name} is null"
        return
    if not _TYPES[column.type](value):
        yield f"{column.name} is {value!r}, not a {column.type}"
    elif column.values and value not in column.values:
        yield f"{column.name} is {value!r}, which the standard does not allow"


def _is_object(value: Any) -> bool:
    """Return whether a value is a flat JSON object, as Key-Value Format wants."""
    if isinstance(value, str):
        value = json.loads(value)
    return isinstance(value, dict) and all(
        item is None or isinstance(item, str | bool | int | float) for item in value.values()
    )


_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "decimal": lambda value: isinstance(value, Decimal) and value.is_finite(),
    "text": lambda value: isinstance(value, str) and bool(value.strip()),
    "time": lambda value: isinstance(value, datetime) and value.utcoffset() == timedelta(0),
    "object": _is_object,
}


def _times(_version: str, row: Row) -> Iterator[str]:
    start, end = row["BillingPeriodStart"], row["BillingPeriodEnd"]
    if not (start.day == 1 and start == start.replace(hour=0, minute=0, second=0, tzinfo=UTC)):
        yield "the billing period does not begin with a month"
    if end != (start + timedelta(days=32)).replace(day=1):
        yield "the billing period is not a month"


def _charge_period(_version: str, row: Row) -> Iterator[str]:
    if row["ChargePeriodEnd"] <= row["ChargePeriodStart"]:
        yield "the charge period ends before it begins"


def _costs(_version: str, row: Row) -> Iterator[str]:
    # Nothing covers other charges, no unit price is known, and nothing is priced from others.
    for name in ("EffectiveCost", "ListCost", "ContractedCost"):
        if row[name] != row["BilledCost"]:
            yield f"{name} is not BilledCost"


def _frequency(_version: str, row: Row) -> Iterator[str]:
    if row["ChargeCategory"] == "Purchase" and row["ChargeFrequency"] == "Usage-Based":
        yield "a purchase is usage-based"


def _pairs(_version: str, row: Row) -> Iterator[str]:
    for one, other in (
        ("SubAccountId", "SubAccountName"), ("SubAccountId", "SubAccountType"),
        ("RegionId", "RegionName"), ("ResourceId", "ResourceType"),
        ("PricingQuantity", "PricingUnit"), ("ConsumedQuantity", "ConsumedUnit"),
    ):  # fmt: skip
        if (row[one] is None) != (row[other] is None):
            yield f"of {one} and {other} one is null"
    if row["ResourceName"] is not None and row["ResourceId"] is None:
        yield "a resource without an id has a name"
    elif row["ResourceId"] and row["ResourceId"].split(":", 2)[2] == row["ResourceName"]:
        yield "the name repeats the id"


def _service(_version: str, row: Row) -> Iterator[str]:
    parent, sub = row["ServiceCategory"], row["ServiceSubcategory"]
    if sub != f"Other ({parent})" and sub not in SUBCATEGORIES[parent].split("|"):
        yield f"{sub} is not a part of {parent}"


def _invoice(version: str, row: Row) -> Iterator[str]:
    if (row["InvoiceId"] is None) != row["x_IsProvisional"]:
        yield "what is on an invoice names it, and what is provisional names none"
    if version == "1.4" and (row["InvoiceId"] is None) != (row["InvoiceDetailId"] is None):
        yield "of InvoiceId and InvoiceDetailId one is null"


def _sku(version: str, row: Row) -> Iterator[str]:
    if version != "1.4":
        return
    if row["ChargeCategory"] == "Tax" and row["SkuId"] is not None:
        yield "a tax has a SKU"
    if (row["SkuId"] is None) != (row["SkuMeter"] is None):
        yield "of SkuId and SkuMeter one is null"
    if row["SkuPriceId"] is None:
        for name in (
            "ListUnitPrice", "ContractedUnitPrice", "PricingCategory", "PricingQuantity",
            "ConsumedQuantity", "SkuPriceDetails",
        ):  # fmt: skip
            if row[name] is not None:
                yield f"{name} without a SkuPriceId"


def _quantities(version: str, row: Row) -> Iterator[str]:
    if version != "1.2":
        return
    category, correction = row["ChargeCategory"], row["ChargeClass"] == "Correction"
    if category == "Tax" and row["PricingQuantity"] is not None:
        yield "a tax has a quantity"
    if category in ("Usage", "Purchase") and not correction and row["PricingQuantity"] is None:
        yield "a usage or purchase has no PricingQuantity"
    if category != "Usage" and row["ConsumedQuantity"] is not None:
        yield "what is no usage has a ConsumedQuantity"
    if category == "Usage" and not correction and row["ConsumedQuantity"] is None:
        yield "a usage has no ConsumedQuantity"


def _updated(_version: str, row: Row) -> Iterator[str]:
    for what in ("BillingPeriod", "InvoiceDetail"):
        created, updated = row.get(f"{what}Created"), row.get(f"{what}LastUpdated")
        if created is not None and updated < created:
            yield f"{what} was updated before it was created"


Rule = Callable[[str, Row], Iterator[str]]

RULES: Mapping[str, tuple[Rule, ...]] = {
    "cost_and_usage": (
        _times, _charge_period, _costs, _frequency, _pairs, _service, _invoice, _sku, _quantities,
    ),
    "billing_period": (_times, _updated),
    "invoice_detail": (_times, _updated),
}  # fmt: skip


def reference_problems(charges: list[Row], details: list[Row], periods: list[Row]) -> Iterator[str]:
    """Yield where the three datasets of 1.4 do not refer to each other as they should."""
    same = ("InvoiceId", "ChargeCategory", "BillingCurrency", "BillingPeriodStart",
            "BillingPeriodEnd", "InvoiceIssuerName", "BillingAccountId")  # fmt: skip
    by_id = {row["InvoiceDetailId"]: row for row in details}
    if len(by_id) != len(details):
        yield "an InvoiceDetailId stands twice"
    sums: dict[str, Decimal] = {}
    for row in charges:
        name = row["InvoiceDetailId"]
        if name is None:
            continue
        sums[name] = sums.get(name, Decimal(0)) + row["BilledCost"]
        if name not in by_id:
            yield f"{name} is no item of an invoice"
        elif any(row[column] != by_id[name][column] for column in same):
            yield f"a charge of {name} says other than the item"
    if sums != {name: row["BilledCost"] for name, row in by_id.items()}:
        yield "the items are not the sums of their charges"
    for row in details:
        if row["ReferenceInvoiceId"] != row["InvoiceId"]:
            yield "an invoice is said to adjust another one"
    known = {(row["BillingPeriodStart"], row["InvoiceIssuerName"]) for row in periods}
    for row in (*charges, *details):
        if (row["BillingPeriodStart"], row["InvoiceIssuerName"]) not in known:
            yield f"the period of {row['BillingPeriodStart']} is missing"
