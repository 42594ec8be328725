"""Adds tables for architectures, latency measurements and exports."""

import sqlalchemy as sa
from alembic import op

revision = "v1"
down_revision = None


def upgrade() -> None:
    """Create the three tables."""
    op.create_table(
        "nas_architectures",
        sa.Column("fingerprint", sa.String(16), primary_key=True),
        sa.Column("json", sa.Text, nullable=False),
    )
    op.create_table(
        "nas_latencies",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "fingerprint", sa.String(16), sa.ForeignKey("nas_architectures.fingerprint"), nullable=False
        ),
        sa.Column("num_classes", sa.Integer, nullable=False),
        sa.Column("in_channels", sa.Integer, nullable=False),
        sa.Column("target", sa.String(512), nullable=False),
        sa.Column("setting_key", sa.String(16), nullable=False),
        *[sa.Column(n, sa.Double, nullable=False) for n in ("median_ms", "low_ms", "high_ms", "p90_ms")],
        sa.Column("stable", sa.Boolean, nullable=False),
        sa.Column("conditions", sa.Text, nullable=False),
        sa.Column("measured_at", sa.DateTime, nullable=False),
    )
    op.create_index("nas_latencies_network", "nas_latencies", ["fingerprint", "num_classes", "in_channels"])
    op.create_index("nas_latencies_setting", "nas_latencies", ["setting_key"])
    op.create_table(
        "nas_exports",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "fingerprint", sa.String(16), sa.ForeignKey("nas_architectures.fingerprint"), nullable=False
        ),
        sa.Column("study", sa.String(512), nullable=False),
        sa.Column("trial", sa.Integer, nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("folder", sa.Text, nullable=False),
        sa.Column("exported_at", sa.DateTime, nullable=False),
    )
    op.create_index("nas_exports_study", "nas_exports", ["study"])


def downgrade() -> None:
    """Drop the three tables."""
    for table in ("nas_exports", "nas_latencies", "nas_architectures"):
        op.drop_table(table)
