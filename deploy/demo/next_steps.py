"""What the demo tells a person to try: commands that work as they are, in the shell that ran `make demo`."""

import os
from pathlib import Path

from .cluster import RELEASE, SQL, SYSTEM_NAMESPACE, LocalCluster

QUERY = "select name, status, retry_count, result from jobs order by creation_time"


def next_steps(cluster: LocalCluster) -> str:
    bin_folder, kubeconfig = _short(cluster.paths.bin), _short(cluster.kubeconfig)
    in_pod = f"kubectl -n {SYSTEM_NAMESPACE} exec deploy/{RELEASE} --"
    return f"""\
REST answers at {cluster.address} (no login; on this machine only).

What to try next

  export KUBECONFIG=$PWD/{kubeconfig} PATH=$PWD/{bin_folder}:$PATH

  kubectl get mljobs -o wide
  kubectl describe mljob broken
  kubectl explain mljob.spec

  # Submit over REST, as MLflow's clients do, and look at the newest job.
  curl -s {cluster.address}/ajax-api/3.0/jobs/ -H 'Content-Type: application/json' \\
       -d '{{"job_name": "train", "params": {{"alpha": 0.5}}}}'
  curl -s '{cluster.address}/api/v1/jobs?pageSize=1'
  curl -s {cluster.address}/openapi.json

  # The rows in the database, in the operator's pod. Status 2 is SUCCEEDED, 3 FAILED, 4 TIMEOUT.
  {in_pod} python -c \\
    "{SQL.format(query=QUERY)}"

  # Kill the operator while the sweep runs, and see that nothing changes: each job runs once, two at a time.
  kubectl delete mljobs -l mljob.dev/group=sweep && kubectl apply -f deploy/examples/sweep.yaml
  kubectl -n {SYSTEM_NAMESPACE} delete pod -l app.kubernetes.io/instance={RELEASE} --force --grace-period=0
  kubectl get mljobs -l mljob.dev/group=sweep -w

`make clean-cluster` takes everything away."""


def _short(path: Path) -> str:
    return os.path.relpath(path)
