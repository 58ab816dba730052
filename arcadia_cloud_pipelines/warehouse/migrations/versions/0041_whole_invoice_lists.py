"""When the list of invoices was last read whole."""

from pathlib import Path

from alembic import op

revision = "0041"
down_revision = "0040"


def upgrade() -> None:
    """Run the SQL beside this file."""
    op.get_bind().exec_driver_sql(
        Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").replace("%", "%%")
    )
