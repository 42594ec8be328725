"""Adds to the jobs of the service what kind of work they are, and what came of it."""

import sqlalchemy as sa
from alembic import op

revision = "v4"
down_revision = "v3"

_OPEN = sa.text("state IN ('queued', 'running')")


def upgrade() -> None:
    """Add the two columns; jobs that are there are searches, and a study has one open job of each kind."""
    op.add_column("nas_jobs", sa.Column("kind", sa.String(16), nullable=False, server_default="search"))
    op.add_column("nas_jobs", sa.Column("result", sa.Text))
    _index_open_studies("study", "kind")


def downgrade() -> None:
    """Drop the two columns and all jobs that are no searches."""
    op.execute("DELETE FROM nas_jobs WHERE kind <> 'search'")
    _index_open_studies("study")
    op.drop_column("nas_jobs", "result")
    op.drop_column("nas_jobs", "kind")


def _index_open_studies(*columns: str) -> None:
    op.drop_index("nas_jobs_open_study", "nas_jobs")
    op.create_index(
        "nas_jobs_open_study",
        "nas_jobs",
        list(columns),
        unique=True,
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )
