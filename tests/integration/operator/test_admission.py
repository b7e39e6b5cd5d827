"""Who runs and who waits: caps, order, definitions that come, go and change."""

from tests.integration.operator.world import World


def running(world: World) -> list[str]:
    """Names of MlJobs that have a Job which is not finished."""
    return sorted(
        job["metadata"]["ownerReferences"][0]["name"]
        for job in world.attempts()
        if not job.get("status", {}).get("conditions")
    )


def test_a_job_that_runs_once_and_succeeds_costs_three_writes_and_no_event(world: World) -> None:
    world.define(stay=None)
    world.submit("once")
    status = world.wait_phase("once", "Succeeded")
    assert status["result"] == "null"
    writes = [
        (event["verb"], event["objectRef"]["resource"], event["objectRef"].get("subresource"))
        for event in world.plane.audit_events()
        if event.get("objectRef", {}).get("namespace") == world.namespace
        and event["userAgent"].startswith("mljob-operator")
        and event["verb"] in ("create", "update", "patch", "delete")
        and event["objectRef"]["resource"] != "mljobdefinitions"
        and not event["requestURI"].count("dryRun")
    ]
    assert writes in (
        [("create", "jobs", None), ("patch", "mljobs", "status"), ("patch", "mljobs", "status")],
        # A container so short that it had ended when it was first seen: one write less.
        [("create", "jobs", None), ("patch", "mljobs", "status")],
    )
    assert world.events("once") == []


def test_six_jobs_at_cap_three_peak_at_exactly_three(world: World) -> None:
    world.define(maxWorkers=3)
    jobs = [f"job-{n}" for n in range(6)]
    for name in jobs:
        world.submit(name)
    world.wait_running(*jobs[:3])
    world.stays_so(lambda: running(world) == jobs[:3])
    for done, name in enumerate(jobs):
        world.wait_running(name)
        assert len(running(world)) <= 3
        world.end_pod(name)
        world.wait_phase(name, "Succeeded")
        world.wait_row(name, status=2)
        if done + 3 < len(jobs):
            world.wait_running(jobs[done + 3])
    assert running(world) == []


def test_a_higher_priority_goes_first_and_equals_in_order_of_submission(world: World) -> None:
    world.define(maxPriority=10)
    world.submit("first")
    world.wait_running("first")
    for name, priority in (("low-a", 0), ("low-b", 0), ("high", 5)):
        world.submit(name, priority=priority)
    order = []
    current = "first"
    for _ in range(3):
        world.end_pod(current)
        world.wait_phase(current, "Succeeded")
        (current,) = world.wait("the next one", lambda: running(world))
        world.wait_running(current)
        order.append(current)
    assert order == ["high", "low-a", "low-b"]


def test_a_raised_cap_starts_waiting_jobs_and_a_lowered_one_kills_none(world: World) -> None:
    world.define(maxWorkers=1)
    for name in ("a", "b", "c"):
        world.submit(name)
    world.wait_running("a")
    world.edit("work", "mljobdefinitions", maxWorkers=3)
    world.wait_running("b", "c")
    world.edit("work", "mljobdefinitions", maxWorkers=1)
    world.submit("d")
    world.stays_so(lambda: running(world) == ["a", "b", "c"])
    world.end_pod("a")
    world.wait_phase("a", "Succeeded")
    world.stays_so(lambda: running(world) == ["b", "c"])
    world.end_pod("b")
    world.end_pod("c")
    world.wait_running("d")


def test_a_suspended_definition_admits_no_new_job(world: World) -> None:
    world.define(suspend=True)
    world.submit("held")
    world.stays_so(lambda: running(world) == [])
    world.edit("work", "mljobdefinitions", suspend=False)
    world.wait_running("held")


def test_a_job_of_an_unknown_name_starts_when_its_definition_arrives(world: World) -> None:
    world.submit("early")
    status = world.wait_reason("early", "UnknownJobName")
    assert status["phase"] == "Pending"
    assert "'work'" in status["message"]
    world.define()
    world.wait_running("early")
    assert "reason" not in world.status("early")


def test_missing_params_fail_at_once_with_the_words_of_submit_job(world: World) -> None:
    params = [{"name": "x", "required": True}, {"name": "y", "required": True}, {"name": "sleep_secs"}]
    world.define(function="jobs.simple.fun", params=params)
    world.submit("wrong", params={"x": 1})
    status = world.wait_phase("wrong", "Failed")
    assert status["reason"] == "MissingParams"
    assert status["error"] == (
        "Missing required parameters for function 'fun': ['y']. Expected parameters: ['x', 'y', 'sleep_secs']"
    )
    assert world.wait_row("wrong", status=3)["result"] == status["error"]
    assert [event["reason"] for event in world.events("wrong")] == ["MissingParams"]
    assert world.attempts() == []


def test_a_misspelt_param_fails_at_once_with_the_words_of_rest(world: World) -> None:
    world.define(params=[{"name": "lr"}, {"name": "epochs"}])
    world.submit("wrong", params={"lrr": 0.1})
    status = world.wait_phase("wrong", "Failed")
    assert status["reason"] == "UnknownParams"
    assert status["error"] == "Unknown parameters: ['lrr']. Expected parameters: ['lr', 'epochs']."
    assert world.attempts() == []


def test_a_template_that_no_server_takes_is_refused_when_the_definition_arrives(world: World) -> None:
    world.define("broken", podTemplate={"spec": {"containers": [{"name": "main", "resourcez": {}}]}})

    def accepted() -> dict[str, str] | None:
        conditions = world.definition("broken").get("status", {}).get("conditions", [])
        return conditions[0] if conditions else None

    condition = world.wait("a verdict", accepted)
    assert (condition["status"], condition["reason"]) == ("False", "InvalidTemplate")
    assert condition["message"] == 'unknown field "spec.podTemplate.spec.containers[main].resourcez"'
    world.submit("job", "broken")
    assert "resourcez" in world.wait_reason("job", "InvalidTemplate")["message"]


def test_of_two_definitions_of_one_name_the_older_is_in_force(world: World) -> None:
    world.define("older", jobName="shared_Name", maxWorkers=2)
    world.wait("accepted", lambda: world.definition("older").get("status"))
    # Of the same second the lesser uid would be in force.
    created = world.definition("older")["metadata"]["creationTimestamp"]
    world.wait("the next second", lambda: world.now() > created)
    world.define("newer", jobName="shared_Name", maxWorkers=5)
    status = world.wait("a verdict", lambda: world.definition("newer").get("status"))
    assert status["conditions"][0]["reason"] == "DuplicateJobName"
    for n in range(3):
        world.submit(f"job-{n}", "shared_Name")
    world.wait_running("job-0", "job-1")
    world.stays_so(lambda: running(world) == ["job-0", "job-1"])


def test_the_namespace_has_a_limit_of_its_own(world: World) -> None:
    world.plane.kubectl("annotate", "namespace", world.namespace, "mljob.dev/max-running-jobs=1")
    world.define("one", maxWorkers=5)
    world.define("two", maxWorkers=5)
    world.submit("a", "one")
    world.wait_running("a")
    world.submit("b", "two")
    world.stays_so(lambda: running(world) == ["a"])
    world.end_pod("a")
    world.wait_running("b")


def test_a_full_quota_holds_a_job_back_and_charges_no_attempt(world: World) -> None:
    quota = {
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"},
        "spec": {"hard": {"count/jobs.batch": "0"}},
    }  # fmt: skip
    path = f"/api/v1/namespaces/{world.namespace}/resourcequotas"
    world.api.post(path, json=quota).raise_for_status()
    world.wait("the quota", lambda: world.api.get(f"{path}/none").json().get("status", {}).get("used"))
    world.define()
    world.submit("held")
    status = world.wait_reason("held", "QuotaExceeded")
    assert status["phase"] == "Pending"
    assert status.get("attempt", 0) == 0
    world.delete(f"{path}/none")
    assert world.wait_phase("held", "Running")["attempt"] == 1


def test_an_inline_definition_stands_alone(world: World) -> None:
    definition = {"command": ["work"], "image": "example.test/image:1", "maxWorkers": 1}
    world.submit("alone", "inline", definition=definition)
    assert world.wait_phase("alone", "Succeeded")["attempt"] == 1


def test_an_inline_definition_is_refused_for_a_name_that_is_defined(world: World) -> None:
    world.define()
    world.wait("accepted", lambda: world.definition("work").get("status"))
    world.submit("rogue", definition={"command": ["other"], "image": "example.test/image:1"})
    assert "MlJobDefinition work" in world.wait_reason("rogue", "InlineDefinitionRefused")["message"]
    assert world.attempts() == []


def test_of_jobs_with_one_exclusive_key_the_later_is_canceled(world: World) -> None:
    world.define(exclusive={"params": ["x"]}, maxWorkers=5)
    world.submit("first", params={"x": 1, "y": 1})
    world.wait_running("first")
    world.submit("second", params={"x": 1, "y": 2})
    world.submit("other", params={"x": 2})
    status = world.wait_phase("second", "Canceled")
    assert status["reason"] == "Exclusive"
    assert "first" in status["message"]
    world.wait_running("other")
    world.end_pod("first")
    world.wait_phase("first", "Succeeded")
    world.submit("third", params={"x": 1})
    world.wait_running("third")
