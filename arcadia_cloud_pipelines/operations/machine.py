"""Questions to this machine: is there room, is the time right, do our processes work?

Keys name the machine: what one machine sees says nothing of another.
"""

from __future__ import annotations

import shutil
import socket
from datetime import timedelta
from pathlib import Path

import psutil

from ..alarms.model import Alarm, Answer, alarm_key
from ..alarms.sources import Question, Sources
from ..common.severity import Severity
from ..common.times import Clock, utc_now
from .home import Home

FULL_BELOW = 2**30
"""Bytes free below which PostgreSQL may stop at any moment."""
LOW_BELOW = 5 * 2**30
LOW_SHARE = 0.1
CLOCK_TOLERANCE = timedelta(seconds=60)


def free_space(path: Path) -> tuple[int, int]:
    """Return bytes free and in all on the disk of a folder, which need not exist yet."""
    existing = path
    while not existing.exists():
        existing = existing.parent
    usage = shutil.disk_usage(existing)
    return usage.free, usage.total


def low_disk(sources: Sources) -> Answer:
    """Is there room on the disk of the local folder?"""
    free, total = free_space(sources.settings.home)
    scope = f"disk_low/{_host()}/"
    if free >= FULL_BELOW and (free >= LOW_BELOW or free >= total * LOW_SHARE):
        return Answer(scope)
    return Answer(
        scope,
        [
            Alarm(
                key=f"{scope}{'full' if free < FULL_BELOW else 'low'}",
                subject=f"disk of {_host()}",
                text=f"{free / 2**30:.1f} GiB of {total / 2**30:.0f} free for "
                f"{sources.settings.home}",
                advice="Free some disk space. When there is none left, the database stops.",
                severity=Severity.CRITICAL if free < FULL_BELOW else Severity.WARNING,
            )
        ],
    )


def wrong_clock(sources: Sources, local: Clock = utc_now) -> Answer:
    """Does this machine's clock agree with the warehouse's? On one machine it always does."""
    import sqlalchemy as sa

    before = local()
    with sources.warehouse.transaction() as connection:
        theirs = connection.execute(sa.text("SELECT clock_timestamp()")).scalar_one()
    off = before + (local() - before) / 2 - theirs
    scope = f"clock_off/{_host()}/"
    if abs(off) <= CLOCK_TOLERANCE:
        return Answer(scope)
    return Answer(
        scope,
        [
            Alarm(
                key=f"{scope}warehouse",
                subject=f"clock of {_host()}",
                text=f"{abs(off).total_seconds():.0f} s "
                f"{'ahead of' if off > timedelta(0) else 'behind'} the warehouse's",
                advice="Set the clocks of both machines, with NTP.",
            )
        ],
    )


def dead_processes(sources: Sources) -> Answer:
    """Find processes of `arcadia up` that are gone and do not come back."""
    scope = f"process_dead/{_host()}/"
    home = Home(sources.settings.home)
    state = home.read_state()
    children = state.get("children")
    if not isinstance(children, list) or not home.in_use():
        # Not at work, or not yet: nothing is known.
        return Answer(scope, well=frozenset())
    bad = [
        Alarm(
            key=alarm_key("process_dead", _host(), str(child["name"])),
            subject=f"process {child['name']} on {_host()}",
            text="the process ended and was not started again",
            advice=f"Look at logs/{child['name']}.log in {home.path}, and restart `arcadia up`.",
            severity=Severity.CRITICAL,
            # It is started again within a minute.
            wait=timedelta(minutes=3),
        )
        for child in children
        if not _works(child)
    ]
    return Answer(scope, bad)


def _works(child: dict[str, object]) -> bool:
    try:
        process = psutil.Process(int(str(child["pid"])))
        same = abs(process.create_time() - float(str(child["created"]))) < 1
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def _host() -> str:
    return socket.gethostname() or "localhost"


QUESTIONS: dict[str, Question] = {
    "disk_low": low_disk,
    "clock_off": wrong_clock,
    "process_dead": dead_processes,
}
"""By the kind of alarm that they can raise."""
