"""The store's own errors. Callers never see one of SQLAlchemy's or of a database driver's."""


class StoreError(Exception):
    """The store cannot do this, and trying again will not help: a fault of ours or of the database."""


class StoreRefused(StoreError):
    """The configuration cannot work (URL, file system). The text is one sentence for whoever set it."""


class StoreUnavailable(Exception):
    """The database cannot do this now: unreachable, locked, full, read-only, not migrated yet. Try again.

    `why` is ours and may be told to anybody; the whole text quotes the database, which names hosts and users.
    """

    def __init__(self, why: str, quoted: str = "") -> None:
        super().__init__(f"{why} ({quoted})" if quoted else why)
        self.why = why


class InvalidCursor(ValueError):
    """A page cursor that this program did not make, or that was made for the other direction."""
