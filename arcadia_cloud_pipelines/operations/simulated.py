"""The simulated account of one home, which every demo and `arcadia up` without a token share.

What the account is, its seed and size say; how far it has lived, its clock. Both are kept in
`simulator.json`, so that the next process goes on where the last one stopped: an account that went
back in time would look like one that lost half of its resources.
"""

from __future__ import annotations

import json
import threading
from datetime import datetime

from ..simulator import SimulatedAccount, real_clock
from .home import Home, replace_file

SEED = 7
DROPLETS = 25


def open_account(home: Home) -> SimulatedAccount:
    """The account of this home, as old as it was when it was last saved."""
    try:
        saved = json.loads(home.simulator.read_text(encoding="utf-8"))
        account = SimulatedAccount(int(saved["seed"]), int(saved["droplets"]))
        account.advance_to(max(account.now, datetime.fromisoformat(saved["clock"])))
    except (OSError, ValueError, TypeError, KeyError):
        account = SimulatedAccount(SEED, DROPLETS)
    return account


def save_account(home: Home, account: SimulatedAccount) -> None:
    """Remember how far the account has lived."""
    saved = {
        "seed": account.seed,
        "droplets": account.droplets,
        "clock": account.now.isoformat(),
    }
    replace_file(home.simulator, json.dumps(saved))


def live(home: Home, account: SimulatedAccount, stop: threading.Event, every: float = 5) -> None:
    """Let the account's clock run with the real one until told to stop; saves it all the while."""
    move = real_clock(account)
    while True:
        stopped = stop.wait(every)
        move()
        save_account(home, account)
        if stopped:
            return
