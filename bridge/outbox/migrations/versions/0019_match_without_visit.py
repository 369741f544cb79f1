"""How well an event would match without the earlier visit that it was joined with."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the score; of events that are stored already, nobody knows it."""
    op.add_column("events", sa.Column("score_without_visit", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Forget the scores."""
    with op.batch_alter_table("events") as events:
        events.drop_column("score_without_visit")
