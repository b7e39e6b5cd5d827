"""Makes any text storable: PostgreSQL refuses NUL, both refuse lone surrogates, and columns have an end.

What was replaced or cut is visible in the text. A write never fails because of what a job printed.
"""

from hashlib import sha256

ID_CHARS = 36
REASON_CHARS = 256
IDENTITY_CHARS = 500
MESSAGE_CHARS = 8 * 1024
ERROR_CHARS = 64 * 1024
TRACEBACK_CHARS = 64 * 1024
LOG_TAIL_CHARS = 256 * 1024

_NUL_SHOWN = "\N{SYMBOL FOR NULL}"


def clean(text: str) -> str:
    """NUL becomes its picture, a lone surrogate its escape; every other text stays as it is."""
    if "\x00" in text:
        text = text.replace("\x00", _NUL_SHOWN)
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def head(text: str, limit_chars: int) -> str:
    """Clean, and at most `limit_chars` long; the beginning is kept."""
    text = clean(text)
    if len(text) <= limit_chars:
        return text
    note = f" [cut: {len(text)} characters]"
    return text[: limit_chars - len(note)] + note


def tail(text: str, limit_chars: int) -> str:
    """Clean, and at most `limit_chars` long; the end is kept: what a log or a traceback says last."""
    text = clean(text)
    if len(text) <= limit_chars:
        return text
    note = f"[cut: {len(text)} characters] "
    return note + text[len(note) - limit_chars :]


def identity(text: str, limit_chars: int = IDENTITY_CHARS) -> str:
    """Clean, and at most `limit_chars` long; two different texts stay different (compared, not only read)."""
    cleaned = clean(text)
    if len(cleaned) <= limit_chars:
        return cleaned
    digest = "~" + sha256(cleaned.encode("utf-8")).hexdigest()[:32]
    return cleaned[: limit_chars - len(digest)] + digest
