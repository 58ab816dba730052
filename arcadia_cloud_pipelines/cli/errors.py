"""Our own errors as one sentence on stderr and exit status 1; everything else stays a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from .. import foreign_text


@contextmanager
def told_in_one_sentence() -> Iterator[None]:
    """Turn an error whose text is meant for people into one that click shows."""
    try:
        yield
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except Exception as error:
        if not isinstance(error, _for_people()):
            raise
        raise click.ClickException(foreign_text.line(error)) from None


def _for_people() -> tuple[type[Exception], ...]:
    from ..digitalocean import DigitalOceanError
    from ..drift.errors import DriftError
    from ..inventory.classify import ProjectError
    from ..inventory.confirm import NothingToConfirm
    from ..inventory.rules import ProjectRulesError
    from ..operations.errors import OperationsError
    from ..settings import SettingsError
    from ..warehouse.embedded import EmbeddedPostgresError
    from ..warehouse.engine import WarehouseError

    return (
        SettingsError,
        WarehouseError,
        EmbeddedPostgresError,
        DigitalOceanError,
        OperationsError,
        NothingToConfirm,
        DriftError,
        ProjectError,
        ProjectRulesError,
    )
