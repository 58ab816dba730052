"""Calls of the API, counted where all processes see them."""

from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0006"


def upgrade() -> None:
    """Run the SQL beside this file."""
    op.get_bind().exec_driver_sql(
        Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").replace("%", "%%")
    )
