"""Adds quotas of users, what they have used in each month, and when the end of a job was reported."""

import sqlalchemy as sa
from alembic import op

revision = "v5"
down_revision = "v4"


def upgrade() -> None:
    """Add the columns and the table; ends of jobs that are there are not reported."""
    op.add_column("nas_users", sa.Column("slot_hours", sa.Double))
    op.add_column("nas_users", sa.Column("disk_gib", sa.Double))
    op.create_table(
        "nas_usage",
        sa.Column("user", sa.String(32), sa.ForeignKey("nas_users.name"), primary_key=True),
        sa.Column("month", sa.String(7), primary_key=True),
        sa.Column("used_s", sa.Double, nullable=False),
    )
    op.add_column("nas_jobs", sa.Column("reported_at", sa.DateTime))
    op.execute("UPDATE nas_jobs SET reported_at = ended_at")


def downgrade() -> None:
    """Drop the columns and the table."""
    op.drop_column("nas_jobs", "reported_at")
    op.drop_table("nas_usage")
    op.drop_column("nas_users", "disk_gib")
    op.drop_column("nas_users", "slot_hours")
