"""Jobs over HTTP: asked for with 202, followed, read and cancelled; small replays stay synchronous."""

from __future__ import annotations

import json
import threading
from io import BytesIO

import openpyxl
import pytest

from bridge.jobs.bulk_export import export_steps
from bridge.jobs.runner import do_job
from bridge.web.api.jobs_api import job_context
from bridge.web.openapi import document
from bridge.web.routes import ROUTES
from tests.web.conftest import ADMIN, EVENT

JOB = {
    "id", "kind", "state", "request", "done", "total", "counts", "message", "has_result",
    "created_at", "changed_at", "request_id",
}  # fmt: skip


def work_off(web):
    """Do what the delivery process does."""
    context = job_context(web.context)
    while job := context.outbox.jobs.claim(context.clock()):
        do_job(context, job, threading.Event(), web.context.log)


def held(web, number):
    for key in range(1, number + 1):
        assert web.post("/hooks/lead", {"id": key}).json["status"] == "held"
    web.later(seconds=1)


def followed(web, answer):
    assert (answer.status_code, set(answer.json)) == (202, JOB)
    work_off(web)
    return web.client.get(answer.headers["Location"], headers=ADMIN).json


def test_a_job_is_accepted_followed_and_its_result_read(web):
    held(web, 3)
    answer = web.post("/api/jobs", {"kind": "export", "status": "held", "format": "csv"}, ADMIN)
    assert (answer.json["state"], answer.json["done"], answer.json["total"]) == ("queued", 0, 3)
    job = followed(web, answer)
    assert (job["state"], job["done"], job["has_result"]) == ("done", 3, True)
    result = web.client.get(f"/api/jobs/{job['id']}/result", headers=ADMIN)
    assert result.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert len(result.text.splitlines()) == 4
    assert "Link" not in result.headers


def test_the_result_of_a_job_is_given_when_it_is_finished_and_not_before(web):
    held(web, 300)
    job = web.post("/api/jobs", {"kind": "export", "status": "held"}, ADMIN).json
    result = f"/api/jobs/{job['id']}/result"
    jobs = job_context(web.context)
    first_step = next(export_steps(jobs, jobs.outbox.jobs.claim(web.context.now())))
    assert (first_step.state, first_step.done, first_step.has_result) == ("running", 250, True)
    answer = web.client.get(result, headers=ADMIN)
    assert (answer.status_code, answer.json["error"]["code"]) == (409, "not_finished")
    web.post(f"/api/jobs/{job['id']}/cancel", {}, ADMIN)
    assert len(web.client.get(result, headers=ADMIN).text.splitlines()) == 250


def test_a_long_result_leads_from_part_to_part(web):
    rows = b"".join(b'{"id": "%d", "name": "x"}\n' % number for number in range(2_500))
    job = followed(web, web.client.post("/api/import/lead?format=jsonl", data=rows, headers=ADMIN))
    assert job["counts"] == {"held": 2_500}
    path, lines = f"/api/jobs/{job['id']}/result", []
    while path:
        part = web.client.get(path, headers=ADMIN)
        assert part.headers["Content-Type"] == "application/x-ndjson"
        lines += part.text.splitlines()
        path = part.headers.get("Link", "").partition("<")[2].partition(">")[0]
    assert [json.loads(line)["row"] for line in lines] == list(range(1, 2_501))


def test_a_file_is_imported_by_posting_it(web):
    body = b"id;mail\n1;jane@example.com\n2;\n"
    job = followed(web, web.client.post("/api/import/lead", data=body, headers=ADMIN))
    assert (job["state"], job["counts"]) == ("done", {"waiting": 1, "held": 1})
    [line] = web.client.get(f"/api/jobs/{job['id']}/result", headers=ADMIN).text.splitlines()
    assert (json.loads(line)["row"], json.loads(line)["status"]) == (3, "held")


def test_a_posted_file_may_be_in_another_encoding_and_says_how_it_was_read(web):
    body = "id;name;mail\n1;Zoë;jane@example.com\n".encode("utf-16")
    job = followed(web, web.client.post("/api/import/lead", data=body, headers=ADMIN))
    assert (job["counts"], job["request"]["read_as"]) == (
        {"waiting": 1},
        "columns separated by semicolons, read as UTF-16",
    )
    cyrillic = "id;имя\n1;Иван\n".encode("cp1251")
    refused = web.client.post("/api/import/lead", data=cyrillic, headers=ADMIN)
    assert (refused.status_code, "encoding" in refused.json["error"]["message"]) == (400, True)
    named = web.client.post("/api/import/lead?encoding=cp1251", data=cyrillic, headers=ADMIN)
    assert followed(web, named)["counts"] == {"held": 1}


def test_a_posted_excel_file_is_imported(web):
    book = openpyxl.Workbook()
    for cells in (["id", "mail"], [1, "jane@example.com"]):
        book.active.append(cells)
    file = BytesIO()
    book.save(file)
    answer = web.client.post("/api/import/lead?format=xlsx", data=file.getvalue(), headers=ADMIN)
    assert followed(web, answer)["counts"] == {"waiting": 1}


def test_the_trial_of_a_posted_file_shows_an_event_and_who_can_be_matched(web):
    body = b"id;mail\n1;\n2;jane@example.com\n"
    job = followed(web, web.client.post("/api/import/lead?dry_run=true", data=body, headers=ADMIN))
    assert job["counts"] == {"held": 1, "waiting": 1, "events": 2, "with_email": 1}
    result = web.client.get(f"/api/jobs/{job['id']}/result", headers=ADMIN).text.splitlines()
    assert [(json.loads(line)["row"], json.loads(line)["status"]) for line in result] == [
        (3, "waiting"),
        (2, "held"),
    ]
    assert json.loads(result[0])["event"]["event_name"] == "Lead"


def test_a_corrected_row_that_is_posted_again_settles_what_was_held(web):
    for row, counts in (("2;", {"held": 1}), ("2;jane@example.com", {"waiting": 1, "replaced": 1})):
        body = f"id;mail\n1;joe@example.com\n{row}\n".encode()
        job = followed(web, web.client.post("/api/import/lead?file_name=a.csv", data=body, headers=ADMIN))
        assert {name: job["counts"][name] for name in counts} == counts
    assert web.client.get("/api/events?status=held", headers=ADMIN).json["events"] == []


def test_a_file_may_be_larger_than_other_bodies_but_not_without_end(start):
    web = start(settings="limits: {max_body_bytes: 1 MiB}\n")
    most = 16 * 1_048_576
    larger = b'{"id": 1, "x": "' + b"x" * 5_000_000 + b'"}\n'
    assert web.client.post("/api/import/lead?format=jsonl", data=larger, headers=ADMIN).status_code == 202
    assert web.client.post("/api/import/lead", data=b"x" * (most + 1), headers=ADMIN).status_code == 413
    assert web.client.post("/api/jobs", data=larger, headers=ADMIN).status_code == 413


def test_a_small_replay_is_done_at_once_and_a_big_one_by_a_job(web):
    held(web, 2)
    assert web.post("/api/replay", {"status": "held"}, ADMIN).json["still_held"] == 2
    counted = web.post("/api/replay", {"status": "held", "limit": 5_000, "dry_run": True}, ADMIN)
    assert (counted.status_code, counted.json["matching"]) == (200, 2)
    (web.folder / "mappings" / "lead.yaml").write_text(EVENT.replace("{email: mail}", "{external_id: id}"))
    web.context.mappings.refresh()
    job = followed(web, web.post("/api/replay", {"status": "held", "limit": 5_000}, ADMIN))
    assert (job["kind"], job["counts"]) == ("replay", {"remapped": 2})
    paced = web.post("/api/replay", {"status": "waiting", "per_second": 5}, ADMIN)
    assert followed(web, paced)["request"]["per_second"] == 5


def test_a_changed_mapping_is_compared_with_what_came_in(web):
    web.post("/hooks/lead", {"id": 1, "mail": "jane@example.com"})
    web.later(seconds=1)
    asked = {"kind": "compare", "mapping": "lead", "text": EVENT.replace("Lead", "Contact")}
    job = followed(web, web.post("/api/jobs", asked, ADMIN))
    assert job["counts"] == {"compared": 1, "changed": 1}
    assert "text" not in job["request"]
    [line] = web.client.get(f"/api/jobs/{job['id']}/result", headers=ADMIN).text.splitlines()
    assert json.loads(line)["events"][0]["fields"][0]["after"] == "Contact"


def test_a_mapping_with_mistakes_is_told_at_once(web):
    asked = {"kind": "compare", "mapping": "lead", "text": "version: 1\nevnt_name: Lead\n"}
    answer = web.post("/api/jobs", asked, ADMIN)
    assert answer.status_code == 422
    assert answer.json["error"]["details"]


def test_jobs_are_listed_and_cancelled(web):
    first = web.post("/api/jobs", {"kind": "export"}, ADMIN).json
    web.later(seconds=1)
    second = web.post("/api/jobs", {"kind": "discard", "status": "held", "because": "x"}, ADMIN).json
    listed = web.client.get("/api/jobs", headers=ADMIN).json["jobs"]
    assert [job["id"] for job in listed] == [second["id"], first["id"]]
    assert web.post(f"/api/jobs/{first['id']}/cancel", None, ADMIN).json["state"] == "cancelled"
    work_off(web)
    states = {job["id"]: job["state"] for job in web.client.get("/api/jobs", headers=ADMIN).json["jobs"]}
    assert states == {first["id"]: "cancelled", second["id"]: "done"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/api/jobs", {}, 400, "wrong_use"),
        ("POST", "/api/jobs", {"kind": "replay"}, 400, "wrong_use"),
        ("POST", "/api/jobs", {"kind": "repaly", "status": "held"}, 400, "wrong_use"),
        ("POST", "/api/jobs", {"kind": ["replay"]}, 400, "wrong_use"),
        ("POST", "/api/jobs", {"kind": "export", "limit": "all"}, 400, "wrong_use"),
        ("POST", "/api/jobs", {"kind": "compare", "mapping": {"a": 1}, "text": ""}, 404, "unknown_mapping"),
        ("POST", "/api/import/nope", None, 404, "unknown_mapping"),
        ("POST", "/api/import/lead", None, 400, "wrong_use"),
        ("POST", "/api/import/lead?format=docx", None, 400, "wrong_use"),
        ("GET", "/api/jobs/x", None, 404, "no_such_job"),
        ("GET", "/api/jobs/x/result", None, 404, "no_such_job"),
        ("POST", "/api/jobs/01a1fcef-d037-723e-af54-1cda694aa12a/cancel", None, 404, "no_such_job"),
    ],
)
def test_what_makes_no_sense_is_told(web, method, path, body, status, code):
    data = json.dumps(body) if body is not None else None
    answer = web.client.open(path, method=method, data=data, headers=ADMIN)
    assert (answer.status_code, answer.json["error"]["code"]) == (status, code)


@pytest.mark.parametrize("part", ["x", "-1", "1" * 20, "%00"])
def test_a_part_that_is_no_number_is_told(web, part):
    job = followed(web, web.post("/api/jobs", {"kind": "export"}, ADMIN))
    assert web.client.get(f"/api/jobs/{job['id']}/result?part={part}", headers=ADMIN).status_code == 400


def test_the_description_says_202_where_a_job_is_started():
    paths = document(ROUTES)["paths"]
    starting = {
        path for path, operations in paths.items() if "202" in operations.get("post", {}).get("responses", {})
    }
    of_a_gateway = {"/capi/{dataset_id}/events"}
    assert starting - of_a_gateway == {
        "/api/jobs",
        "/api/import/{name}",
        "/api/export",
        "/api/erase",
        "/api/discard",
    }
