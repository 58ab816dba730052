"""Run by Alembic: apply the scripts on the connection that `warehouse.migrate` opened."""

from alembic import context

connection = context.config.attributes["connection"]
if connection is None:
    raise SystemExit("run `arcadia migrate`")
context.configure(connection=connection, transaction_per_migration=False)
with context.begin_transaction():
    context.run_migrations()
