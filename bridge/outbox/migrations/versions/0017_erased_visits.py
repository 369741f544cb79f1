"""How many visits an erasure deleted, on its receipt."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; earlier erasures deleted none."""
    op.add_column("erasures", sa.Column("visits", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Go back to receipts without visits."""
    op.drop_column("erasures", "visits")
