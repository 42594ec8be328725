"""Alembic entry point: runs the migrations on the connection that `nas.storage.migrating` opened."""

from alembic import context

from nas.storage.schema import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
with context.begin_transaction():
    context.run_migrations()
