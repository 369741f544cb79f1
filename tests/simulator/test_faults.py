"""The language of faults, and how a plan is dealt out."""

from __future__ import annotations

import pytest

from bridge.errors import WrongUse
from bridge.simulator.faults import Fault, FaultPlan, read_plan


@pytest.mark.parametrize(
    ("step", "fault"),
    [
        pytest.param("ok", Fault(), id="nothing"),
        pytest.param("500", Fault("error", status=500, code=1), id="an HTTP status"),
        pytest.param("503", Fault("error", status=503, code=2), id="unavailable"),
        pytest.param("502", Fault("html", status=502), id="a gateway answers HTML"),
        pytest.param("190", Fault("error", code=190), id="a code"),
        pytest.param("190/463", Fault("error", code=190, subcode=463), id="code and subcode"),
        pytest.param("http=418", Fault("error", status=418), id="any status"),
        pytest.param("error=503", Fault("error", code=503), id="a code that looks like a status"),
        pytest.param("transient", Fault("error", code=2, transient=True), id="transient"),
        pytest.param("100:transient", Fault("error", code=100, transient=True), id="transient as an option"),
        pytest.param("html", Fault("html", status=502), id="HTML"),
        pytest.param("html=200", Fault("html", status=200), id="HTML with a status"),
        pytest.param("empty", Fault("empty"), id="no body"),
        pytest.param("garbage", Fault("garbage"), id="cut JSON"),
        pytest.param("timeout", Fault("timeout"), id="no answer"),
        pytest.param("reset", Fault("reset"), id="reset"),
        pytest.param("reset-after-accept", Fault("reset", after_accept=True), id="reset, events taken"),
        pytest.param("500-after-accept", Fault("error", status=500, after_accept=True), id="lying 500"),
        pytest.param("slow=2s", Fault(delay_seconds=2.0), id="seconds"),
        pytest.param("slow=250ms", Fault(delay_seconds=0.25), id="milliseconds"),
        pytest.param("slow=1.5m", Fault(delay_seconds=90.0), id="minutes"),
        pytest.param("events_received=0", Fault(events_received=0), id="none received"),
        pytest.param(
            "429:retry-after=2", Fault("error", status=429, code=4, retry_after_seconds=2), id="retry after"
        ),
        pytest.param("4:usage=100", Fault("error", code=4, usage_percent=100), id="usage"),
        pytest.param(
            "80004:usage=100:wait=3",
            Fault("error", code=80004, usage_percent=100, wait_minutes=3),
            id="two options",
        ),
        pytest.param("ok:warning", Fault(version_warning=True), id="a warning on a good answer"),
        pytest.param("500:slow=1s", Fault("error", status=500, delay_seconds=1.0), id="slow and failing"),
    ],
)
def test_a_step_reads_as_one_fault(step, fault):
    assert [(read.fault, read.count) for read in read_plan(step)] == [(fault, 1)]


@pytest.mark.parametrize(
    "plan",
    [
        "boom",
        "500*x",
        "500*0",
        "slow",
        "slow=fast",
        "190/x",
        "every=0:500",
        "every=5",
        "500:nonsense",
        "*3",
        "500:usage=x",
    ],
)
def test_a_plan_that_makes_no_sense_is_refused_with_the_step_in_it(plan):
    with pytest.raises(WrongUse, match="is not a valid step"):
        FaultPlan().add(f"ok, {plan}")


def dealt(plan: FaultPlan, requests: int) -> list[int | str]:
    faults = [plan.next() for _ in range(requests)]
    return [fault.status or fault.code if fault.kind == "error" else fault.kind for fault in faults]


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        pytest.param("", ["ok"] * 4, id="no plan"),
        pytest.param("500*2, timeout", [500, 500, "timeout", "ok"], id="in order, then healthy"),
        pytest.param("ok*2, 190", ["ok", "ok", 190, "ok"], id="healthy first"),
        pytest.param("500*", [500] * 4, id="for good"),
        pytest.param("every=2:2", ["ok", 2, "ok", 2], id="every second"),
        pytest.param("every=2:2, 500", [500, 2, "ok", 2], id="a step goes before a rule"),
        pytest.param("some=100%:reset", ["reset"] * 4, id="always by chance"),
        pytest.param("some=0%:reset", ["ok"] * 4, id="never by chance"),
    ],
)
def test_a_plan_is_dealt_out_request_by_request(plan, expected):
    faults = FaultPlan()
    faults.add(plan)
    assert dealt(faults, 4) == expected


def test_chance_repeats_itself_for_one_seed():
    def run(seed: int) -> list[int | str]:
        plan = FaultPlan(seed)
        plan.add("some=50%:500")
        return dealt(plan, 64)

    assert run(7) == run(7)
    assert run(7) != run(8)
    assert {500, "ok"} == set(run(7))


def test_what_is_still_to_come_can_be_read_and_forgotten():
    plan = FaultPlan()
    plan.add("500*3, timeout, every=5:2, 190*")
    plan.next()
    assert plan.waiting() == ["500*2", "timeout", "190*", "every=5:2"]
    plan.clear()
    assert plan.waiting() == []
    assert dealt(plan, 1) == ["ok"]


def test_a_plan_with_one_wrong_step_adds_nothing():
    plan = FaultPlan()
    with pytest.raises(WrongUse):
        plan.add("500, boom")
    assert plan.waiting() == []
