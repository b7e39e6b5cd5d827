"""Run by Alembic: applies the steps on the connection, and in the transaction, of `mljob.store.migrate`."""

from alembic import context

from mljob.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
