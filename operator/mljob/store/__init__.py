"""The SQL store: the only importer of SQLAlchemy and Alembic. Knows records and phases, no Kubernetes."""

from mljob.store.errors import InvalidCursor, StoreError, StoreRefused, StoreUnavailable
from mljob.store.query import JobFilter, Known, Order, Page, WriteResult
from mljob.store.store import MAX_PAGE_ROWS, Store, open_store

__all__ = [
    "MAX_PAGE_ROWS",
    "InvalidCursor",
    "JobFilter",
    "Known",
    "Order",
    "Page",
    "Store",
    "StoreError",
    "StoreRefused",
    "StoreUnavailable",
    "WriteResult",
    "open_store",
]
