"""The output of processes as lines of JSON: `ARCADIA_LOG_FORMAT=json`.

Dagster, uvicorn and our own code print as they like. Whoever reads a process's output, `arcadia up`
or this module as the parent of a container's process, makes one object of each line, with the run
or the request that it is about, and without credentials.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from ..common import foreign_text
from ..common.redaction import masked, names_secret
from ..common.times import rfc3339, utc_now
from ..settings import SettingsError
from ..settings.environment_file import environment

VARIABLE = "ARCADIA_LOG_FORMAT"

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_LEVEL = re.compile(r"\b(DEBUG|INFO|WARNING|ERROR|CRITICAL|FATAL)\b|^(Traceback) ")
_LEVELS = {"FATAL": "CRITICAL", "Traceback": "ERROR"}
_RUN = re.compile(
    r"(?:(?P<job>[A-Za-z_][A-Za-z0-9_]*) - )?"
    r"\b(?P<run_id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b"
)
"""Of Dagster's own lines: inventory_sync - 7fd5a93c-3d73-456d-9f26-0a64ecda2df1 - droplets - …"""


def wanted(environ: Mapping[str, str] | None = None) -> bool:
    """Return whether the setting asks for JSON.

    Raises:
        SettingsError: it is neither text nor json.
    """
    value = (environment() if environ is None else environ).get(VARIABLE, "").strip() or "text"
    if value not in ("text", "json"):
        raise SettingsError(
            f"{VARIABLE} must be text or json, and is {foreign_text.line(value)!r}."
        )
    return value == "json"


def plain_line(raw: bytes) -> str:
    """Return what a process printed as text that a terminal may show."""
    text = _COLOUR.sub("", raw.decode("utf-8", "replace")).rstrip().expandtabs(4)
    return foreign_text.line(text)


def json_line(process: str, text: str, at: datetime | None = None) -> str:
    """Return one line of a process as JSON.

    Args:
        process: its name.
        text: what it printed; an object already where it logs in JSON itself, as the API does.
        at: when it was read; now when None.
    """
    line: dict[str, Any] = {"time": rfc3339(at or utc_now()), "process": process}
    found = _object(text)
    if found is not None:
        line |= found
    else:
        level = _LEVEL.search(text)
        name = (level[1] or level[2]) if level else "INFO"
        line |= {"level": _LEVELS.get(name, name), "message": text}
        if run := _RUN.search(text):
            line |= {name: value for name, value in run.groupdict().items() if value}
    return orjson.dumps(_without_secrets(line), default=str).decode()


def _object(text: str) -> dict[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _without_secrets(value: Any) -> Any:
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    if isinstance(value, dict):
        return {
            masked(key): "***" if names_secret(key) and item else _without_secrets(item)
            for key, item in value.items()
        }
    return value


def main(arguments: Sequence[str]) -> int:
    """Start a process, print its lines as JSON until it ends, and return how it ended.

    Args:
        arguments: its name, and the command.
    """
    name, *command = arguments
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, _: process.send_signal(received))
    assert process.stdout is not None  # noqa: S101
    for raw in process.stdout:
        print(json_line(name, plain_line(raw)), flush=True)  # noqa: T201
    status = process.wait()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
