"""The visit store: visits of the website, the keyed digests that find them, and how many were erased."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "visits",
        sa.Column("visitor", sa.LargeBinary(length=16), nullable=False),
        sa.Column("touch", sa.LargeBinary(length=16), nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("fbc", sa.Text(), nullable=True),
        sa.Column("fbp", sa.Text(), nullable=True),
        sa.Column("first", sa.Text(), nullable=False),
        sa.Column("last", sa.Text(), nullable=False),
        sa.Column("consent", sa.Text(), nullable=False),
        sa.Column("consent_source", sa.Text(), nullable=False),
        sa.Column("consent_at", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("sealed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("visitor", "touch"),
        sqlite_with_rowid=False,
    )
    op.create_index("visits_seen", "visits", ["seen_at"])
    is_sealed = sa.text("sealed IS NOT NULL")
    op.create_index(
        "visits_sealed", "visits", ["sealed_at"], sqlite_where=is_sealed, postgresql_where=is_sealed
    )
    op.create_table(
        "visit_keys",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("visitor", sa.LargeBinary(length=16), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "digest", "visitor"),
        sqlite_with_rowid=False,
    )
    op.create_index("visit_keys_of_visitor", "visit_keys", ["visitor"])
    op.create_index("visit_keys_seen", "visit_keys", ["seen_at"])
    op.add_column("erasures", sa.Column("visits", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Go back to a bridge that remembers no visit."""
    op.drop_column("erasures", "visits")
    for table in ("visit_keys", "visits"):
        op.drop_table(table)
