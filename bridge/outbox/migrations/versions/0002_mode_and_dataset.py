"""Repeat keys know mode and dataset, pauses know their dataset, and a database knows what it is for."""

from itertools import groupby
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_DEMO_DATASET_ID = "1000000000000000"
_WEBHOOKS_WITH_KEYS = """
    SELECT k.mapping, k.repeat_key, k.webhook_id, k.expires_at, w.revision, e.dataset_id, e.test_event_code
    FROM old_repeat_keys k
    LEFT JOIN webhooks w ON w.id = k.webhook_id
    LEFT JOIN events e ON e.webhook_id = k.webhook_id
    ORDER BY k.mapping, k.repeat_key
"""
_KEY = itemgetter(0, 1, 2, 3, 4)


def upgrade() -> None:
    """Add what is new; every repeat key keeps its webhook and its time."""
    op.create_table(
        "properties",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    _add_scope_to_repeat_keys()
    op.execute(
        "DELETE FROM pauses WHERE scope LIKE 'destination:%'"
    )  # whether they still hold is found out at once


def _add_scope_to_repeat_keys() -> None:
    op.rename_table("repeat_keys", "old_repeat_keys")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX repeat_keys_pkey RENAME TO old_repeat_keys_pkey")
    op.create_table(
        "repeat_keys",
        sa.Column("mapping", sa.Text(), nullable=False),
        sa.Column("repeat_key", sa.LargeBinary(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("webhook_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("mapping", "repeat_key", "scope"),
        sqlite_with_rowid=False,
    )
    names = ("mapping", "repeat_key", "scope", "webhook_id", "expires_at")
    columns: list[sa.ColumnClause[object]] = [sa.column(name) for name in names]
    connection = op.get_bind()
    rows = connection.execute(sa.text(_WEBHOOKS_WITH_KEYS)).all()
    keys = [
        dict(zip(names, (mapping, key, _scope(list(events), revision), webhook_id, expires_at), strict=True))
        for (mapping, key, webhook_id, expires_at, revision), events in groupby(rows, _KEY)
    ]
    if keys:
        connection.execute(sa.insert(sa.table("repeat_keys", *columns)), keys)
    op.drop_table("old_repeat_keys")


def _scope(events: list[Any], revision: str | None) -> str:
    """Return what `bridge.outbox.repeat_scope` returned when this was written."""
    pairs = sorted(
        {(row.dataset_id, row.test_event_code or "") for row in events if row.dataset_id is not None}
    )
    named = ",".join(f"{dataset_id}:{code}" if code else dataset_id for dataset_id, code in pairs)
    is_live = all(dataset_id != _DEMO_DATASET_ID and not code for dataset_id, code in pairs)
    return named if is_live else f"{named} {revision}"


def downgrade() -> None:
    """Go back to keys without a scope; of several with one key the last one stays."""
    raise NotImplementedError("restore a backup that was made before the upgrade")
