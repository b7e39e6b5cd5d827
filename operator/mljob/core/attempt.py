"""How an attempt is named and labelled. Deterministic: a restarted operator finds what it created."""

from collections.abc import Mapping

from mljob.api import names

MAX_NAME_CHARS = 63
"""A Job's name becomes a label value and the pod's host name."""
UID_CHARS = 8

CONTROLLER_LABELS = ("job-name", "controller-uid")
CONTROLLER_LABEL_PREFIX = "batch.kubernetes.io/"
_NOT_COPIED_PREFIXES = (
    CONTROLLER_LABEL_PREFIX,
    f"{names.GROUP}/",
    # `kubectl apply --prune` deletes what carries an ApplySet's label and is not in its manifests.
    "applyset.kubernetes.io/",
)


def attempt_name(mljob_name: str, uid: str, attempt: int) -> str:
    """`<name of the MlJob, dots to dashes, cut>-<uid, 8>-<attempt>`: a DNS label."""
    tail = f"-{uid[:UID_CHARS]}-{attempt}"
    head = mljob_name.replace(".", "-")[: MAX_NAME_CHARS - len(tail)].rstrip("-")
    return head + tail


def is_controllers_label(key: str) -> bool:
    """Set by the Job controller: a Job that brings one of these names another Job's pods as its own."""
    return key in CONTROLLER_LABELS or key.startswith(CONTROLLER_LABEL_PREFIX)


def attempt_labels(user_labels: Mapping[str, str], uid: str, job_name: str, attempt: int) -> dict[str, str]:
    """Labels of the Job and its pod: the user's own (kueue.x-k8s.io/* among them), then ours."""
    labels = {
        key: value
        for key, value in user_labels.items()
        if key not in CONTROLLER_LABELS and not key.startswith(_NOT_COPIED_PREFIXES)
    }
    if names.LABEL_GROUP in user_labels:
        labels[names.LABEL_GROUP] = user_labels[names.LABEL_GROUP]
    return labels | {
        names.LABEL_JOB_NAME: job_name,
        names.LABEL_UID: uid,
        names.LABEL_ATTEMPT: str(attempt),
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
    }
