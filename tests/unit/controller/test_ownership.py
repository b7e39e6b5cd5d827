"""Which attempt an object belongs to is told by labels that its controller bears out."""

from mljob.api import names
from mljob.controller.ownership import attempt_of

from tests.unit.controller.objects import a_kube_job, a_pod, uid_of


def test_objects_without_our_labels_or_an_owner_are_nobodys() -> None:
    bare = a_pod()
    bare["metadata"]["ownerReferences"] = []
    assert attempt_of(bare) is None
    for number in ("", "x", "-1", "1" * 10, "²"):
        odd = a_pod()
        odd["metadata"]["labels"][names.LABEL_ATTEMPT] = number
        assert attempt_of(odd) is None
    forged = a_kube_job()
    forged["metadata"]["ownerReferences"][0]["uid"] = "another"
    assert attempt_of(forged) is None


def test_an_owner_that_is_not_the_controller_says_nothing() -> None:
    owned = a_kube_job()
    owned["metadata"]["ownerReferences"].insert(0, {"kind": names.KIND_JOB, "uid": "another"})
    assert attempt_of(owned) == (uid_of("a"), 1)
