"""What a person decided about being sent is kept with each event, and where that was read."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_COLUMNS = ("consent", "consent_source")


def upgrade() -> None:
    """Add the decision; events that are stored already say nothing of it."""
    for name in _COLUMNS:
        op.add_column("events", sa.Column(name, sa.Text(), nullable=True))


def downgrade() -> None:
    """Forget the decisions."""
    with op.batch_alter_table("events") as events:
        for name in reversed(_COLUMNS):
            events.drop_column(name)
