"""What a command finds around it: the warehouse of the environment, and who is at the keyboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..warehouse.engine import Warehouse


def the_warehouse() -> Warehouse:
    """Return the warehouse of the settings."""
    from ..settings import load_settings
    from ..warehouse.engine import open_warehouse

    return open_warehouse(load_settings())


def user() -> str:
    """Return the name of who is at the keyboard."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        import os

        return f"uid {os.getuid()}"
