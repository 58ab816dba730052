"""Files of reviewed data in the demo: budgets, a tag policy, rules of projects; and an ignore rule.

They lie in the folder of the simulated account, where they can be edited: `arcadia up` without a
token follows them too, unless a variable names another file.
"""

from __future__ import annotations

from collections.abc import Callable

from ..drift.ignore import add_rule, list_rules
from ..drift.sweep import sweep
from ..kinds import DROPLET
from ..warehouse.engine import Warehouse
from .home import Home, replace_file

FILES = {
    "ARCADIA_BUDGETS": (
        "budgets.toml",
        """\
# What a month may cost, US dollars. docs/operations.md says what a budget can be about.
[[budget]]
name = "everything"
amount = 4000

[[budget]]
name = "droplets"
amount = 2500
kind = "droplet"

[[budget]]
name = "what is marked with env"
amount = 1000
tag = "env"
""",
    ),
    "ARCADIA_TAG_POLICY": (
        "tags.toml",
        """\
# Which tags resources must have. See "Tags that resources must have" in docs/operations.md.
[[tag]]
key = "env"
values = ["prod", "production", "staging", "dev"]
kind = ["droplet", "volume", "database"]

[[tag]]
key = "team"
kind = "droplet"
""",
    ),
    "ARCADIA_PROJECT_RULES": (
        "projects.toml",
        """\
# What projects are for. See "Whose a project is" in docs/operations.md.
[[rule]]
name = "my-web-api"
purpose = "web shop"

[[rule]]
name = "data platform*"
purpose = "analytics"
""",
    ),
}
FOLDER = "reviewed"


def write_files(home: Home) -> None:
    """Write the files that are not there; what somebody edited stays."""
    folder = home.path / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    for name, text in FILES.values():
        if not (folder / name).exists():
            replace_file(folder / name, text)


def file_variables(home: Home) -> dict[str, str]:
    """Return the variables that name the files that are there."""
    paths = {variable: home.path / FOLDER / name for variable, (name, _) in FILES.items()}
    return {variable: str(path) for variable, path in paths.items() if path.is_file()}


class IgnoreStory:
    """Drift that nobody wants to hear of for a while: a rule with an owner and an end."""

    def __init__(self, warehouse: Warehouse, told: Callable[[str], None]) -> None:
        """Do nothing yet.

        Args:
            warehouse: of the demo, which mirrors the simulated account alone.
            told: hears what happens.
        """
        self._warehouse = warehouse
        self._told = told

    def after(self, number: int) -> None:
        """Ignore droplets that are gone, after the round that found them so; once."""
        if number != 4 or list_rules(self._warehouse):
            return
        add_rule(
            self._warehouse, owner="demo", kind=DROPLET.name, field="deleted_at",
            reason="machines of this account come and go",
        )  # fmt: skip
        sweep(self._warehouse)
        self._told("droplets that are gone are not drift from now on, for 90 days")
