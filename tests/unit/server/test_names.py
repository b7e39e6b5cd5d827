"""Names of submitted objects: DNS-safe, unique, and in the order of submission."""

import random
import re
from itertools import chain, repeat

from hypothesis import given
from hypothesis import strategies as st
from mljob.api.common import DNS_SUBDOMAIN, LABEL_VALUE
from mljob.core.attempt import attempt_name
from mljob.server.names import Moments, dns_safe

JOB_NAMES = st.from_regex(LABEL_VALUE, fullmatch=True).filter(lambda name: len(name) <= 63)
NOW_MS = 1_795_328_613_720


def moments(*clock: int) -> Moments:
    times = chain(clock, repeat(clock[-1]))
    return Moments(lambda: next(times), random.Random(1).randrange)  # noqa: S311 - reproducible


@given(JOB_NAMES)
def test_name_is_one_that_kubernetes_takes(job_name: str) -> None:
    name = moments(NOW_MS).next(job_name).name
    assert re.fullmatch(DNS_SUBDOMAIN, name)
    assert len(name) <= 50


@given(JOB_NAMES)
def test_attempts_name_holds_the_whole_name(job_name: str) -> None:
    name = moments(NOW_MS).next(job_name).name
    assert attempt_name(name, "0123456789", 99).startswith(f"{name}-")


def test_name_is_readable() -> None:
    assert dns_safe("Simple_job.fun") == "simple-job-fun"
    assert dns_safe("a" * 63) == "a" * 35


@given(st.lists(st.integers(0, 2**45 - 100), min_size=2, max_size=20))
def test_moments_only_increase_whatever_the_clock_does(clock: list[int]) -> None:
    hand_out = moments(*clock)
    made = [hand_out.next("job") for _ in clock]
    times = [moment.creation_time_ms for moment in made]
    names = [moment.name for moment in made]
    assert times == sorted(set(times))
    assert names == sorted(set(names))
    assert all(ours >= clock for ours, clock in zip(times, clock, strict=True))


def test_two_processes_differ_within_one_millisecond() -> None:
    names = {Moments(lambda: NOW_MS, random.Random(seed).randrange).next("job").name for seed in range(50)}  # noqa: S311
    assert len(names) == 50
