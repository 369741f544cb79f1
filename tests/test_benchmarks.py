"""The benchmarks measure what runs: the real pipeline, the real server, the same work for every candidate."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import orjson
import pytest
import urllib3
import yaml

import bridge.pipeline
import bridge.serialization
import bridge.validate
from benchmarks import fetching, figures, one_commit_each, purchase, report, rounds, servers, transform
from bridge.mapping import load_mapping
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.models import Verified
from bridge.outbox.group_commit import MOST_AT_ONCE, CommitQueue
from bridge.pipeline import translate
from bridge.simulator import Simulator

HASHED = ("em", "ph", "fn", "ln", "db", "ct", "st", "zp", "country", "external_id")


def the_event() -> dict:
    spec, mapping = transform.prepare()
    [body] = transform.run_pipeline(mapping, spec, purchase.request())
    return orjson.loads(body)


def test_the_measured_pipeline_is_the_one_that_runs():
    assert transform.translate is bridge.pipeline.translate
    assert transform.encode is bridge.serialization.encode
    assert transform.validate is bridge.validate.validate


def test_the_measured_order_becomes_an_event_that_meta_takes_with_ten_hashes():
    event = the_event()
    assert all(len(event["user_data"][name][0]) == 64 for name in HASHED)
    assert len(event["custom_data"]["contents"]) == 2
    with Simulator() as simulator:
        body = orjson.dumps({"data": [event], "access_token": "t"})
        headers = {"Content-Type": "application/json"}
        answer = urllib3.request("POST", f"{simulator.url}/v25.0/1/events", body=body, headers=headers)
    assert (answer.status, answer.json()["events_received"]) == (200, 1)


def test_the_official_sdk_does_the_same_work():
    """It leaves `external_id` as it is and keeps the apostrophe of a name; that is all."""
    ours, [text] = the_event(), json.loads(purchase.with_the_sdk(purchase.BODY))
    theirs = json.loads(text)
    people, sdk_people = ours.pop("user_data"), theirs.pop("user_data")
    assert set(people) == set(sdk_people)
    same = {name for name in people if people[name] == sdk_people[name]}
    assert same == set(people) - {"external_id", "ln"}
    assert set(ours) == set(theirs)
    assert set(ours["custom_data"]) == set(theirs["custom_data"])


def test_no_two_orders_of_the_load_are_the_same():
    numbered = {purchase.numbered(number) for number in range(1, 500)}
    assert len(numbered) == 499
    assert len({json.loads(body)["email"] for body in purchase.people(300)}) == 300


def test_each_order_of_the_mapping_that_fetches_needs_a_record_of_its_own(tmp_path):
    file = purchase.write_mapping(tmp_path, name=fetching.FETCHING, fetches=True)
    mapping = load_mapping(file, environment={}, spec=load_meta_spec())
    asked = [
        translate(Verified(purchase.request(purchase.numbered(number))), mapping, load_meta_spec()).calls
        for number in (1, 2)
    ]
    assert [len(calls) for calls in asked] == [1, 1]
    assert asked[0][0].target != asked[1][0].target


def test_the_comparator_of_group_commit_differs_in_one_number():
    assert one_commit_each.LARGEST == 1 < MOST_AT_ONCE
    assert set(one_commit_each.CHANGED) <= set(CommitQueue.__init__.__kwdefaults__)


@pytest.mark.process
def test_the_measured_server_is_capi_bridge_serve_with_every_promise(tmp_path):
    headers = {"Content-Type": "application/json"}
    with servers.bridge(tmp_path, "--workers", "1", "--no-deliver") as server:
        command = Path(f"/proc/{server.process.pid}/cmdline").read_bytes().split(b"\0")
        plain = f"{server.url}/hooks/{purchase.NAME}"
        stored = urllib3.request("POST", plain, body=purchase.numbered(1), headers=headers)
        again = urllib3.request("POST", plain, body=purchase.numbered(1), headers=headers)
        unsigned = urllib3.request("POST", f"{plain}-signed", body=purchase.numbered(2), headers=headers)
    assert [Path(command[1].decode()).name, command[2]] == ["capi-bridge", b"serve"]
    assert (stored.status, stored.json()["status"]) == (200, "queued")
    assert (again.status, again.json()["status"]) == (200, "duplicate")
    assert unsigned.status == 401
    with sqlite3.connect(tmp_path / "bridge.db") as database:
        assert database.execute("SELECT count(*) FROM webhooks").fetchone() == (1,)
    database.close()


def test_ratios_are_taken_inside_rounds():
    ticks = iter(range(100))
    series = rounds.in_rounds({"ours": lambda: 2.0 * (next(ticks) + 1), "theirs": lambda: 1.0}, rounds=3)
    ratio = series["ours"].over(series["theirs"])
    assert (ratio.least, ratio.median, ratio.most) == (2.0, 4.0, 6.0)


@pytest.mark.parametrize(
    ("name", "median", "verdict"),
    [
        ("transform + validate, against the official Python SDK", 3.0, "goal"),
        ("transform + validate, against the official Python SDK", 1.7, "gate held"),
        ("transform + validate, against the official Python SDK", 1.69, "**gate missed**"),
        ("its p99 against bare Flask's", 1.2, "goal"),
        ("its p99 against bare Flask's", 1.6, "gate held"),
        ("its p99 against bare Flask's", 1.61, "**gate missed**"),
        ("something without a target", 1.0, ""),
    ],
)
def test_a_figure_stands_to_its_gate_and_goal(name, median, verdict):
    one = figures.Figure("part", name, "x", median, median, median, 5)
    assert report.verdict(one) == verdict


def test_the_limit_of_every_goal_can_be_told():
    limits = yaml.safe_load((Path(figures.__file__).parent / "limits.yaml").read_text())
    assert set(limits) | {"end to end against n8n, as it comes"} == set(figures.TARGETS)
