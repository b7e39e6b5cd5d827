"""Names and labels of attempts: valid, deterministic, distinct, and ours where they must be."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mljob.core.attempt import attempt_labels, attempt_name, is_controllers_label

UID = "8c0b3a4e-5f0a-4a3e-9f53-0e9d5a1b2c3d"
DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
OBJECT_NAMES = st.from_regex(
    r"[a-z0-9]([-a-z0-9]{0,40}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,40}[a-z0-9])?){0,4}", fullmatch=True
).filter(lambda name: len(name) <= 253)
ATTEMPTS = st.integers(min_value=1, max_value=10**6)


@pytest.mark.parametrize(
    ("name", "attempt", "expected"),
    [
        ("train", 1, "train-8c0b3a4e-1"),
        ("train.v2.eu", 12, "train-v2-eu-8c0b3a4e-12"),
        ("0", 1, "0-8c0b3a4e-1"),
        ("a" * 253, 1, "a" * 52 + "-8c0b3a4e-1"),
        # A cut that ends at a dash does not leave two of them.
        ("a" * 51 + "-b", 1, "a" * 51 + "-8c0b3a4e-1"),
        ("a" * 51 + ".b", 1, "a" * 51 + "-8c0b3a4e-1"),
    ],
)
def test_the_name_holds_the_jobs_name_uid_and_attempt(name: str, attempt: int, expected: str) -> None:
    assert attempt_name(name, UID, attempt) == expected


@given(name=OBJECT_NAMES, uid=st.uuids(), attempt=ATTEMPTS)
def test_every_name_is_a_dns_label(name: str, uid: object, attempt: int) -> None:
    made = attempt_name(name, str(uid), attempt)
    assert len(made) <= 63
    assert DNS_LABEL.fullmatch(made)
    assert made == attempt_name(name, str(uid), attempt)


@given(name=OBJECT_NAMES, uid=st.uuids(), attempts=st.sets(ATTEMPTS, min_size=2, max_size=5))
def test_no_two_attempts_share_a_name(name: str, uid: object, attempts: set[int]) -> None:
    assert len({attempt_name(name, str(uid), attempt) for attempt in attempts}) == len(attempts)


def test_the_users_labels_are_copied_and_ours_win() -> None:
    user = {
        "team": "vision",
        "kueue.x-k8s.io/queue-name": "gold",
        "mljob.dev/group": "sweep-1",
        "app.kubernetes.io/managed-by": "Helm",
        "mljob.dev/uid": "forged",
        "mljob.dev/attempt": "99",
        "job-name": "another",
        "controller-uid": "another",
        "batch.kubernetes.io/job-name": "another",
        "applyset.kubernetes.io/part-of": "set",
    }
    assert attempt_labels(user, UID, "simple_job_fun", 3) == {
        "team": "vision",
        "kueue.x-k8s.io/queue-name": "gold",
        "mljob.dev/group": "sweep-1",
        "mljob.dev/job-name": "simple_job_fun",
        "mljob.dev/uid": UID,
        "mljob.dev/attempt": "3",
        "app.kubernetes.io/managed-by": "mljob",
    }


@pytest.mark.parametrize(
    ("key", "theirs"),
    [
        ("job-name", True),
        ("controller-uid", True),
        ("batch.kubernetes.io/controller-uid", True),
        ("mljob.dev/job-name", False),
        ("my-job-name", False),
    ],
)
def test_the_job_controllers_labels_are_known(key: str, theirs: bool) -> None:
    assert is_controllers_label(key) is theirs
