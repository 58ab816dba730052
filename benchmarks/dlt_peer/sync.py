"""The same droplets with dlt: a paged source, merged by upsert into PostgreSQL.

Started by `benchmarks/peers.py` in an environment of its own; prints its seconds as JSON.
"""

import json
import sys
import time
from collections.abc import Iterator

import dlt
import orjson
import requests


def pages(url: str, token: str) -> Iterator[list[dict]]:
    """Yield the droplets page by page, without what changes by itself."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    page: int | None = 1
    while page is not None:
        answer = session.get(f"{url}/v2/droplets", params={"page": page, "per_page": 200})
        body = orjson.loads(answer.content)
        for droplet in body["droplets"]:
            droplet.pop("next_backup_window", None)
        yield body["droplets"]
        page = page + 1 if body["links"].get("pages", {}).get("next") else None


def main() -> None:
    """Run the pipeline once."""
    url, token, database, folder = sys.argv[1:]
    pipeline = dlt.pipeline(
        "peer",
        pipelines_dir=folder,
        destination=dlt.destinations.postgres(database),
        dataset_name="peer_dlt",
    )
    resource = dlt.resource(
        pages(url, token),
        name="droplets",
        primary_key="id",
        write_disposition={"disposition": "merge", "strategy": "upsert"},
        max_table_nesting=0,
    )
    begun, cpu = time.perf_counter(), time.process_time()
    pipeline.run(resource).raise_on_failed_jobs()
    print(json.dumps({"wall": time.perf_counter() - begun, "cpu": time.process_time() - cpu}))


if __name__ == "__main__":
    main()
