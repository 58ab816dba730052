"""Who may import whom, and what importing must not do."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import arcadia_cloud_pipelines
from arcadia_cloud_pipelines.kinds import REGISTRY

PACKAGE = Path(arcadia_cloud_pipelines.__file__).parent
DAGSTER_MODULES = {
    "assets", "account_assets", "checks", "sensors", "jobs", "definitions", "dagster_events",
    "dagster_pools", "dagster_schedules", "dagster_storage",
}  # fmt: skip


@cache
def modules() -> dict[str, Path]:
    """Every module of the package; migrations are scripts of Alembic's."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        if "migrations" not in parts and parts[-1] != "__main__":
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


def fresh_python(program: str, *arguments: str) -> str:
    """Run a program in an interpreter of its own, without any of our variables."""
    environ = {
        k: v for k, v in os.environ.items() if not k.startswith(("ARCADIA", "DO_", "DAGSTER"))
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, *arguments], env=environ, text=True,
        capture_output=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_dagster_is_imported_by_few_modules() -> None:
    plain = [
        name
        for name in modules()
        if name.rpartition(".")[2] not in DAGSTER_MODULES
        and not name.startswith(
            (
                "arcadia_cloud_pipelines.operations",
                "arcadia_cloud_pipelines.cli",
                "arcadia_cloud_pipelines.dagster_support.",
            )
        )
    ]
    assert len(plain) > 30
    program = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
    assert "dagster" not in sys.modules, f"{name} imports dagster"
"""
    fresh_python(program, *sorted(plain))


def imported(path: Path, name: str) -> set[str]:
    """The absolute names that a module imports, wherever in it."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.rsplit(".", node.level - 1)[0] if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            found |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return found


def test_the_product_does_not_know_the_simulator_nor_it_the_product() -> None:
    simulator = "arcadia_cloud_pipelines.simulator"
    for name, path in modules().items():
        ours = {i for i in imported(path, name) if i.startswith("arcadia_cloud_pipelines.")}
        if name.startswith(simulator):
            assert all(i.startswith(simulator) for i in ours), name
        elif not name.startswith(
            ("arcadia_cloud_pipelines.cli", "arcadia_cloud_pipelines.operations")
        ):
            assert not any(i.startswith(simulator) for i in ours), name


def test_importing_the_definitions_reads_no_settings_and_opens_nothing() -> None:
    program = """
import socket, subprocess, sys
import sqlalchemy, dagster, dagster_postgres, pandas, requests  # what these do is theirs

def audit(event, arguments):
    if event in ("socket.connect", "subprocess.Popen", "os.fork", "os.posix_spawn"):
        raise RuntimeError(f"{event} while importing")

sys.addaudithook(audit)
from arcadia_cloud_pipelines import settings

def refuse(*_):
    raise RuntimeError("settings were read while importing")

settings.load_settings = refuse
from arcadia_cloud_pipelines.definitions import defs
defs.resolve_asset_graph()
print("quiet")
"""
    assert fresh_python(program).endswith("quiet\n")


RIDDLE = re.compile(r"(What|Whose|Whether|Who|Whom|Where|When|Which|How|Why)\b")


def test_docstrings_of_functions_open_with_a_verb_and_not_with_a_riddle() -> None:
    """'Return where requests go' is read once; 'Where requests go' is read twice."""
    riddles = [
        f"{module}.{node.name}: {text.splitlines()[0]}"
        for module, path in modules().items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (text := ast.get_docstring(node))
        and RIDDLE.match(text)
    ]
    assert riddles == []


SAME_ON_TWO_LAYERS = {
    "Balance", "Invoice", "Statement", "StatementLine", "accept_drift", "list_drift",
    "list_statements", "projects", "serve",
}  # fmt: skip
"""The API's models and routes have the names of what they answer about, a command that of its
asset."""


def test_a_public_name_has_one_meaning() -> None:
    """A reader who looks a name up finds one thing."""
    places: dict[str, set[str]] = {}
    for module, path in modules().items():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                places.setdefault(node.name, set()).add(module)
    twice = {name: sorted(found) for name, found in places.items() if len(found) > 1}
    own = {
        name: found
        for name, found in twice.items()
        if not name.startswith("_") and name not in SAME_ON_TWO_LAYERS | {"main"}
    }
    assert own == {}


ARROWS = {
    "kinds": set(),
    "warehouse": {"kinds"},
    "digitalocean": {"warehouse"},
    "metrics": {"warehouse"},
    "marts": {"warehouse"},
    "assistant": {"marts", "warehouse"},
    "inventory": {"digitalocean", "kinds", "warehouse"},
    "billing": {"digitalocean", "kinds", "warehouse"},
    "drift": {"digitalocean", "inventory", "kinds", "warehouse"},
    "tagging": {"digitalocean", "inventory", "kinds", "warehouse"},
    "forecast": {"digitalocean", "inventory", "warehouse"},
    "allocation": {"billing", "inventory", "marts", "warehouse"},
    "alarms": {"billing", "digitalocean", "drift", "inventory", "kinds", "warehouse"},
    "api": {"allocation", "billing", "drift", "inventory", "metrics", "warehouse"},
}
"""Which folders a folder may import from: those below it. `operations` and `cli` are at the top."""


def test_folders_import_from_those_below_them() -> None:
    upwards = {}
    for name, path in modules().items():
        module = name.removeprefix("arcadia_cloud_pipelines.")
        folder = module.split(".")[0]
        parts = (other.split(".") for other in imported(path, name))
        used = {part[1] for part in parts if part[0] == "arcadia_cloud_pipelines" and part[1:]}
        below = ARROWS.get(folder)
        known = ARROWS.keys() | {"operations", "cli", "simulator"}
        if below is not None and (found := used & known - below - {folder}):
            upwards[module] = found
    assert upwards == {}


HIDDEN = {
    # Celery is an extra: its executor is imported where the setting asks for it.
    "operations.executors": {"celery_executor"},
    # Alembic takes longer to import than most commands take; only a warehouse of an older release
    # needs it.
    "warehouse.engine": {"migrate"},
}


def test_imports_of_our_own_stand_at_the_top_of_a_module() -> None:
    """One inside a function hides a circle from whoever reads, and from the two tests beside this.

    Commands import late, so that `arcadia --help` answers at once.
    """
    hidden = {
        name.removeprefix("arcadia_cloud_pipelines."): {
            inner.module
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            for inner in ast.walk(node)
            if isinstance(inner, ast.ImportFrom) and inner.level
        }
        for name, path in modules().items()
        if not name.startswith("arcadia_cloud_pipelines.cli.")
    }
    assert {name: found for name, found in hidden.items() if found} == HIDDEN


def test_no_module_imports_itself_by_way_of_others() -> None:
    known = modules()
    graph = {name: top_level(path, name) & known.keys() for name, path in known.items()}
    TopologicalSorter(graph).prepare()


def top_level(path: Path, name: str) -> set[str]:
    """The modules that importing a module imports."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            base = package.rsplit(".", node.level - 1)[0] if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            inner = {f"{module}.{alias.name}" for alias in node.names} & modules().keys()
            found |= inner or {module}
    return found


LITERALS_OF_KINDS = {
    # Invoices write two kinds' identities otherwise than their listings do.
    "billing/comparing.py": 1,
    "billing/matching.py": 1,
    # The field `droplet` of an address, and the field `vpc` of Terraform: no kinds.
    "drift/spellings.py": 1,
    "inventory/sightings.py": 1,
    # Other kinds' objects name buckets, each in a way of its own.
    "inventory/buckets.sql": 4,
    # Plans are droplets' alone.
    "marts/billed_rates.sql": 1,
    "marts/rates.sql": 2,
    # Each view is about these kinds, and its columns are made of their own fields.
    "marts/idle_droplets.sql": 1,
    "marts/left_behind.sql": 5,
    "marts/old_snapshots.sql": 5,
    "marts/targetless_load_balancers.sql": 5,
    "marts/unassigned_ips.sql": 4,
    "marts/unattached_volumes.sql": 2,
    # What Kubernetes and autoscale pools made is told by names and tags, of each kind in another
    # way; a function with a look-up in it could not be inlined.
    "warehouse/objects/drift.sql": 19,
    # Pointers that more than a path must find: a rule's type, a record's address, a tag's uuid.
    "warehouse/objects/edges.sql": 25,
}
"""Names of kinds that stand outside their entries, with the reason. Numbers go down, and none comes
new."""
NOT_ONLY_KINDS = {"addon", "database", "image", "project", "tag", "team"}
"""Names that are words of other things, too: a field, a claim, a source of metrics."""
OF_KINDS = (
    "kinds/",
    "simulator/",
    "warehouse/migrations/",
    # Which kind each type of Terraform's is: that is all it says.
    "drift/terraform_types/",
)


def test_what_is_particular_to_a_kind_stands_in_its_entry() -> None:
    """A kind's name elsewhere is a place that who adds or changes a kind does not find."""
    names = {kind.name for kind in REGISTRY} - NOT_ONLY_KINDS
    in_sql = re.compile(f"'({'|'.join(sorted(names))})'")
    found: Counter[str] = Counter()
    for path in (*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.sql")):
        place, text = path.relative_to(PACKAGE).as_posix(), path.read_text(encoding="utf-8")
        if place.startswith(OF_KINDS):
            continue
        if path.suffix == ".sql":
            found[place] += len(in_sql.findall(text))
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found[place] += node.value in names or len(in_sql.findall(node.value))
    told = {place: number for place, number in found.items() if number}
    more = {place: n for place, n in told.items() if n > LITERALS_OF_KINDS.get(place, 0)}
    assert more == {}, "write it in the kind's entry, and ask the registry"
    assert told == LITERALS_OF_KINDS, "fewer than before: write the smaller number here"
