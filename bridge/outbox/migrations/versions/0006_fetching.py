"""Fetching what a webhook only names: how often each source is called."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table of rates."""
    op.create_table(
        "source_rates",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source"),
    )


def downgrade() -> None:
    """Go back to a bridge that fetches nothing."""
    op.drop_table("source_rates")
