"""What the operator tells of itself. Names are part of the contract with alerts and dashboards."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BUCKETS_SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)


class Metrics:
    """One registry an operator, so that several live in one test process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.reconciles = Histogram(
            "mljob_reconcile_seconds", "Time of one look at a job", buckets=BUCKETS_SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self.failures = Counter(
            "mljob_reconcile_failures_total", "Looks that have to be repeated", ["reason"],
            registry=self.registry,
        )  # fmt: skip
        self.events = Counter(
            "mljob_watch_events_total", "Events that the watches brought", ["kind"], registry=self.registry
        )
        self.last_event = Gauge(
            "mljob_watch_last_event_timestamp_seconds", "When a watch last brought an event", ["kind"],
            registry=self.registry,
        )  # fmt: skip
        self.admissions = Counter("mljob_admissions_total", "Attempts admitted", registry=self.registry)
        self.held = Gauge("mljob_slots_held", "Attempts that hold a slot", registry=self.registry)
        self.waiting = Gauge("mljob_jobs_waiting", "Jobs that wait for a slot", registry=self.registry)
        self.queue_depth = Gauge(
            "mljob_queue_depth", "Keys that wait to be looked at", registry=self.registry
        )
        self.queue_age = Gauge(
            "mljob_queue_oldest_seconds", "How long the first of them has waited", registry=self.registry
        )
        self.backlog = Gauge(
            "mljob_mirror_backlog_rows", "Rows that wait to be written to SQL", registry=self.registry
        )
        self.rows = Counter("mljob_mirror_rows_total", "Rows written to SQL", registry=self.registry)
        self.store_failing = Gauge(
            "mljob_store_unavailable", "1 while the store cannot be written", registry=self.registry
        )
        self.missed = Counter(
            "mljob_watch_missed_total", "Changes that a comparison found and no watch had brought", ["kind"],
            registry=self.registry,
        )  # fmt: skip
