"""Tells Alembic which database to change: the connection it is handed, inside its transaction."""

from alembic import context

from bridge.outbox.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
