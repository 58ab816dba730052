"""How long a sweep for drift takes, beside the comparison in SQL that it cannot take less than.

    .venv/bin/python -m benchmarks.drift [--resources 50000] [--repeat 3]

Every resource has a spec of 6 fields, three of them columns and three in attrs of about 1 kB. The
floor, measured in the same run: one SELECT that joins specs and resources, takes each field apart
and counts those that differ to the letter. Figures are medians; the first sweep opens one record
for each hundredth resource, look-alikes are specs that differ to the letter and not in meaning.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator

import sqlalchemy as sa

from arcadia_cloud_pipelines.drift.sweep import SweepResult, sweep
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from .figures import Figure, ratios
from .fresh import fresh_warehouse

SEED = """
    INSERT INTO cloud_resources (
        account, kind, provider_id, name, region, size_slug, status, tags, attrs, first_seen_at,
        last_seen_at
    )
    SELECT 'team', 'droplet', n::text, 'web-' || n, 'fra1', 's-1vcpu-1gb', 'active', '{a,b}',
        jsonb_build_object(
            'vcpus', 1, 'memory', 1024, 'vpc_uuid', md5(n::text), 'disk', 25,
            'image', jsonb_build_object('id', 7, 'slug', 'ubuntu-24-04-x64'),
            'features', '["backups", "ipv6"]'::jsonb,
            'networks', (SELECT jsonb_agg(md5((n * 20 + k)::text)) FROM generate_series(1, 20) AS k)
        ), now(), now()
    FROM generate_series(1, {resources}) AS n;
    INSERT INTO cloud_provisioned (resource_id, spec)
    SELECT id, jsonb_build_object(
        'name', name, 'region', region,
        'size_slug', CASE WHEN id % 100 = 0 THEN 's-2vcpu-2gb' ELSE size_slug END,
        'vcpus', attrs -> 'vcpus', 'memory', attrs -> 'memory', 'vpc_uuid', attrs -> 'vpc_uuid'
    ) FROM cloud_resources;
    INSERT INTO cloud_sync_runs (account, kind, started_at, ended_at, complete)
    VALUES ('team', 'droplet', now(), now(), true);
    ANALYZE cloud_resources; ANALYZE cloud_provisioned
"""
FLOOR = """
    SELECT count(*)
    FROM cloud_provisioned AS s
    JOIN cloud_resources AS r ON r.id = s.resource_id
    CROSS JOIN LATERAL jsonb_each(s.spec) AS f
    WHERE f.value IS DISTINCT FROM CASE f.key
        WHEN 'name' THEN to_jsonb(r.name)
        WHEN 'region' THEN to_jsonb(r.region)
        WHEN 'size_slug' THEN to_jsonb(r.size_slug)
        ELSE r.attrs -> f.key
    END
"""
LOOK_ALIKE = """
    UPDATE cloud_provisioned SET spec = spec || '{{"vcpus": "1", "memory": "1024"}}'
    WHERE id % {every} = 0
"""


def wal(warehouse: Warehouse) -> int:
    """Bytes of WAL that were ever written."""
    with warehouse.transaction() as connection:
        position = sa.text("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')")
        return int(connection.execute(position).scalar_one())


def run(warehouse: Warehouse, sql: str) -> None:
    """Statements as they are."""
    with warehouse.transaction() as connection:
        connection.exec_driver_sql(sql.replace("%", "%%"))


def measured(
    warehouse: Warehouse, work: Callable[[], object], repeat: int
) -> tuple[list[float], list[int]]:
    """Seconds and WAL bytes of each run."""
    seconds, written = [], []
    for _ in range(repeat):
        before = wal(warehouse)
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
        written.append(wal(warehouse) - before)
    return seconds, written


FLOOR_LABEL = "floor: comparison in SQL"
AIM = 2
MOST_BYTES = 8192
"""Bytes of WAL of a sweep that changes nothing: its own row, and what PostgreSQL does meanwhile."""


def figures(resources: int = 50_000, repeat: int = 5) -> Iterator[Figure]:
    """Yield the figures of each shape of the data."""
    shapes = measured_shapes(resources, repeat)
    floor, _ = shapes.pop(FLOOR_LABEL)
    for label, (seconds, _) in shapes.items():
        what = f"drift of {resources:,} × 6 fields, {label} ÷ floor"
        yield Figure(what, ratios(seconds, floor), AIM)
    _, written = shapes["unchanged"]
    yield Figure("drift, unchanged: WAL", written, MOST_BYTES, "B")


def measured_shapes(resources: int, repeat: int) -> dict[str, tuple[list[float], list[int]]]:
    """Return seconds and WAL bytes of each run of each shape, by its name."""
    with fresh_warehouse() as (_, warehouse):
        run(warehouse, SEED.replace("{resources}", str(resources)))
        results: list[SweepResult] = []

        def swept() -> None:
            results.append(sweep(warehouse))

        def floor() -> None:
            run(warehouse, FLOOR)

        shapes = {
            FLOOR_LABEL: measured(warehouse, floor, 1 + repeat),
            "first sweep, 1 % opens": measured(warehouse, swept, 1),
            "unchanged": measured(warehouse, swept, repeat),
        }
        for every, label in ((100, "unchanged, 1 % look-alikes"), (1, "all are look-alikes")):
            run(warehouse, LOOK_ALIKE.format(every=every))
            run(warehouse, "ANALYZE cloud_provisioned")
            shapes[label] = measured(warehouse, swept, repeat)
        counts = [(r.opened, r.updated, r.closed, r.open_after) for r in results]
        assert counts[0] == (resources // 100, 0, 0, resources // 100)
        assert set(counts[1:]) == {(0, 0, 0, resources // 100)}
    return shapes


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resources", type=int, default=50_000)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    shapes = measured_shapes(arguments.resources, arguments.repeat)
    floor = statistics.median(shapes[FLOOR_LABEL][0])
    print(f"{arguments.resources:,} resources × 6 fields")
    print(f"{'':32}{'seconds':>9}{'÷ floor':>9}{'WAL bytes':>11}")
    for label, (seconds, written) in shapes.items():
        wall, wal_bytes = statistics.median(seconds), int(statistics.median(written))
        print(f"{label:32}{wall:9.2f}{wall / floor:9.2f}{wal_bytes:11,}")


if __name__ == "__main__":
    main()
