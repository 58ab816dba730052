"""Managed database clusters, whose objects carry credentials.

Every credential holds `SECRET_PREFIX`: where that text turns up, something leaked.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any

from . import catalog
from .lives import Facts, Life, Price, iso
from .registry import Kind, Select, register

if TYPE_CHECKING:
    from .account import SimulatedAccount
    from .view import View

SECRET_PREFIX = "SIMULATED-SECRET-"  # noqa: S105

_SIZES = {
    "db-s-1vcpu-1gb": ("15", 10240),
    "db-s-1vcpu-2gb": ("30", 30720),
    "db-s-2vcpu-4gb": ("60", 61440),
    "db-s-4vcpu-8gb": ("120", 117760),
}
"""Slug -> price of a node in a month, disk in MiB."""

_ENGINES = {
    "pg": ("16", "postgresql", "defaultdb"),
    "mysql": ("8", "mysql", "defaultdb"),
    "valkey": ("8", "rediss", ""),
    "kafka": ("3.8", "kafka+ssl", ""),
    "opensearch": ("2", "https", ""),
}
_OFTEN = ("pg", "mysql", "valkey")


def _facts(rng: Random, engine: str, name: str, region: str) -> Facts:
    size = rng.choice(list(_SIZES))
    return {
        "name": name,
        "engine": engine,
        "version": _ENGINES[engine][0],
        "num_nodes": rng.choice([1, 1, 2]),
        "region": region,
        "status": "online",
        "size": size,
        "tags": rng.sample(["production", "env:prod", "team:data"], rng.randrange(3)),
        "storage_size_mib": _SIZES[size][1],
        "db_names": ["defaultdb", "app"] if engine != "valkey" else None,
    }


def _template(_account: SimulatedAccount, rng: Random) -> Facts:
    region = rng.choice(list(catalog.REGIONS))
    return _facts(rng, "pg", f"db-postgresql-{region}-{rng.randrange(10_000, 99_999)}", region)


def secret_of(resource_id: object) -> str:
    """The canary in every credential of a database."""
    return f"{SECRET_PREFIX}{str(resource_id)[:8]}"


def _connection(view: View, life: Life, facts: Facts, prefix: str) -> dict[str, Any]:
    secret = secret_of(life.id) if view.can("database:view_credentials") else ""
    host = f"{prefix}{facts['name']}-do-user-1908192-0.db.ondigitalocean.example"
    _, scheme, database = _ENGINES[facts["engine"]]
    return {
        "uri": f"{scheme}://doadmin:{secret}@{host}:25060/{database}?sslmode=require",
        "database": database,
        "host": host,
        "port": 25060,
        "user": "doadmin",
        "password": secret,
        "ssl": True,
    }


def _render(view: View, life: Life, facts: Facts) -> dict[str, Any]:
    secret = secret_of(life.id) if view.can("database:view_credentials") else ""
    # Maintenance is announced and carried out by DigitalOcean: noise.
    pending = view.chance(life.id, 6)
    users: list[dict[str, Any]] = [{"name": "doadmin", "role": "primary", "password": secret}]
    users.append({"name": "app", "role": "normal", "password": secret and f"{secret}-app"})
    return {
        "id": life.id,
        "connection": _connection(view, life, facts, ""),
        "private_connection": _connection(view, life, facts, "private-"),
        "users": view.order(users) if facts["engine"] != "valkey" else None,
        "created_at": iso(life.created_at),
        "maintenance_window": {
            "day": "saturday",
            "hour": "08:45:12",
            "pending": pending,
            "description": ["Update TimescaleDB to version 1.2.1"] if pending else [],
        },
        "private_network_uuid": view.account.vpc_uuid(facts["region"]),
        "version_end_of_life": "2028-11-09T00:00:00Z",
        "version_end_of_availability": "2028-05-09T00:00:00Z",
        "tags": view.order(facts["tags"]) or None,
        "project_id": view.project_of(f"do:dbaas:{life.id}"),
    }


def _select(params: Mapping[str, str]) -> Select | None:
    tag = params.get("tag_name")
    return None if tag is None else lambda facts: tag in facts["tags"]


def _populate(account: SimulatedAccount, rng: Random) -> None:
    alive = 0 if not account.droplets else max(3, min(200, account.droplets // 10))
    engines = _OFTEN
    for index in range(alive + alive // 2):
        ago = account.now - account.history_start
        at = (account.history_start + ago * (0.3 + 0.6 * rng.random())).replace(microsecond=0)
        engine = engines[index % len(engines)]
        region = rng.choice(["nyc3", "fra1", "ams3"])
        label = {"pg": "postgresql"}.get(engine, engine)
        name = f"db-{label}-{region}-{rng.randrange(10_000, 99_999)}"
        life = account.add_life(
            "database", account.new_uuid(rng), _facts(rng, engine, name, region), at
        )
        life_end = account.now
        if index >= alive:
            life_end = (at + (account.now - at) * rng.random() * 0.8).replace(microsecond=0)
            life_end = max(life_end, at + timedelta(minutes=5))
        elif rng.random() < 0.6:
            grown = (at + (life_end - at) * rng.random()).replace(microsecond=0)
            account.change_life(life, grown, size="db-s-4vcpu-8gb", storage_size_mib=117760)
        if index >= alive:
            account.bury(life, life_end)
    for engine in ("kafka", "opensearch") if alive else ():
        at = (account.now - (account.now - account.history_start) * 0.1).replace(microsecond=0)
        name = f"db-{engine}-fra1-{rng.randrange(10_000, 99_999)}"
        account.add_life("database", account.new_uuid(rng), _facts(rng, engine, name, "fra1"), at)


def _live(account: SimulatedAccount, rng: Random, hour: datetime) -> None:
    for _ in range(account.count(rng, 0.1)):
        if life := account.pick(rng, "database", lambda _: True):
            size = rng.choice(list(_SIZES))
            account.change_life(
                life, account.moment(rng, hour, life), size=size, storage_size_mib=_SIZES[size][1]
            )


def _price(facts: Facts, _at: datetime) -> Price | None:
    known = _SIZES.get(facts["size"])
    return catalog.monthly_price(Decimal(known[0]) * facts["num_nodes"]) if known else None


DATABASE = register(
    Kind(
        name="database",
        path="/v2/databases",
        envelope="databases",
        singular="database",
        scope="database:read",
        urn="dbaas",
        paged=False,
        params=frozenset({"tag_name"}),
        template=_template,
        render=_render,
        consumed=frozenset({"tags"}),
        select=_select,
        blanks={
            "tags": ("tag:read", []),
            "private_network_uuid": ("vpc:read", ""),
            "project_id": ("project:read", ""),
        },
        populate=_populate,
        live=_live,
        price=_price,
        size=lambda facts: str(facts["size"]),
    )
)
