"""Fetching what a webhook only names: what is to be fetched, what was, and how often sources are called."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "fetches",
        sa.Column("webhook_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("give_up_at", sa.BigInteger(), nullable=False),
        sa.Column("anew", sa.SmallInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("claim_id", sa.LargeBinary(length=16), nullable=True),
        sa.PrimaryKeyConstraint("webhook_id"),
        sqlite_with_rowid=False,
    )
    unclaimed, claimed = sa.text("claim_id IS NULL"), sa.text("claim_id IS NOT NULL")
    op.create_index(
        "fetches_due",
        "fetches",
        ["due_at", "webhook_id"],
        sqlite_where=unclaimed,
        postgresql_where=unclaimed,
    )
    op.create_index(
        "fetches_claimed", "fetches", ["claim_id"], sqlite_where=claimed, postgresql_where=claimed
    )
    op.create_table(
        "fetched",
        sa.Column("webhook_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("webhook_id"),
    )
    op.create_table(
        "source_rates",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source"),
    )


def downgrade() -> None:
    """Go back to a bridge that fetches nothing."""
    for table in ("source_rates", "fetched", "fetches"):
        op.drop_table(table)
