"""How long others take for the droplets that we sync: dlt, and an ORM row by row.

    uv sync --project benchmarks/dlt_peer
    .venv/bin/python -m benchmarks.peers [--droplets 10000] [--repeat 3]

dlt has an environment and a lock of its own: the product does not depend on it. It merges by
upsert, nested fields as JSON. The ORM asks for each row by its identity, adds or changes it and
flushes it, and commits each page. Neither reads the backup policies, which are as many pages again,
nor keeps events or counts strikes, as we do.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from .figures import HEAD, Figure, ratios
from .fresh import fresh_warehouse
from .inventory import measure, simulator

DLT = Path(__file__).parent / "dlt_peer"
AIMS = {
    ("first sync", "dlt"): 1 / 3,
    ("unchanged", "dlt"): 1 / 5,
    ("first sync", "row by row"): 1 / 15,
    ("unchanged", "row by row"): 1 / 15,
}


class _Base(DeclarativeBase):
    pass


class _Droplet(_Base):
    __tablename__ = "peer_droplets"
    id: Mapped[int] = mapped_column(primary_key=True)
    provider_id: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str | None]
    attrs: Mapped[dict[str, Any]] = mapped_column(JSONB)
    last_seen_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))


def row_by_row(warehouse: Warehouse, url: str, token: str) -> float:
    """Upsert every droplet by itself, and return the seconds that it took."""
    _Base.metadata.create_all(warehouse.engine)
    begun = time.perf_counter()
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    page: int | None = 1
    while page is not None:
        query = {"page": str(page), "per_page": "200"}
        body = session.get(f"{url}/v2/droplets", params=query, timeout=60).json()
        with Session(warehouse.engine) as rows:
            for droplet in body["droplets"]:
                droplet.pop("next_backup_window", None)
                known = sa.select(_Droplet).filter_by(provider_id=str(droplet["id"]))
                row = rows.scalars(known).one_or_none()
                if row is None:
                    row = _Droplet(provider_id=str(droplet["id"]))
                    rows.add(row)
                row.name, row.last_seen_at = droplet["name"], datetime.now(UTC)
                if row.attrs != droplet:
                    row.attrs = droplet
                rows.flush()
            rows.commit()
        page = page + 1 if body["links"].get("pages", {}).get("next") else None
    return time.perf_counter() - begun


def by_dlt(warehouse: Warehouse, url: str, token: str, folder: str) -> float:
    """Run dlt's pipeline in its own environment, and return the seconds that it took."""
    place = warehouse.engine.url
    host = quote(str(place.query["host"]), safe="")
    # It asks for a password, which a socket does not.
    database = f"postgresql://{place.username}:none@{host}/{place.database}"
    done = subprocess.run(
        [DLT / ".venv/bin/python", DLT / "sync.py", url, token, database, folder],
        check=True, stdout=subprocess.PIPE, text=True, cwd=folder,
    )  # fmt: skip
    return float(json.loads(done.stdout.splitlines()[-1])["wall"])


def figures(droplets: int = 10_000, repeat: int = 3) -> Iterator[Figure]:
    """Yield our time as a share of each peer's."""
    runs: dict[tuple[str, str], list[float]] = {}
    with simulator(droplets) as (url, token, _):
        for _ in range(repeat):
            with fresh_warehouse() as (home, warehouse):
                for step in ("first sync", "unchanged"):
                    ours = measure("sync", home, url, token)["wall"]
                    runs.setdefault((step, "ours"), []).append(ours)
                    dlt = by_dlt(warehouse, url, token, str(home.parent))
                    runs.setdefault((step, "dlt"), []).append(dlt)
                    orm = row_by_row(warehouse, url, token)
                    runs.setdefault((step, "row by row"), []).append(orm)
    for (step, peer), aim in AIMS.items():
        what = f"{droplets:,} droplets, {step} ÷ {peer}"
        yield Figure(what, ratios(runs[step, "ours"], runs[step, peer]), round(aim, 3))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--droplets", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    print(HEAD, flush=True)
    for figure in figures(arguments.droplets, arguments.repeat):
        print(figure.row())


if __name__ == "__main__":
    main()
