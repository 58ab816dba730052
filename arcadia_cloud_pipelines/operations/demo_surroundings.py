"""What the demo works in: an environment without a real account, and a log in a file."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..settings import environment_file
from .reviewed_story import FILES

OWN_VARIABLES = (
    "ARCADIA_DATABASE_URL", "DAGSTER_POSTGRES_URL", "DO_API_", "SPACES_", *FILES,
    # What is wrong with a simulated account is for nobody's telephone.
    "ARCADIA_NOTIFY_", "ARCADIA_ALARM_", "ARCADIA_HEARTBEAT_",
)  # fmt: skip


@contextmanager
def demo_environment(variables: dict[str, str]) -> Iterator[None]:
    """These variables, and none that would lead to a real account or another database."""
    saved = dict(os.environ)
    for name in list(os.environ):
        if name.startswith(OWN_VARIABLES):
            del os.environ[name]
    os.environ.update({environment_file.VARIABLE: "", **variables})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(saved)


@contextmanager
def log_to_file(path: Path) -> Iterator[logging.Handler]:
    """Send what libraries log to the file, and show none of it."""
    path.unlink(missing_ok=True)
    # Dagster configures logging at each run, which closes every handler; in this mode it reopens.
    handler = logging.FileHandler(path, mode="a", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    try:
        yield handler
    finally:
        logging.captureWarnings(False)
        root.setLevel(level)
        root.removeHandler(handler)
        handler.close()
