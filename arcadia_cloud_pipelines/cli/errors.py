"""Our own errors as one sentence on stderr and exit status 1; everything else stays a traceback."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import click

from ..common import foreign_text

_OF_THE_MACHINE = {errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT, errno.EROFS}


@contextmanager
def told_in_one_sentence() -> Iterator[None]:
    """Turn an error whose text is meant for people into one that click shows."""
    try:
        yield
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except OSError as error:
        if error.errno not in _OF_THE_MACHINE:
            raise
        raise click.ClickException(
            f"{error.filename or 'A file'}: {error.strerror}. Run the command as the owner of "
            "the folder of local state, or set ARCADIA_HOME to a folder of your own; if the disk "
            "is full, free some space."
        ) from None
    except Exception as error:
        if not isinstance(error, _for_people()):
            raise
        raise click.ClickException(foreign_text.line(error)) from None


def _for_people() -> tuple[type[Exception], ...]:
    from ..allocation.rule_file import AllocationRulesError
    from ..allocation.statements import StatementError
    from ..billing.rebuild import NoOriginal
    from ..digitalocean import DigitalOceanError
    from ..drift.errors import DriftError
    from ..inventory.accounts import NothingToRetire
    from ..inventory.classify import ProjectError
    from ..inventory.confirm import NothingToConfirm
    from ..inventory.rules import ProjectRulesError
    from ..inventory.void import NothingToVoid
    from ..marts.reading import MartError
    from ..operations.errors import OperationsError
    from ..settings import SettingsError
    from ..warehouse.backups import BackupError
    from ..warehouse.embedded_programs import EmbeddedPostgresError
    from ..warehouse.errors import WarehouseError

    return (
        SettingsError,
        BackupError,
        WarehouseError,
        EmbeddedPostgresError,
        DigitalOceanError,
        OperationsError,
        MartError,
        NothingToConfirm,
        NothingToVoid,
        NothingToRetire,
        DriftError,
        ProjectError,
        ProjectRulesError,
        AllocationRulesError,
        StatementError,
        NoOriginal,
    )
