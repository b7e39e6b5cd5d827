"""The first tables: jobs, their attempts, and the index of their params."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _key(length: int) -> sa.String:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    _create_jobs()
    _create_attempts()
    op.create_table(
        "job_params",
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("creation_time", sa.BigInteger, nullable=False),
        sa.Column("job_id", _key(36), nullable=False),
        sa.PrimaryKeyConstraint("token", "creation_time", "job_id", name="job_params_pk"),
        sqlite_with_rowid=False,
    )


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", _key(36), nullable=False),
        sa.Column("creation_time", sa.BigInteger, nullable=False),
        sa.Column("job_name", _key(500), nullable=False),
        sa.Column("params", sa.Text),
        sa.Column("timeout", sa.Float),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("result", sa.Text),
        sa.Column("retry_count", sa.Integer, nullable=False),
        sa.Column("last_update_time", sa.BigInteger, nullable=False),
        sa.Column("cluster", _key(64), nullable=False),
        sa.Column("namespace", _key(63), nullable=False),
        sa.Column("name", _key(253), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("rank", sa.SmallInteger, nullable=False),
        sa.Column("reason", sa.String(256)),
        sa.Column("message", sa.Text),
        sa.Column("disruption_count", sa.Integer, nullable=False),
        sa.Column("start_time", sa.BigInteger),
        sa.Column("completion_time", sa.BigInteger),
        sa.Column("next_retry_time", sa.BigInteger),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("job_group", _key(500)),
        sa.Column("submitted_by", _key(500)),
        sa.Column("exclusive_key", _key(500)),
        sa.PrimaryKeyConstraint("id", name="jobs_pk"),
    )
    for name, columns in (
        ("order", ["creation_time", "name", "id"]),
        ("name_creation_time", ["job_name", "creation_time"]),
        ("name_status_creation_time", ["job_name", "status", "creation_time"]),
        ("status_creation_time", ["status", "creation_time"]),
        ("namespace_creation_time", ["namespace", "creation_time"]),
    ):
        op.create_index(f"index_jobs_{name}", "jobs", columns)
    for name, columns, where in (
        ("group_creation_time", ["job_group", "creation_time"], "job_group IS NOT NULL"),
        ("submitted_by_creation_time", ["submitted_by", "creation_time"], "submitted_by IS NOT NULL"),
        ("unfinished", ["cluster", "id"], "status < 2"),
    ):
        op.create_index(
            f"index_jobs_{name}",
            "jobs",
            columns,
            postgresql_where=sa.text(where),
            sqlite_where=sa.text(where),
        )


def _create_attempts() -> None:
    op.create_table(
        "job_attempts",
        sa.Column("job_id", _key(36), sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("cluster", _key(64), nullable=False),
        sa.Column("finished", sa.Boolean, nullable=False),
        sa.Column("job", sa.String(253), nullable=False),
        sa.Column("pod", sa.String(253)),
        sa.Column("pod_uid", sa.String(36)),
        sa.Column("node", sa.String(253)),
        sa.Column("image", sa.Text),
        sa.Column("image_digest", sa.Text),
        sa.Column("requested_cpu_millis", sa.BigInteger),
        sa.Column("requested_memory_bytes", sa.BigInteger),
        sa.Column("requested_gpus", sa.Integer),
        sa.Column("created_time", sa.BigInteger),
        sa.Column("start_time", sa.BigInteger),
        sa.Column("completion_time", sa.BigInteger),
        sa.Column("exit_code", sa.Integer),
        sa.Column("reason", sa.String(256)),
        sa.Column("message", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("traceback", sa.Text),
        sa.Column("log_tail", sa.Text),
        sa.PrimaryKeyConstraint("job_id", "attempt", name="job_attempts_pk"),
    )
