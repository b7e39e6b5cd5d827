"""The tables, as SQLAlchemy sees them. The migrations create them; a test holds the two together."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    literal_column,
)


def _key(length: int) -> String:
    """Text that is compared and ordered. By code point on both databases, as Python orders it: PostgreSQL's
    own collation would list names in another order than they are admitted in, and changes with its libc."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


metadata = MetaData()

jobs = Table(
    "jobs",
    metadata,
    # MLflow's columns, with MLflow's names and types, so that queries written for it work.
    Column("id", _key(36), nullable=False),
    Column("creation_time", BigInteger, nullable=False),
    Column("job_name", _key(500), nullable=False),
    Column("params", Text),
    Column("timeout", Float),
    Column("status", Integer, nullable=False),
    Column("result", Text),
    Column("retry_count", Integer, nullable=False),
    Column("last_update_time", BigInteger, nullable=False),
    # Ours.
    Column("cluster", _key(64), nullable=False),
    Column("namespace", _key(63), nullable=False),
    Column("name", _key(253), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("rank", SmallInteger, nullable=False),
    Column("reason", String(256)),
    Column("message", Text),
    Column("disruption_count", Integer, nullable=False),
    Column("start_time", BigInteger),
    Column("completion_time", BigInteger),
    Column("next_retry_time", BigInteger),
    Column("priority", Integer, nullable=False),
    Column("job_group", _key(500)),
    Column("submitted_by", _key(500)),
    Column("exclusive_key", _key(500)),
    PrimaryKeyConstraint("id", name="jobs_pk"),
)

# Every list is in the order (creation_time, name, id). The indexes behind a filter end in creation_time: both
# databases read them in that order and sort only what shares a millisecond.
Index("index_jobs_order", jobs.c.creation_time, jobs.c.name, jobs.c.id)
Index("index_jobs_name_creation_time", jobs.c.job_name, jobs.c.creation_time)
Index("index_jobs_name_status_creation_time", jobs.c.job_name, jobs.c.status, jobs.c.creation_time)
Index("index_jobs_status_creation_time", jobs.c.status, jobs.c.creation_time)
Index("index_jobs_namespace_creation_time", jobs.c.namespace, jobs.c.creation_time)
for _name, _column in (("group", jobs.c.job_group), ("submitted_by", jobs.c.submitted_by)):
    Index(
        f"index_jobs_{_name}_creation_time",
        _column,
        jobs.c.creation_time,
        postgresql_where=_column.is_not(None),
        sqlite_where=_column.is_not(None),
    )
# PENDING and RUNNING; every greater status is final. A literal, not a parameter: so both databases see which
# rows the partial index holds.
is_unfinished = jobs.c.status < literal_column("2")
is_final = jobs.c.status >= literal_column("2")
# Few rows at any time, so it costs next to nothing: what the operator compares with the cluster.
Index(
    "index_jobs_unfinished",
    jobs.c.cluster,
    jobs.c.id,
    postgresql_where=is_unfinished,
    sqlite_where=is_unfinished,
)

job_attempts = Table(
    "job_attempts",
    metadata,
    Column("job_id", _key(36), ForeignKey(jobs.c.id, ondelete="CASCADE"), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("cluster", _key(64), nullable=False),
    Column("finished", Boolean, nullable=False),
    Column("job", String(253), nullable=False),
    Column("pod", String(253)),
    Column("pod_uid", String(36)),
    Column("node", String(253)),
    Column("image", Text),
    Column("image_digest", Text),
    Column("requested_cpu_millis", BigInteger),
    Column("requested_memory_bytes", BigInteger),
    Column("requested_gpus", Integer),
    Column("created_time", BigInteger),
    Column("start_time", BigInteger),
    Column("completion_time", BigInteger),
    Column("exit_code", Integer),
    Column("reason", String(256)),
    Column("message", Text),
    Column("error", Text),
    Column("traceback", Text),
    Column("log_tail", Text),
    PrimaryKeyConstraint("job_id", "attempt", name="job_attempts_pk"),
)

# One row per top-level param of a job; `token` stands for its name and value (params_index.py). No foreign
# key: it would cost a second index, and a row whose job is gone is never seen, as every search joins `jobs`.
job_params = Table(
    "job_params",
    metadata,
    Column("token", BigInteger, nullable=False),
    Column("creation_time", BigInteger, nullable=False),
    Column("job_id", _key(36), nullable=False),
    PrimaryKeyConstraint("token", "creation_time", "job_id", name="job_params_pk"),
    sqlite_with_rowid=False,
)
