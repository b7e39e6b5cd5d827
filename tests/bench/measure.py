"""CPU time and memory of processes, from /proc; requests, from the API server's own counters."""

import os
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import httpx

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_REQUESTS = re.compile(r"^apiserver_request_total\{(?P<labels>.*)\} (?P<count>\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')
NO_COUNT_VERBS = frozenset({"WATCH", "CONNECT"})


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far, all threads, to 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND


def cpu_of(pids: Mapping[str, int]) -> dict[str, float]:
    """The same of several."""
    return {name: cpu_seconds(pid) for name, pid in pids.items()}


def resident_megabytes(pid: int) -> float:
    """VmRSS: what is in memory now."""
    found = re.search(r"^VmRSS:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def requests(api: httpx.Client) -> Counter[str]:
    """Requests that an API server has answered, as `PATCH mljobs/status`; watches and leases left out."""
    counts: Counter[str] = Counter()
    for match in _REQUESTS.finditer(api.get("/metrics").raise_for_status().text):
        labels = dict(_LABEL.findall(match["labels"]))
        resource, verb = labels.get("resource", ""), labels.get("verb", "")
        if not resource or resource == "leases" or verb in NO_COUNT_VERBS:
            continue
        what = f"{resource}/{labels['subresource']}" if labels.get("subresource") else resource
        counts[f"{verb} {what}"] += int(float(match["count"]))
    return counts


def load_average() -> float:
    """Processes that wanted to run during the last minute: how noisy the machine is."""
    return os.getloadavg()[0]
