"""How long a transient failure waits for its next attempt."""


def backoff_seconds(retry_number: int, base_seconds: int, max_seconds: int) -> int:
    """Delay before retry `retry_number` (1 is the first): `min(base * 2**(n-1), max)`, MLflow's numbers.

    The exponent is bounded, so that a thousandth retry costs no thousand-bit number.
    """
    exponent = min(retry_number - 1, 32)
    return int(min(base_seconds * 2**exponent, max_seconds))


REQUEST_DELAY_FIRST_SECONDS = 0.5
REQUEST_DELAY_LAST_SECONDS = 30.0


def request_delay_seconds(failures: int, retry_after_seconds: float | None) -> float:
    """Delay before asking the API server again after `failures` (>= 1) in a row; its own wish counts."""
    grown = min(REQUEST_DELAY_FIRST_SECONDS * 2.0 ** min(failures - 1, 10), REQUEST_DELAY_LAST_SECONDS)
    return max(grown, retry_after_seconds or 0.0)
