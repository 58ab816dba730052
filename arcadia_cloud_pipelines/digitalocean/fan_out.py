"""One call for each of many things, a few at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

from ..common.workers import Workers
from .client import DigitalOcean
from .errors import DigitalOceanError, RateLimited, Unauthorized

Item = TypeVar("Item")
Result = TypeVar("Result")

AT_A_TIME = 4


def fan_out(
    client: DigitalOcean, items: Sequence[Item], ask: Callable[[DigitalOcean, Item], Result]
) -> Iterator[Result]:
    """Return what `ask` returns for each item, in their order; `AT_A_TIME` are asked together.

    Args:
        client: its twins do the asking; their calls count as its own when all is done.
        items: what to ask for.
        ask: called in other threads, each time with a twin of its own.

    Raises:
        Exception: what `ask` raised for the first item for which it did; later ones that have not
            begun are left out.
    """
    twins = [client.twin() for _ in items[:AT_A_TIME]]
    free: SimpleQueue[DigitalOcean] = SimpleQueue()
    for twin in twins:
        free.put(twin)

    def one(item: Item) -> Result:
        twin = free.get()
        try:
            return ask(twin, item)
        finally:
            free.put(twin)

    try:
        with Workers(len(twins), "fan-out") as workers:
            for future in [workers.submit(partial(one, item)) for item in items]:
                yield future.result()
    finally:
        for twin in twins:
            client.count(twin.calls)
            twin.close()


def error_of_one(client: DigitalOcean, error: DigitalOceanError) -> DigitalOceanError:
    """Return an error that costs one of many things alone.

    Args:
        client: that met it.
        error: of the call for that one.

    Raises:
        DigitalOceanError: every other one would meet it, too.
    """
    if isinstance(error, Unauthorized | RateLimited):
        raise error
    client.raise_outage(error)
    return error
