"""Delays, quantities and free slots: small sums with edges."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mljob.core.admission import Slots, free_slots
from mljob.core.quantity import parse_quantity
from mljob.core.retry import backoff_seconds, request_delay_seconds


@pytest.mark.parametrize(
    ("retry", "base", "longest", "delay"),
    [(1, 15, 60, 15), (2, 15, 60, 30), (3, 15, 60, 60), (9, 15, 60, 60), (1, 0, 60, 0), (1, 90, 60, 60)],
)
def test_backoff_is_mlflows(retry: int, base: int, longest: int, delay: int) -> None:
    assert backoff_seconds(retry, base, longest) == delay


@given(st.integers(1, 10**6), st.integers(0, 10**8), st.integers(0, 10**8))
def test_backoff_never_shrinks_and_keeps_its_bound(retry: int, base: int, longest: int) -> None:
    delay = backoff_seconds(retry, base, longest)
    assert 0 <= delay <= longest
    assert delay <= backoff_seconds(retry + 1, base, longest)


@pytest.mark.parametrize(
    ("failures", "wish", "delay"),
    [(1, None, 0.5), (2, None, 1.0), (7, None, 30.0), (5_000, None, 30.0), (1, 12.0, 12.0), (7, 1.0, 30.0)],
)
def test_a_request_is_repeated_ever_later_and_not_before_the_server_wishes(
    failures: int, wish: float | None, delay: float
) -> None:
    assert request_delay_seconds(failures, wish) == delay


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", "1"), ("0.5", "0.5"), ("500m", "0.5"), ("2k", "2000"), ("1Ki", "1024"), ("1.5Gi", "1610612736"),
        ("-1", "-1"), ("+2", "2"), ("2e3", "2000"), ("2E3", "2000"), ("1E", "1000000000000000000"),
        ("100u", "0.0001"), ("1e-2", "0.01"),
    ],
)  # fmt: skip
def test_quantities(text: str, value: str) -> None:
    assert parse_quantity(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "many", "1K", "1e999", "1.", ".5", "1 Gi", "1mm", "٣", "9" * 31])
def test_what_is_no_quantity(text: str) -> None:
    assert parse_quantity(text) is None


@pytest.mark.parametrize(
    ("limits", "free"),
    [
        ([], None),
        ([Slots(None, 9)], None),
        ([Slots(3, 1)], 2),
        ([Slots(3, 5)], 0),
        ([Slots(3, 1), Slots(None, 1), Slots(2, 1)], 1),
        ([Slots(0, 0)], 0),
    ],
)
def test_the_smallest_limit_counts_and_a_lowered_one_kills_nothing(
    limits: list[Slots], free: int | None
) -> None:
    assert free_slots(limits) == free
