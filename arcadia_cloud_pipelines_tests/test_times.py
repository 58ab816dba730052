"""Times, spelled as others spell them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import sqlalchemy as sa
from hypothesis import example, given
from hypothesis import strategies as st

from arcadia_cloud_pipelines.common.times import database_time
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@example(datetime(1, 1, 2, tzinfo=UTC))
@example(datetime(2026, 10, 1, 0, 0, 0, 500_000, UTC))
@example(datetime(2026, 10, 1, 0, 0, 10, 0, UTC))
@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=ZONES))  # noqa: DTZ001
def test_a_time_is_written_as_postgresql_writes_it(warehouse: Warehouse, time: datetime) -> None:
    with warehouse.transaction() as connection:
        told = connection.execute(
            sa.text("SELECT to_jsonb(CAST(:time AS timestamptz)) #>> '{}'"), {"time": time}
        ).scalar_one()
    assert database_time(time) == told
