"""What is made from the registry, the database and the source: `docs/tables.md`,
`docs/messages.md`, the scopes of `docs/start.md`, `marts/sources.sql` and `marts/schema.json`.

To make them anew: `python -m arcadia_cloud_pipelines.documentation`.
"""

from __future__ import annotations

import json
import tempfile
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from ..billing import account_facts, balance, rates
from ..common.late import HOURLY, OTHER_SOURCES
from ..inventory import actions
from ..kinds import REGISTRY
from ..warehouse import described_views
from ..warehouse.embedded import EmbeddedPostgres
from ..warehouse.embedded_server import WAREHOUSE_DATABASE
from ..warehouse.engine import Warehouse
from ..warehouse.migrate import migrate
from . import messages
from .tables_page import cell, tables_page

PATH = Path(__file__).parent.parent.parent / "docs" / "tables.md"

_SOURCES_VIEW = """\
/*
comment = \"\"\"
Which sources does this release read, and when is each late? One row a source. Made from the
registry and `late.py` by `python -m arcadia_cloud_pipelines.documentation`.
\"\"\"
grain = ["source"]
example = "SELECT source, source_group, late_after FROM marts.sources ORDER BY source"
[columns]
source = "Kind of resource, or a source that is no kind."
source_group = "inventory, billing or drift: the group of its asset."
late_after = "Age from which it is late: three times its schedule's interval."
account = "Always null: sources belong to no account."
as_of = "Always null: this is no observation."
complete = "Always true."
*/
SELECT
    CAST(NULL AS text) AS account, s.source, s.source_group, CAST(s.late_after AS interval) AS
    late_after, CAST(NULL AS timestamptz) AS as_of, true AS complete
FROM (
    SELECT k.kind, 'inventory', '%s' FROM marts.kinds AS k
    UNION ALL
    VALUES
%s
) AS s (source, source_group, late_after)
"""

SOURCES_VIEW_PATH = Path(__file__).parent.parent / "marts" / "sources.sql"


def sources_view() -> str:
    """Return the file of the view `marts.sources` as it should be."""
    rows = (
        f"        ('{source.name}', '{source.group}', '{_interval(source.late_after)}')"
        for source in OTHER_SOURCES
    )
    return _SOURCES_VIEW % (_interval(HOURLY), ",\n".join(rows))


def _interval(age: timedelta) -> str:
    return f"{int(age.total_seconds() // 3600)} hours"


START_PATH = PATH.with_name("start.md")
_SCOPES_BEGIN = "<!-- Made by `python -m arcadia_cloud_pipelines.documentation`. -->\n"
_SCOPES_END = "<!-- The end of what is made. -->\n"

_FURTHER_SCOPES = (
    (account_facts.SCOPE, "whose account it is, which is asked first, and its limits"),
    (balance.SCOPE, "balance, invoices with their lines, costs of each day"),
    (actions.SCOPE, "what was done to which resource, and when"),
    (rates.SCOPE, "list prices of plans"),
)
"""Scopes of what is no kind, the most needed first."""


def scopes() -> dict[str, str]:
    """Return each scope that a token needs, with what it lets us read."""
    found = dict(_FURTHER_SCOPES)
    kinds: dict[str, list[str]] = {}
    for kind in REGISTRY:
        if ":" in kind.scope:  # buckets are listed with a key pair
            kinds.setdefault(kind.scope, []).append(kind.asset)
    for scope, assets in sorted(kinds.items()):
        found[scope] = ", ".join(assets)
    return found


def start_page(text: str) -> str:
    """Return the page of a first start with the scopes as they should be."""
    before, _, rest = text.partition(_SCOPES_BEGIN)
    _, _, after = rest.partition(_SCOPES_END)
    rows = "".join(f"- [ ] `{scope}`: {cell(what)}\n" for scope, what in scopes().items())
    return f"{before}{_SCOPES_BEGIN}\n{rows}\n{_SCOPES_END}{after}"


SCHEMA_PATH = SOURCES_VIEW_PATH.with_name("schema.json")


def views_schema(connection: sa.Connection) -> str:
    """Return the file of the views' columns as a migrated database has them."""
    return json.dumps(described_views.describe_views(connection), indent=1) + "\n"


def main() -> None:
    """Write all files; the views' columns come from a database that is made for it."""
    messages.PATH.write_text(messages.messages_page(), encoding="utf-8")
    SOURCES_VIEW_PATH.write_text(sources_view(), encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder))
        warehouse = Warehouse(server.url(WAREHOUSE_DATABASE), embedded=True)
        migrate(warehouse)
        with warehouse.transaction() as connection:
            SCHEMA_PATH.write_text(views_schema(connection), encoding="utf-8")
        warehouse.engine.dispose()
    PATH.write_text(tables_page(), encoding="utf-8")
    page = start_page(START_PATH.read_text(encoding="utf-8"))
    START_PATH.write_text(page, encoding="utf-8")
