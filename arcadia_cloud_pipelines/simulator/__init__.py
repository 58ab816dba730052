"""A simulator of the DigitalOcean API v2, for the demo, the tests and the benchmarks.

It imports nothing of the product, so that it cannot inherit the product's mistakes, and it
is never in the path of a real account.

    account = SimulatedAccount(seed=7, droplets=25)
    with serve(account) as server:
        requests.get(f"{server.url}/v2/droplets", headers={"Authorization": ...})
        account.advance(hours=24)

A further kind of resource is a module with a `Kind` in it, imported below.
"""

from . import registry  # noqa: I001 (the order of the kinds is the order of making history)
from . import droplets  # must come first: the others attach to droplets
from . import volumes, databases, kubernetes, load_balancers, reserved_ips, domains
from . import snapshots, images, container_registry, networks, others, watching
from . import gen_ai, further, hosted_agents, insights
from . import projects  # after every kind that lives in projects
from . import project_routes
from . import account_endpoint, actions
from .billing import endpoints as billing_endpoints
from .account import SimulatedAccount
from .view import View
from .world import (
    BUCKET_URN,
    HISTORY_START,
    NOW,
    START_OF_137_INVOICES,
    UNDOCUMENTED_URN,
    UnknownResourceError,
)
from .billing import PERSON_PREFIX, Books, Dialect, Invoice, SimulatedLine, UnknownInvoiceError
from .databases import SECRET_PREFIX
from .faults import Fault, Faults
from .limits import GENEROUS, REAL_LIMITS, RateLimits
from .lives import Facts, Interval, Life, Price, Version
from .registry import SimulatedKind, Route, register, register_route
from .app import Api
from .control import Seen
from .server import RunningSimulator, serve
from .foreground import real_clock, run_simulator

__all__ = [
    "BUCKET_URN",
    "GENEROUS",
    "HISTORY_START",
    "NOW",
    "PERSON_PREFIX",
    "REAL_LIMITS",
    "SECRET_PREFIX",
    "START_OF_137_INVOICES",
    "UNDOCUMENTED_URN",
    "Api",
    "Books",
    "Dialect",
    "Facts",
    "Fault",
    "Faults",
    "Interval",
    "Invoice",
    "Life",
    "Price",
    "RateLimits",
    "Route",
    "RunningSimulator",
    "Seen",
    "SimulatedAccount",
    "SimulatedKind",
    "SimulatedLine",
    "UnknownInvoiceError",
    "UnknownResourceError",
    "Version",
    "View",
    "account_endpoint",
    "actions",
    "billing_endpoints",
    "container_registry",
    "databases",
    "domains",
    "droplets",
    "further",
    "gen_ai",
    "hosted_agents",
    "images",
    "insights",
    "kubernetes",
    "load_balancers",
    "networks",
    "others",
    "project_routes",
    "projects",
    "real_clock",
    "register",
    "register_route",
    "registry",
    "reserved_ips",
    "run_simulator",
    "serve",
    "snapshots",
    "volumes",
    "watching",
]
