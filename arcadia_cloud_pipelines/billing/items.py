"""The JSON form of an invoice, wanted for what the CSV lacks: which resource a line is about.

Items have no number and no reference to a line of the CSV, and rows may be equal in every field
(DigitalOcean API reference, Billing). So they are paired by what both forms say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..common.frames import np, pa, pd
from ..digitalocean import (
    DigitalOcean,
    DigitalOceanError,
    Forbidden,
    RateLimited,
    Unauthorized,
    Unreachable,
    no_identity,
    read_listing,
)
from .balance import SCOPE
from .invoice_csv import NUMBERS, column_text, read_columns, to_frame, without_zeros

MOST_ITEMS = 100_000
"""Lines of an invoice whose JSON form is still asked for: at 200 a page it would else use up the
token's requests of a whole hour. The lines of larger ones are matched by name."""

# Column of a frame of lines -> field of an item.
_FIELDS = {
    "product": "product",
    "group_description": "group_description",
    "description": "description",
    "hours": "duration",
    "started_at": "start_time",
    "ended_at": "end_time",
    "amount": "amount",
    "project_name": "project_name",
    "category": "category",
}
_IDS = ("resource_uuid", "resource_id")
ItemTexts = tuple[str | None, ...]
"""What an item says, as text, in the order of `_FIELDS` and `_IDS`."""
_UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"

NO_INVOICES_FAULT = (Unauthorized, Forbidden, RateLimited, Unreachable)
"""Errors that the next invoice would meet, too: they end a run and mark no invoice as failed."""

_KEYS = ("second_key", "resource_key")
_ALWAYS = ("product", "group_description", "description", "amount")
_PASSES = (
    (*_ALWAYS, "hours", "started_at", "ended_at", "project_name"),
    # What hours mean on rows billed by the second is not documented, and projects get renamed.
    (*_ALWAYS, "started_at", "ended_at"),
    _ALWAYS,
)
"""What must agree for a line and an item to be a pair, in the order of the attempts."""


def fetch_items(client: DigitalOcean, path: str, lines: int) -> tuple[list[ItemTexts], str | None]:
    """Read the items of an invoice, and say why they are not whole; None when they are.

    Args:
        client: with `billing:read`.
        path: the invoice's own.
        lines: number of lines in its CSV.
    """
    if lines > MOST_ITEMS:
        return [], f"The JSON form of more than {MOST_ITEMS:,} lines is not asked for."
    try:
        listing = read_listing(
            client,
            path,
            envelope="invoice_items",
            identity=no_identity(),
            scope=SCOPE,
            keep=item_texts,
        )
    except NO_INVOICES_FAULT:
        raise
    except DigitalOceanError as error:
        return [], f"The JSON form could not be read: {error}"
    items: list[Any] = listing.items
    if listing.reason is not None:
        return items, f"The JSON form is not whole: {listing.reason}."
    if len(items) < lines:
        return items, f"The JSON form has {len(items):,} items for {lines:,} lines."
    return items, None


def item_texts(item: Mapping[str, Any]) -> ItemTexts:
    """Return what an item says; missing keys and other types than documented are borne."""
    return tuple([_written(item.get(name)) for name in (*_FIELDS.values(), *_IDS)])


def items_frame(items: Sequence[ItemTexts]) -> pd.DataFrame:
    """Invoice items as a frame like the one of the CSV, with two more columns.

    Args:
        items: of one invoice or of several.

    Returns:
        `COLUMNS` of `invoice_csv`, `line_number` being the item's position from 1, and
        `resource_uuid`, `resource_id` (text; NA for blank, zero and the zero uuid, Go's ways to say
        none). An amount, number or time that cannot be read is NA: the CSV is the document, and no
        item may make an invoice fail.
    """
    columns = {
        name: pa.chunked_array([[item[number] for item in items]], column_text())
        for number, name in enumerate((*_FIELDS, *_IDS))
    }
    read = read_columns(columns)
    identities = {name: read.pop(name) for name in _IDS}
    frame = to_frame(read, len(items))
    for name, values in identities.items():
        text = pd.Series(pd.array(values, dtype="str"), index=frame.index)
        frame[name] = text.where(~text.str.fullmatch(r"[0-]+", na=False))
    return frame


def _written(value: object) -> str | None:
    """A JSON value as text: numbers in plain digits, and nothing PostgreSQL cannot hold."""
    if value is None or isinstance(value, bool | dict | list):
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, str) and value.isascii() and "\0" not in value:
        return value
    # Lone surrogates can be said in JSON and in no encoding.
    return str(value).encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def attach_resource_keys(
    lines: pd.DataFrame, items: pd.DataFrame, *, within: str | None = None
) -> pd.DataFrame:
    """Say for each line which resource it is about, where the JSON form says so.

    A line and an item are a pair only if product, group, description and amount are the same, and
    each belongs to one pair at most. Among rows that agree, pairs are made by rank: both sides are
    sorted by their content, so the order of items and lines changes nothing but the choice among
    lines equal in every field.

    Args:
        lines: as `parse_invoice_csv` gives them, so each with an amount; any index.
        items: as `items_frame` gives them.
        within: a column of both that must agree in any case, such as the invoice.

    Returns:
        `lines` with two columns of text. `resource_key`: the item's uuid if it looks like one,
        else its `resource_id`, else its `resource_uuid`; NA without a partner or where the item
        names none. `second_key`: the other one, where the item carries two.
    """
    if items.empty:
        return lines.assign(**{name: pd.Series(dtype="str") for name in _KEYS})
    left, right = _comparable(lines), _comparable(items)
    always = [] if within is None else [within]
    for name in always:
        left[name], right[name] = lines[name].to_numpy(), items[name].to_numpy()
    for name, key in zip(_KEYS, _keys(items), strict=True):
        right[name] = key.to_numpy()
    left = left.sort_values([*always, *_PASSES[0], "position"])
    right = right.sort_values([*always, *_PASSES[0], *_KEYS, "position"])

    found = np.full((len(lines), len(_KEYS)), None, dtype=object)
    for agree in _PASSES:
        if left.empty or right.empty:
            break
        columns = [*always, *agree]
        one = left.assign(rank=left.groupby(columns, sort=False).cumcount())
        two = right.assign(rank=right.groupby(columns, sort=False).cumcount())
        pairs = one[[*columns, "rank", "position"]].merge(
            two[[*columns, "rank", "position", *_KEYS]],
            on=[*columns, "rank"],
            suffixes=("", "_item"),
        )
        found[pairs["position"].to_numpy()] = pairs[list(_KEYS)].to_numpy(dtype=object)
        left = left[~left["position"].isin(pairs["position"])]
        right = right[~right["position"].isin(pairs["position_item"])]
    return lines.assign(
        **{name: pd.array(found[:, n], dtype="str") for n, name in enumerate(_KEYS)}
    )


def _comparable(frame: pd.DataFrame) -> pd.DataFrame:
    """Return what is compared, in one spelling, "" for NA, with the row's `position`."""
    facts = frame[list(_PASSES[0])].reset_index(drop=True).fillna("")
    for name in NUMBERS:
        values = without_zeros(pa.array(facts[name], pa.large_string()))
        facts[name] = pd.array(values, dtype="str")
    for name in ("started_at", "ended_at"):
        # The CSV has whole seconds.
        facts[name] = facts[name].str.slice(0, 19)
    facts["position"] = np.arange(len(facts))
    return facts


def _keys(items: pd.DataFrame) -> tuple[pd.Series[str], pd.Series[str]]:
    """Return the second and the first id of each item."""
    uuid, number = items["resource_uuid"], items["resource_id"]
    is_uuid = uuid.str.fullmatch(_UUID, na=False)
    first = uuid.where(is_uuid, number.fillna(uuid))
    second = number.where(is_uuid, uuid.where(number.notna()))
    return second.where(second.str.lower() != first.str.lower()), first
