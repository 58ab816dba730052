"""Tells people that the warehouse does not answer, which the warehouse cannot keep.

What was told stands in a small file beside the logs, so that a restart does not tell it twice.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ..common.severity import Severity
from .channels import Channel
from .texts import MessageLine, message, plain_text

TELL_AFTER = timedelta(minutes=3)
"""A restart of the server is no outage."""

SUBJECT = "warehouse"
ADVICE = "Check the server and the disk, and ask arcadia doctor. What is stored is untouched."

logger = logging.getLogger(__name__)


class Outage:
    """An outage: since when, and which channels were told."""

    def __init__(self, path: Path) -> None:
        """Read the file of an earlier process; a broken one counts as none."""
        self._path = path
        try:
            saved = json.loads(path.read_text(encoding="utf-8"))
            self._since: datetime | None = datetime.fromisoformat(saved["since"])
            self._told = [str(name) for name in saved["told"]]
        except (OSError, ValueError, TypeError, KeyError):
            self._since, self._told = None, []

    def goes_on(
        self, reason: str, route: Iterable[str], channels: Mapping[str, Channel], now: datetime
    ) -> None:
        """Note that the warehouse does not answer, and tell whoever was not told yet."""
        if self._since is None or self._since > now:
            self._since = now
        if now - self._since >= TELL_AFTER:
            line = MessageLine(Severity.CRITICAL.value, SUBJECT, plain_text(reason), ADVICE)
            for name in route:
                if name not in self._told and _sent(channels, name, message([line], [])):
                    self._told.append(name)
        self._save()

    def is_over(self, channels: Mapping[str, Channel]) -> None:
        """Tell whoever was told that the warehouse answers again."""
        if self._since is None:
            return
        text = f"It answers again; it did not since {self._since:%Y-%m-%d %H:%M} UTC."
        told = message([], [MessageLine(Severity.CRITICAL.value, SUBJECT, text, "")])
        self._told = [n for n in self._told if n in channels and not _sent(channels, n, told)]
        if self._told:
            self._save()  # tried again at the next look
            return
        self._since = None
        self._path.unlink(missing_ok=True)

    def _save(self) -> None:
        saved: dict[str, Any] = {
            "since": self._since.isoformat() if self._since else None, "told": self._told,
        }  # fmt: skip
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            part = self._path.with_suffix(f".{os.getpid()}")
            part.write_text(json.dumps(saved), encoding="utf-8")
            part.replace(self._path)
        except OSError as error:
            logger.warning("cannot write %s: %s", self._path, error.strerror)


def _sent(channels: Mapping[str, Channel], name: str, content: tuple[str, str]) -> bool:
    try:
        channels[name](*content)
    except Exception as error:  # whatever a channel does, the others are told
        logger.warning("alarms: %s did not take the message: %s", name, type(error).__name__)
        return False
    return True
