"""Adds tables for the drivers of a study and their leases on trials."""

import sqlalchemy as sa
from alembic import op

revision = "v2"
down_revision = "v1"


def upgrade() -> None:
    """Create the two tables."""
    op.create_table(
        "nas_drivers",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("study_id", sa.Integer, nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("process", sa.Integer, nullable=False),
        sa.Column("machine", sa.String(255), nullable=False),
        sa.Column("beats", sa.Integer, nullable=False),
        sa.Column("began_at", sa.DateTime, nullable=False),
    )
    op.create_index("nas_drivers_study", "nas_drivers", ["study_id"])
    op.create_table(
        "nas_leases",
        sa.Column("study_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("trial", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column(
            "driver", sa.String(32), sa.ForeignKey("nas_drivers.id", ondelete="CASCADE"), nullable=False
        ),
    )
    op.create_index("nas_leases_driver", "nas_leases", ["driver"])


def downgrade() -> None:
    """Drop the two tables."""
    for table in ("nas_leases", "nas_drivers"):
        op.drop_table(table)
