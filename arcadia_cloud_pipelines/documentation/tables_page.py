"""The page `docs/tables.md`: every kind, every table, every view."""

from __future__ import annotations

from collections.abc import Iterator

from ..drift.terraform_types import CLAIMS, TYPES, UNMAPPED
from ..kinds import REGISTRY
from ..kinds.severity import COMMON
from ..schema import TABLES
from ..warehouse import described_views, views


def cell(text: object) -> str:
    """Return a text as it can stand in a cell of a table."""
    return " ".join(str(text or "").split()).replace("|", "\\|")


def _head(*columns: str) -> Iterator[str]:
    """Yield how a table with these columns begins."""
    yield f"| {' | '.join(columns).rstrip()} |"
    yield f"| {' | '.join('---' for _ in columns)} |"


def _lines() -> Iterator[str]:
    yield "# Tables and kinds"
    yield ""
    yield (
        "Made by `python -m arcadia_cloud_pipelines.documentation`: change the code, not this page."
    )
    yield from _listings()
    yield from _columns()
    yield from _terraform_lines()
    yield from _severities()
    yield from _tables()


def _listings() -> Iterator[str]:
    yield from ("", "## Kinds", "")
    yield from _head("kind", "asset", "what", "endpoints", "scope", "pool")
    for kind in REGISTRY:
        paths = ", ".join(
            "`GET "
            + endpoint.path
            + ("?" if endpoint.params else "")
            + "&".join(f"{name}={value}" for name, value in endpoint.params.items())
            + "`"
            for endpoint in kind.endpoints
        )
        paths += "".join(f"; `{more.field}` from `{more.kind}`" for more in kind.supplements)
        yield (
            f"| `{kind.name}` | `{kind.asset}` | {cell(kind.description)} | {paths} "
            f"| `{kind.scope}` | `{kind.purpose.value}` |"
        )


def _columns() -> Iterator[str]:
    yield from ("", "### Where each kind's columns come from, and what is never stored", "")
    yield "Fields named or shaped like credentials are dropped from every kind besides these."
    yield ""
    yield from _head(
        "kind", "id", "name", "region", "status", "size", "tags", "created", "noise", "secret"
    )
    for kind in REGISTRY:
        columns = (
            kind.identity, kind.title, kind.region, kind.status, kind.size_slug, kind.tags,
            kind.created_at,
        )  # fmt: skip
        cells = [f"`{path}`" if path else "" for path in columns]
        cells += [", ".join(f"`{path}`" for path in paths) for paths in (kind.noise, kind.secret)]
        yield f"| `{kind.name}` | " + " | ".join(cells) + " |"


def _terraform_lines() -> Iterator[str]:
    yield from ("", "### What Terraform says of each kind", "")
    yield "Types of the DigitalOcean provider, and the fields that are compared. Membership in a"
    yield "project is read from `digitalocean_project` and `digitalocean_project_resources`, too,"
    yield "further node pools from `digitalocean_kubernetes_node_pool`."
    yield ""
    yield from _head("kind", "types", "fields")
    types: dict[str, list[str]] = {}
    fields: dict[str, set[str]] = {}
    for name, known in [*TYPES.items(), *CLAIMS.items()]:
        types.setdefault(known.kind, []).append(name)
        fields.setdefault(known.kind, set()).update(known.fields())
    for kind in REGISTRY:
        if kind.name in types:
            yield (
                f"| `{kind.name}` | " + ", ".join(f"`{name}`" for name in types[kind.name])
                + " | " + ", ".join(f"`{field}`" for field in sorted(fields[kind.name])) + " |"
            )  # fmt: skip
    yield ""
    yield from _head("not read", "why")
    for name, why in sorted(UNMAPPED.items()):
        yield f"| `{name}` | {cell(why)} |"


def _severities() -> Iterator[str]:
    yield from ("", "### How bad a difference from the plan is", "")
    yield "A field that stands in neither table is an error."
    yield ""
    yield from _head("kind", "field", "severity")
    for name, severity in COMMON.items():
        yield f"| every kind | `{name}` | {severity} |"
    for kind in REGISTRY:
        for name, severity in kind.severities.items():
            yield f"| `{kind.name}` | `{name}` | {severity} |"
        for name in kind.opens:
            yield f"| `{kind.name}` | `{name}` | critical where it lets more in, else error |"


def _tables() -> Iterator[str]:
    yield ""
    yield "## Tables"
    for table in TABLES:
        yield from ("", f"### {table.name}", "")
        yield cell(table.comment)
        yield ""
        yield from _head("column", "type", "")
        for column in table.columns:
            yield f"| `{column.name}` | {cell(column.type)} | {cell(column.comment)} |"


def _view_lines() -> Iterator[str]:
    yield from ("", "## Views of the schema marts", "")
    yield (
        "Each answers one question. `as_of` and `complete` say how old and how whole the answer is."
    )
    for view in sorted(views.read_views(), key=lambda view: view.name):
        yield from ("", f"### marts.{view.name}", "")
        yield cell(view.comment)
        yield ""
        yield f"One row per {', '.join(f'`{column}`' for column in view.grain)}."
        yield ""
        yield "```sql"
        yield view.example
        yield "```"
        yield ""
        yield from _head("column", "type", "")
        for column, type_ in described_views.described_columns()[view.name]["columns"].items():
            yield f"| `{column}` | {type_} | {cell(view.comment_of(column))} |"


def tables_page() -> str:
    """Return the page as it should be."""
    return "\n".join([*_lines(), *_view_lines()]) + "\n"
