"""`arcadia provisioned`: record, show, adopt, terraform."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from .drift import check_kind, json_value
from .output import echo, list_formats, print_rows
from .surroundings import the_warehouse, user
from .terraform import confirm_withdrawal_, reset_serial_, sources_, terraform

if TYPE_CHECKING:
    from ..drift.resource_refs import ResourceRef
    from ..drift.specs import SpecView


@click.group()
def provisioned() -> None:
    """Say what was meant to be: the desired state of resources."""


for command in (terraform, sources_, confirm_withdrawal_, reset_serial_):
    provisioned.add_command(command)


@provisioned.command()
@click.argument("kind")
@click.argument("resource", metavar="ID|NAME")
@click.argument("fields", metavar="[FIELD=VALUE]...", nargs=-1)
@click.option("--spec", help="Fields and values as one JSON object; - reads standard input.")
@click.option("--replace", is_flag=True, help="Drop the fields that are not named.")
@click.option("--unset", multiple=True, metavar="FIELD", help="Drop this field.")
@click.option("--actor", help="Who says so; you by default.")
@click.option("--reason", help="Why, for those who read it later.")
@click.option("--account", help="The team's, where two use one name.")
def record_command(
    kind: str,
    resource: str,
    fields: tuple[str, ...],
    spec: str | None,
    replace: bool,
    unset: tuple[str, ...],
    actor: str | None,
    reason: str | None,
    account: str | None,
) -> None:
    """Record the spec of one resource: arcadia provisioned record droplet web-1 size_slug=s-1."""
    from ..drift.resource_refs import ResourceRef
    from ..drift.specs import record_provisioned

    text = sys.stdin.read() if spec == "-" else spec
    values = json_value(text or "{}")
    if not isinstance(values, dict):
        raise click.UsageError(
            '--spec must be a JSON object, such as {"size_slug": "s-1vcpu-1gb"}.'
        )
    for field in fields:
        name, separator, value = field.partition("=")
        if not separator:
            raise click.UsageError(f"{field} must be FIELD=VALUE.")
        values[name] = json_value(value)
    if not values and not unset:
        raise click.UsageError("Name at least one FIELD=VALUE, or give --spec.")
    recorded = record_provisioned(
        the_warehouse(),
        ResourceRef(kind, resource, account),
        values,
        actor=actor or user(),
        reason=reason,
        mode="replace" if replace else "merge",
        unset=unset,
    )
    for left_out in recorded.left_out:
        echo(
            f"{left_out} was left out: it is a credential, or the inventory does not store it.",
            fg="yellow",
            err=True,
        )
    echo(
        f"{kind} {resource}: spec version {recorded.spec_version}"
        + ("" if recorded.changed else ", nothing changed")
    )


@provisioned.command("show")
@click.argument("kind")
@click.argument("resource", metavar="ID|NAME")
@click.option("--account", help="The team's, where two use one name.")
@list_formats
def show_provisioned_command(
    kind: str, resource: str, account: str | None, format_: str | None
) -> None:
    """Show a spec beside what is live, and its versions.

    --json and --csv give a row for each field, without the versions.
    """
    from ..drift.canonical import About
    from ..drift.compare import present, same
    from ..drift.resource_refs import ResourceRef
    from ..drift.specs import show
    from ..drift.words import field_text, value_text

    view = show(the_warehouse(), ResourceRef(kind, resource, account))
    if format_:
        _print_fields(view, format_)
        return
    echo(
        f"{view.kind} {view.name or ''} ({view.provider_id}): version {view.spec_version}, "
        f"{view.source}, by {view.provisioned_by}, {view.updated_at:%Y-%m-%d %H:%M} UTC"
    )
    for field, desired in sorted(view.spec.items()):
        live = view.live.get(field)
        about = About(view.kind, field in view.terraform_fields)
        mark = " " if same(field, desired, live, about) else "≠"
        found = value_text(field, present(field, desired, live))
        shown = "" if mark == " " else f"   live: {found}"
        echo(f"{mark} {field_text(field):24}{value_text(field, desired)}{shown}")
    for version in view.history:
        echo(
            f"version {version['spec_version']}: {version['source']} by {version['actor']}, "
            f"{version['recorded_at']:%Y-%m-%d %H:%M} UTC"
            + (f" ({version['reason']})" if version["reason"] else "")
        )


def _print_fields(view: SpecView, format_: str) -> None:
    from ..drift.canonical import About
    from ..drift.compare import same

    columns = (
        "resource_id", "kind", "provider_id", "name", "field", "desired", "live", "differs",
        "spec_version", "source", "provisioned_by", "updated_at",
    )  # fmt: skip
    rows = []
    for field, desired in sorted(view.spec.items()):
        live = view.live.get(field)
        about = About(view.kind, field in view.terraform_fields)
        differs = not same(field, desired, live, about)
        values = {"field": field, "desired": desired, "live": live, "differs": differs}
        rows.append([values[c] if c in values else getattr(view, c) for c in columns])
    print_rows(columns, rows, format_)


@provisioned.command()
@click.option("--kind", "kinds", multiple=True, help="Only this kind; may be repeated.")
@click.option("--field", "fields", multiple=True, help="Only this field; may be repeated.")
@click.option(
    "--resource", "resources", multiple=True, metavar="KIND/ID", help="Only this; may be repeated."
)
@click.option("--actor", help="Who says so; you by default.")
@click.option("--reason", help="Why, for those who read it later.")
def adopt_command(
    kinds: tuple[str, ...], fields: tuple[str, ...], resources: tuple[str, ...],
    actor: str | None, reason: str | None,
) -> None:  # fmt: skip
    """Take what is live today as the desired state."""
    from ..drift.adopting import adopt

    for kind in kinds:
        check_kind(kind)
    changed = adopt(
        the_warehouse(),
        actor=actor or user(),
        kinds=kinds,
        fields=fields,
        resources=[_ref(text) for text in resources],
        reason=reason,
    )
    echo(f"{changed:,} specs recorded or changed.")


def _ref(text: str) -> ResourceRef:
    from ..drift.resource_refs import ResourceRef

    kind, separator, provider_id = text.partition("/")
    if not separator:
        raise click.UsageError(f"{text} must be KIND/ID, such as droplet/123.")
    return ResourceRef(kind, provider_id)
