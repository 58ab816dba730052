from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcadia_cloud_pipelines.billing.invoice_csv import COLUMNS, parse_invoice_csv
from arcadia_cloud_pipelines.billing.items import attach_resource_keys, item_texts
from arcadia_cloud_pipelines.billing.items import items_frame as frame_of_texts

from ..examples import EXAMPLES

EXAMPLE = EXAMPLES / "invoice_items.json"
UUID = "711157cb-37c8-4817-b371-44fa3504a39c"
OTHER = "11111111-2222-4333-8444-555555555555"
Item = dict[str, Any]


def item(**fields: Any) -> Item:
    return {
        "product": "Droplets",
        "description": "web-1 (s-1vcpu-1gb)",
        "amount": "12.30",
        "duration": "744",
        "duration_unit": "Hours",
        "start_time": "2026-04-01T00:00:00Z",
        "end_time": "2026-05-01T00:00:00Z",
    } | fields


def items_frame(items: list[Item]) -> pd.DataFrame:
    return frame_of_texts([item_texts(one) for one in items])


HEADER = "product,group_description,description,hours,start,end,USD,project_name,category\n"
LINE = (
    "Droplets,,web-1 (s-1vcpu-1gb),744,2026-04-01 00:00:00 +0000,2026-05-01 00:00:00 +0000,"
    "$12.30,,iaas\n"
)


def csv_lines(*rows: str) -> pd.DataFrame:
    return parse_invoice_csv((HEADER + "".join(rows)).encode(), invoice="i")


def keys(lines: pd.DataFrame, *items: Item) -> list[str | None]:
    attached = attach_resource_keys(lines, items_frame(list(items)))
    pd.testing.assert_frame_equal(attached.drop(columns=["second_key", "resource_key"]), lines)
    assert attached["resource_key"].dtype == attached["second_key"].dtype == "str"
    return [None if pd.isna(key) else key for key in attached["resource_key"]]


# -- items_frame ----------------------------------------------------------------------------------


def test_the_official_example() -> None:
    frame = items_frame(json.loads(EXAMPLE.read_text())["invoice_items"])
    assert tuple(frame.columns) == (*COLUMNS, "resource_uuid", "resource_id")
    assert [str(t) for t in frame.dtypes] == ["int64"] + ["str"] * 11
    assert frame.astype(object).where(frame.notna(), None).to_dict("records")[0] == {
        "line_number": 1, "product": "Kubernetes Clusters",
        "group_description": "my-doks-cluster", "description": "a56e086a317d8410c8b4cfd1f4dc9f82",
        "hours": "744", "started_at": "2020-01-01 00:00:00+00",
        "ended_at": "2020-02-01 00:00:00+00", "amount": "12.34", "project_name": None,
        "category": None, "resource_uuid": UUID, "resource_id": None,
    }  # fmt: skip


def test_no_items() -> None:
    frame = items_frame([])
    assert tuple(frame.columns) == (*COLUMNS, "resource_uuid", "resource_id")
    assert keys(csv_lines(LINE)) == [None]
    assert keys(csv_lines(), item(resource_id="1")) == []


@pytest.mark.parametrize(
    "value", [None, "", " ", "0", 0, [], {}, "00000000-0000-0000-0000-000000000000"]
)
def test_ways_to_name_no_resource(value: Any) -> None:
    frame = items_frame([item(resource_id=value, resource_uuid=value)])
    assert frame[["resource_id", "resource_uuid"]].isna().all(axis=None)


def test_numbers_need_not_be_texts() -> None:
    frame = items_frame([item(resource_id=123, amount=12.3, duration=744.0)])
    assert frame[["resource_id", "amount", "hours"]].iloc[0].to_list() == ["123", "12.3", "744"]


def test_what_cannot_be_read_is_na_and_pairs_with_nothing() -> None:
    broken = item(resource_id="1", amount="a lot", duration="long", start_time="soon")
    frame = items_frame([broken, item(amount=None), item(description="a\0\ud800")])
    assert frame[["amount", "hours", "started_at"]].iloc[0].isna().all()
    assert frame["description"][2] == "a\ufffd?"
    assert keys(csv_lines(LINE), broken) == [None]


# -- attach_resource_keys -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"resource_uuid": UUID, "resource_id": "5"}, UUID),
        ({"resource_uuid": UUID.upper()}, UUID.upper()),
        ({"resource_uuid": "", "resource_id": "5"}, "5"),
        ({"resource_uuid": "odd", "resource_id": "5"}, "5"),
        ({"resource_uuid": "odd", "resource_id": ""}, "odd"),
        ({}, None),
    ],
)
def test_the_key(fields: Item, key: str | None) -> None:
    assert keys(csv_lines(LINE), item(**fields)) == [key]


@pytest.mark.parametrize(
    ("fields", "second"),
    [
        ({"resource_uuid": UUID, "resource_id": "5"}, "5"),
        ({"resource_uuid": UUID, "resource_id": 5}, "5"),
        ({"resource_uuid": "assets-prod", "resource_id": "5"}, "assets-prod"),
        ({"resource_uuid": UUID, "resource_id": "0"}, None),
        ({"resource_uuid": UUID, "resource_id": UUID.upper()}, None),
        ({"resource_uuid": "00000000-0000-0000-0000-000000000000", "resource_id": "5"}, None),
        ({"resource_id": "5"}, None),
        ({}, None),
    ],
)
def test_the_second_key(fields: Item, second: str | None) -> None:
    attached = attach_resource_keys(csv_lines(LINE), items_frame([item(**fields)]))
    assert attached["second_key"].astype(object).where(attached["second_key"].notna(), None)[0] == (
        second
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"amount": "12.3"}, {"amount": "12.300"}, {"duration": "744.0"}, {"duration": 744},
        {"start_time": "2026-04-01T00:00:00.25Z"}, {"start_time": "2026-04-01 02:00:00 +0200"},
        {"duration": "2678400"}, {"start_time": None, "end_time": ""}, {"project_name": "other"},
        {"category": "paas"}, {"group_description": " "},
    ],
)  # fmt: skip
def test_what_may_differ(fields: Item) -> None:
    assert keys(csv_lines(LINE), item(resource_id="5", **fields)) == ["5"]


@pytest.mark.parametrize(
    "fields",
    [{"product": "Volumes"}, {"description": "web-2 (s-1vcpu-1gb)"}, {"amount": "12.31"},
     {"amount": "-12.30"}, {"amount": "123.0"}, {"group_description": "x"}, {"amount": ""}],
)  # fmt: skip
def test_what_may_not(fields: Item) -> None:
    assert keys(csv_lines(LINE), item(resource_id="5", **fields)) == [None]


def test_each_belongs_to_one_pair() -> None:
    twins = [item(resource_id="5"), item(resource_id="6")]
    assert sorted(keys(csv_lines(LINE, LINE), *twins), key=str) == ["5", "6"]
    assert keys(csv_lines(LINE, LINE, LINE), *twins) == ["5", "6", None]
    assert keys(csv_lines(LINE), *twins) == keys(csv_lines(LINE), *reversed(twins)) == ["5"]


def test_the_closest_pair_comes_first() -> None:
    lines = csv_lines(LINE.replace("744", "700"), LINE)
    assert keys(lines, item(resource_id="5"), item(resource_id="6", duration="1")) == ["6", "5"]
    late = LINE.replace("2026-04-01", "2026-04-02")
    items = [
        item(resource_id="5", duration="1"),
        item(resource_id="6", duration="2", start_time="2026-04-02T00:00:00Z"),
    ]
    assert keys(csv_lines(late, LINE), *items) == ["6", "5"]


def test_an_item_without_an_id_takes_its_own_line() -> None:
    lines = csv_lines(LINE.replace("744", "700"), LINE)
    assert keys(lines, item(), item(resource_id="6", duration="1")) == ["6", None]


def test_the_index_of_the_lines_stays() -> None:
    lines = csv_lines(LINE, LINE.replace("web-1", "web-2")).set_index(pd.Index([9, 4]))
    assert keys(lines, item(resource_id="5")) == ["5", None]


some_items = st.lists(
    st.builds(
        item,
        description=st.sampled_from(["a", "b"]),
        group_description=st.sampled_from(["", "g"]),
        amount=st.sampled_from(["1.00", "1.0", "2"]),
        duration=st.sampled_from(["744", "744.0", "5", ""]),
        start_time=st.sampled_from(["2026-04-01T00:00:00Z", "2026-04-02T00:00:00Z", ""]),
        project_name=st.sampled_from(["", "p"]),
        resource_id=st.sampled_from(["", "1", "2", "3"]),
        resource_uuid=st.sampled_from(["", "", UUID, OTHER]),
    ),
    max_size=10,
)


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Without what two spellings of one number differ in: lines that differ so are equal."""
    numbers = {n: frame[n].str.replace(r"\.0+$", "", regex=True) for n in ("amount", "hours")}
    return frame.assign(**numbers).fillna("")


def outcome(lines: pd.DataFrame, items: list[Item]) -> Counter[tuple[Any, ...]]:
    attached = plain(attach_resource_keys(lines, items_frame(items)))
    assert list(attached.columns[-2:]) == ["second_key", "resource_key"]
    return Counter(attached.drop(columns="line_number").itertuples(index=False, name=None))


@given(of_lines=some_items, items=some_items, random=st.randoms())
def test_order_does_not_matter_and_no_key_is_made_up(
    of_lines: list[Item], items: list[Item], random: Any
) -> None:
    lines = items_frame(of_lines).drop(columns=["resource_uuid", "resource_id"])
    before = outcome(lines, items)
    assert Counter(key for *_, key in before.elements() if key) <= Counter(
        i["resource_uuid"] or i["resource_id"] for i in items
    )
    random.shuffle(items)
    order = list(range(len(lines)))
    random.shuffle(order)
    assert outcome(lines.iloc[order], items) == before


@given(items=some_items, random=st.randoms())
def test_an_invoice_pairs_with_itself(items: list[Item], random: Any) -> None:
    frame = items_frame(items)
    uuid = frame["resource_uuid"]
    lines = frame.assign(own=uuid.fillna(frame["resource_id"]))
    random.shuffle(items)
    attached = plain(attach_resource_keys(lines, items_frame(items)))
    shown, found = ([*COLUMNS[1:], key] for key in ("own", "resource_key"))
    assert Counter(attached[shown].itertuples(index=False, name=None)) == Counter(
        attached[found].itertuples(index=False, name=None)
    )


def test_many_equal_lines() -> None:
    lines = items_frame([item()] * 3000)
    attached = attach_resource_keys(
        lines, items_frame([item(resource_id=n + 1) for n in range(3000)])
    )
    assert set(attached["resource_key"]) == set(map(str, np.arange(3000) + 1))


def test_equal_rows_of_two_invoices_are_never_paired_across() -> None:
    row = {"product": "Droplets", "description": "web (s-1vcpu-1gb)", "amount": "6.00"}
    csv = b"product,description,USD\nDroplets,web (s-1vcpu-1gb),$6.00\n"
    lines = pd.concat(
        [parse_invoice_csv(csv, invoice="x").assign(invoice=n) for n in (0, 1)], ignore_index=True
    )
    items = pd.concat(
        [
            items_frame([{**row, "resource_id": key}]).assign(invoice=n)
            for n, key in ((1, "11"), (0, "10"))
        ],
        ignore_index=True,
    )
    keyed = attach_resource_keys(lines, items, within="invoice")
    assert list(keyed["resource_key"]) == ["10", "11"]
    assert (
        attach_resource_keys(lines, items[:1], within="invoice")["resource_key"].isna().sum() == 1
    )
