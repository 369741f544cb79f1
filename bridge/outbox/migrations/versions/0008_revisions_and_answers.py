"""Earlier contents of mappings are kept, and what Meta itself said about a call."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table of revisions, and a column for Meta's own words."""
    op.create_table(
        "mapping_revisions",
        sa.Column("mapping", sa.Text(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=False),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("mapping", "revision"),
    )
    op.add_column("attempts", sa.Column("answer", sa.Text(), nullable=True))


def downgrade() -> None:
    """Go back to the newest content of each mapping alone."""
    with op.batch_alter_table("attempts") as attempts:
        attempts.drop_column("answer")
    op.drop_table("mapping_revisions")
