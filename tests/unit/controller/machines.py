"""The Job controller, the kubelets and the garbage collector of `model`, one step at a time."""

from mljob.api import names
from mljob.controller.ports import Json
from mljob.core.status_patch import format_time

from tests.unit.controller.model import Model, alive, finished
from tests.unit.controller.objects import a_pod


class Machines:
    """What a cluster does by itself, when it is asked to."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._had_pod: set[str] = set()
        self._pods = 0

    def sync_job(self, uid: str) -> None:
        """The next thing the Job controller does about a Job."""
        job, pods = self._model.objects["Job"][uid], self._model.owned("Pod", uid)
        live = [pod for pod in pods if alive(pod)]
        if finished(job):
            return
        if job["spec"].get("suspend"):
            self._delete_once(live)
            self._had_pod.discard(uid)
        elif job["spec"].get("activeDeadlineSeconds") == 0:
            self._delete_once(live)
            if not live:
                self._finish(job, "Failed", "DeadlineExceeded")
        elif any(pod["status"]["phase"] == "Succeeded" for pod in pods):
            self._finish(job, "Complete", "")
        elif pods and not live:
            disrupted = any(pod["status"].get("conditions") for pod in pods)
            self._finish(job, "Failed", "PodFailurePolicy" if disrupted else "BackoffLimitExceeded")
        elif not pods and uid in self._had_pod:
            self._finish(job, "Failed", "BackoffLimitExceeded")
        elif not pods:
            self._create_pod(job)

    def _create_pod(self, job: Json) -> None:
        self._pods += 1
        uid, labels = job["metadata"]["uid"], job["metadata"]["labels"]
        pod = a_pod(
            "x", int(labels[names.LABEL_ATTEMPT]), phase="Pending", owner=uid, replica=str(self._pods)
        )
        pod["metadata"]["labels"] = dict(labels)
        pod["status"] = {"phase": "Pending", "startTime": self._now()}
        self._had_pod.add(uid)
        self._model.put("Pod", pod)

    def _finish(self, job: Json, kind: str, reason: str) -> None:
        job["status"]["conditions"] = [
            {"type": kind, "status": "True", "reason": reason, "lastTransitionTime": self._now()}
        ]
        self._model.put("Job", job)

    def run_pod(self, uid: str, message: str | None, code: int) -> None:
        """The next thing its kubelet does: start it, end it, or confirm its deletion."""
        pod = self._model.objects["Pod"][uid]
        if not alive(pod):
            if "deletionTimestamp" in pod["metadata"]:
                self._model.remove("Pod", uid)
            return
        if pod["status"]["phase"] == "Pending":
            pod["status"]["phase"] = "Running"
            state: Json = {"running": {"startedAt": self._now()}}
        else:
            if "deletionTimestamp" in pod["metadata"]:
                message, code = '{"v": 1, "outcome": "failed", "reason": "Terminated"}', 1
            pod["status"]["phase"] = "Succeeded" if code == 0 else "Failed"
            ended = {"exitCode": code, "message": message}
            state = {"terminated": ended | {"startedAt": self._now(), "finishedAt": self._now()}}
        pod["status"]["containerStatuses"] = [{"name": "main", "state": state}]
        self._model.put("Pod", pod)

    def collect(self) -> None:
        """What has no owner any more goes, Jobs not before their pods (foreground)."""
        objects = self._model.objects
        for job in list(objects["Job"].values()):
            if job["metadata"]["ownerReferences"][0]["uid"] not in objects["MlJob"]:
                pods = self._model.owned("Pod", job["metadata"]["uid"])
                if not any(alive(pod) for pod in pods):
                    self._model.remove("Job", job["metadata"]["uid"])
                self._delete_once(pods)
        orphans = [
            pod
            for pod in objects["Pod"].values()
            if pod["metadata"]["ownerReferences"][0]["uid"] not in objects["Job"]
        ]
        self._delete_once(orphans)

    def _delete_once(self, pods: list[Json]) -> None:
        for pod in pods:
            if "deletionTimestamp" not in pod["metadata"]:
                self._model.delete_pod(pod)

    def _now(self) -> str | None:
        return format_time(self._model.clock.now)
