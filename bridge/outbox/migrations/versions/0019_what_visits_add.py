"""How well an event would match without the visit it was joined with, and who has withdrawn consent."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the score, which nobody knows of events that are stored already, and the withdrawals."""
    op.add_column("events", sa.Column("score_without_visit", sa.Integer(), nullable=True))
    op.create_table(
        "withdrawals",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Forget the scores, and who has withdrawn consent."""
    op.drop_table("withdrawals")
    with op.batch_alter_table("events") as events:
        events.drop_column("score_without_visit")
