"""The body of `helm test`: one job through REST, from submission to result. Standard library only.

Arguments: the API's base URL, the job name of a definition that adds a and b.
"""

import json
import sys
import time
import urllib.request
from typing import Any

LIMIT_SECONDS = 200
PAUSE_SECONDS = 1
REQUEST_TIMEOUT_SECONDS = 10


def call(url: str, body: object = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=REQUEST_TIMEOUT_SECONDS) as answer:  # noqa: S310
        parsed: dict[str, Any] = json.load(answer)
    return parsed


def main(base_url: str, job_name: str) -> None:
    jobs = f"{base_url}/ajax-api/3.0/jobs"
    job = call(f"{jobs}/", {"job_name": job_name, "params": {"a": 3, "b": 4}, "timeout": 60})
    print(f"submitted {job['job_id']}", flush=True)
    deadline = time.monotonic() + LIMIT_SECONDS
    while job["status"] in ("PENDING", "RUNNING"):
        if time.monotonic() > deadline:
            sys.exit(f"after {LIMIT_SECONDS} s the job is still {job['status']}: see `kubectl get mljobs -A`")
        time.sleep(PAUSE_SECONDS)
        job = call(f"{jobs}/{job['job_id']}")
    print(f"{job['status']} with result {job['result']!r}")
    if (job["status"], job["result"]) != ("SUCCEEDED", 7):
        sys.exit("expected SUCCEEDED with result 7")


main(*sys.argv[1:])
