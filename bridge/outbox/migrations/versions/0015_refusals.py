"""What was refused lately at which URL, and why: counted, for whoever connects a sender."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table of refusals."""
    op.create_table(
        "refusals",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", "status", "reason"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Go back to refusals that only the log knows."""
    op.drop_table("refusals")
