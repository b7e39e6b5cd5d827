"""Whose an object is: the attempt that a Job or pod belongs to, by its labels and its controller. Pure."""

from typing import Any

from mljob.api import names

Json = dict[str, Any]
Group = tuple[str, str]
"""(namespace, job name): what a cap is of."""
AttemptId = tuple[str, int]
"""(uid of the MlJob, number of the attempt)."""

LONGEST_NUMBER_DIGITS = 9


def attempt_of(body: Json) -> AttemptId | None:
    """Which attempt a Job or pod belongs to, by its labels; None: to none of ours."""
    labels = body["metadata"].get("labels") or {}
    uid, number = labels.get(names.LABEL_UID), labels.get(names.LABEL_ATTEMPT, "")
    if not uid or not number.isdecimal() or len(number) > LONGEST_NUMBER_DIGITS:
        return None
    controller = controller_of(body)
    if not controller:
        return None
    if controller.get("kind") == names.KIND_JOB and controller.get("uid") != uid:
        # Labels can be forged; the owner's uid is what the fence and the collector go by.
        return None
    return uid, int(number)


def controller_of(body: Json) -> Json:
    """The owner that controls an object; empty: none does."""
    for owner in body["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            found: Json = owner
            return found
    return {}


def identity(attempt_id: AttemptId, own_uid: str, version: int) -> Json:
    """Enough of a Job or pod of an attempt for `attempt_of` to tell whose it is."""
    uid, number = attempt_id
    return {
        "metadata": {
            "uid": own_uid,
            "resourceVersion": str(version),
            "labels": {names.LABEL_UID: uid, names.LABEL_ATTEMPT: str(number)},
            "ownerReferences": [{"controller": True}],
        }
    }
