"""What a person is told when the cluster cannot be made: one sentence that says what to do."""


class CannotProceedError(Exception):
    """Something outside this program is missing or in the way; the text says what to do about it."""


class CommandError(CannotProceedError):
    """A command that was run has failed; carries the last lines of what it said."""

    def __init__(self, command: str, code: int, tail: str) -> None:
        self.code = code
        self.tail = tail
        super().__init__(f"`{command}` ended with exit code {code}; it last said:\n{tail}")
