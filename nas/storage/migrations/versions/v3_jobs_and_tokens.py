"""Adds tables for the service: users, their tokens, submitted searches, and who did what."""

import sqlalchemy as sa
from alembic import op

revision = "v3"
down_revision = "v2"

_OPEN = sa.text("state IN ('queued', 'running')")


def upgrade() -> None:
    """Create the four tables."""
    op.create_table(
        "nas_users",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("jobs_at_once", sa.Integer),
    )
    op.create_table(
        "nas_tokens",
        sa.Column("id", sa.String(8), primary_key=True),
        sa.Column("user", sa.String(32), sa.ForeignKey("nas_users.name"), nullable=False),
        sa.Column("role", sa.String(8), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("expires_at", sa.DateTime),
        sa.Column("revoked_at", sa.DateTime),
    )
    op.create_index("nas_tokens_digest", "nas_tokens", ["digest"], unique=True)
    _create_jobs()
    op.create_table(
        "nas_audit",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("user", sa.String(32), nullable=False),
        sa.Column("token", sa.String(8), nullable=False),
        sa.Column("act", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(512), nullable=False),
    )


def _create_jobs() -> None:
    op.create_table(
        "nas_jobs",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("user", sa.String(32), sa.ForeignKey("nas_users.name"), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("cancel", sa.String(8)),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("study", sa.String(512), nullable=False),
        sa.Column("options", sa.Text, nullable=False),
        sa.Column("submitted_at", sa.DateTime, nullable=False),
        sa.Column("started_at", sa.DateTime),
        sa.Column("ended_at", sa.DateTime),
        sa.Column("used_s", sa.Double, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("exit_status", sa.Integer),
        sa.Column("holder", sa.String(32)),
        sa.Column("host", sa.String(255)),
        sa.Column("process", sa.Integer),
        sa.Column("machine", sa.String(255)),
        sa.Column("beats", sa.Integer, nullable=False),
        sa.Column("epochs", sa.Integer, nullable=False),
        sa.Column("crashes", sa.Integer, nullable=False),
    )
    for name in ("user", "state"):
        op.create_index(f"nas_jobs_{name}", "nas_jobs", [name])
    op.create_index("nas_jobs_id", "nas_jobs", ["id"], unique=True)
    op.create_index(
        "nas_jobs_open_study",
        "nas_jobs",
        ["study"],
        unique=True,
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )


def downgrade() -> None:
    """Drop the four tables."""
    for table in ("nas_audit", "nas_jobs", "nas_tokens", "nas_users"):
        op.drop_table(table)
