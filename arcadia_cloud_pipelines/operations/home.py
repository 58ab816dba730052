"""The folder of local state: what is where in it, and who may use it.

<home>/postgres/        the embedded PostgreSQL
<home>/dagster/         DAGSTER_HOME: dagster.yaml, workspace.yaml, output of runs
<home>/logs/            one file per process, rotated
<home>/simulator.json   which simulated account this is, and its time
<home>/env              see `environment_file`
<home>/api-secret       signs tokens for the API of a demo; never there for a real account
<home>/up.lock, up.json whether `arcadia up` works here, and with which processes
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fasteners

from ..common.folders import FolderError, prepare_home
from ..settings import checkout
from .errors import OperationsError

# For an installation without a checkout; a checkout's own dagster.yaml says more.
_MINIMAL_INSTANCE = """\
storage:
  custom:
    module: arcadia_cloud_pipelines.warehouse.dagster_storage
    class: ArcadiaStorage
    config: {}
telemetry:
  enabled: false
concurrency:
  runs:
    max_concurrent_runs: 4
  pools:
    granularity: op
    default_limit: 1
run_coordinator:
  module: dagster.core.run_coordinator
  class: QueuedRunCoordinator
  config:
    max_user_code_failure_retries: 8
    user_code_failure_retry_delay: 15
run_launcher:
  module: arcadia_cloud_pipelines.operations.run_launcher
  class: ArcadiaRunLauncher
  config: {}
run_monitoring:
  enabled: true
  start_timeout_seconds: 100
  cancel_timeout_seconds: 100
  max_runtime_seconds: 7200
  poll_interval_seconds: 15
  free_slots_after_run_end_seconds: 10
run_retries:
  enabled: true
  max_retries: 1
  retry_on_asset_or_op_failure: false
"""


class AlreadyRunning(OperationsError):
    """Another `arcadia up` or `arcadia demo` works in this folder."""


@dataclass(frozen=True)
class Home:
    """Paths within the folder of local state."""

    path: Path

    @property
    def dagster(self) -> Path:
        """Return what DAGSTER_HOME is for everything we start."""
        return self.path / "dagster"

    @property
    def logs(self) -> Path:
        """Return the folder where processes write."""
        return self.path / "logs"

    @property
    def state(self) -> Path:
        """Return what `arcadia up` left of itself, for the next one and for the doctor."""
        return self.path / "up.json"

    @property
    def simulator(self) -> Path:
        """See `simulated`."""
        return self.path / "simulator.json"

    @property
    def api_secret(self) -> Path:
        """See `local_tokens`."""
        return self.path / "api-secret"

    def make(self) -> None:
        """Make the folder itself, for this user alone.

        Raises:
            OperationsError: it cannot be made, or is another user's.
        """
        try:
            prepare_home(self.path)
        except FolderError as error:
            raise OperationsError(str(error)) from None

    def prepare(self) -> None:
        """Make the folders, and give Dagster the checkout's `dagster.yaml`."""
        self.make()
        for folder in (self.dagster, self.logs):
            folder.mkdir(mode=0o700, exist_ok=True)
            if folder.stat().st_mode & 0o077:
                folder.chmod(0o700)
        source = checkout() / "dagster.yaml"
        text = source.read_text(encoding="utf-8") if source.is_file() else _MINIMAL_INSTANCE
        replace_file(self.dagster / "dagster.yaml", text)

    def read_state(self) -> dict[str, Any]:
        """The content of `state`; empty when there is none."""
        try:
            state = json.loads(self.state.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return state if isinstance(state, dict) else {}

    def write_state(self, state: Mapping[str, Any]) -> None:
        """Replace the content of `state`."""
        replace_file(self.state, json.dumps(state))

    def in_use(self) -> bool:
        """Say if another process has `exclusive` now."""
        lock = fasteners.InterProcessLock(str(self.path / "up.lock"))
        if not os.access(self.path / "up.lock", os.W_OK):
            return False  # There is none, or it is another user's.
        if not lock.acquire(blocking=False):
            return True
        lock.release()
        return False

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep every other `arcadia up` and `arcadia demo` out of this folder.

        Raises:
            AlreadyRunning: one is there.
        """
        self.make()
        lock = fasteners.InterProcessLock(str(self.path / "up.lock"))
        if not lock.acquire(blocking=False):
            state = self.read_state()
            who = f"`arcadia {state.get('command', 'up')}` (process {state.get('pid', 'unknown')})"
            where = f": look at {state['url']}" if state.get("url") else ""
            raise AlreadyRunning(
                f"{who} already uses {self.path}{where}. Stop it first, or set ARCADIA_HOME to "
                "another folder."
            )
        try:
            yield
        finally:
            lock.release()


LEAST_FREE = 256 * 2**20
"""Bytes that must be free before anything starts; the doctor warns much earlier."""


def check_space(path: Path) -> None:
    """Refuse to start on a full disk, where PostgreSQL would stop in the middle.

    Raises:
        OperationsError: there is less than `LEAST_FREE`.
    """
    free = shutil.disk_usage(path).free
    if free < LEAST_FREE:
        raise OperationsError(
            f"The disk of {path} has only {free // 2**20} MiB free, and at least "
            f"{LEAST_FREE // 2**20} are needed: free some disk space, or set ARCADIA_HOME to a "
            "folder on another disk."
        )


def replace_file(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old text or the new, never half of one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
