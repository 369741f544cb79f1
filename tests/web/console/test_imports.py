"""Importing a file in the console: tried first, looked at, started once, and deleted whatever comes."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from io import BytesIO
from typing import Any

import openpyxl
import pytest

from bridge.jobs.runner import do_job
from bridge.outbox import Job
from bridge.web.api.jobs_api import job_context
from tests.web.console.conftest import SCRIPT, text_of

CSV = "id;mail\n1;jane@example.com\n2;\n3;joe@example.com\n"


def sent(browser, content: bytes | str, name: str = "leads.csv", **fields: str) -> Any:
    content = content.encode() if isinstance(content, str) else content
    form = {"mapping": "lead", "encoding": "", **fields, "file": (BytesIO(content), name)}
    return browser.post("/console/import", data=form, content_type="multipart/form-data")


def done(app, path: str) -> Job:
    """Do what is queued as the delivery process does it, and return the job of a page."""
    outbox = app.context.outbox()
    while job := outbox.jobs.claim(app.context.now()):
        do_job(job_context(app.context), job, threading.Event(), app.context.log)
    return outbox.jobs.get(path.rpartition("/")[2])


def words_of(answer) -> str:
    return " ".join(text_of(answer).split())


def excel(rows: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    for cells in rows:
        book.active.append(cells)
    file = BytesIO()
    book.save(file)
    return file.getvalue()


def test_a_file_is_tried_looked_at_and_imported(app, signed_in):
    page = sent(signed_in, CSV).location
    done(app, page)
    shown = words_of(signed_in.get(page))
    assert "columns separated by semicolons, read as UTF-8" in shown
    assert "2 would be sent" in shown
    assert "1 would be held" in shown
    assert "Of 3 events, 67 % have an e-mail address and 0 % a phone number." in shown
    assert re.search(r"The first rows Row Event .* 2 Lead .* e-mail 4 Lead", shown)
    assert re.search(r"Rows to look at .* 3 held ", shown)
    assert "example.com" not in shown
    assert app.stored() == []

    imported = signed_in.post(f"{page}/start", data={"per_second": ""}).location
    assert done(app, imported).counts == {"waiting": 2, "held": 1}
    assert "2 taken, and sent in turn" in words_of(signed_in.get(imported))
    assert len(app.stored()) == 3


@pytest.mark.parametrize(
    ("content", "name", "read_as"),
    [
        pytest.param("id,mail\n1,a@b.example\n", "a.csv", "separated by commas, read as UTF-8", id="commas"),
        pytest.param("id\tmail\n1\ta@b.example\n", "a.TSV", "separated by tabs", id="tabs"),
        pytest.param("id;mail;ort\n1;a@b.example;Köln\n".encode("cp1252"), "a.csv", "Windows-1252", id="old"),
        pytest.param('{"id": 1, "mail": "a@b.example"}\n', "a.jsonl", "one JSON object a line", id="JSON"),
        pytest.param(excel([["id", "mail"], [1, "a@b.example"]]), "a.xlsx", "the sheet Sheet", id="Excel"),
    ],
)
def test_how_a_file_was_read_is_said(app, signed_in, content, name, read_as):
    page = sent(signed_in, content, name).location
    assert done(app, page).counts["waiting"] == 1
    assert read_as in text_of(signed_in.get(page))


@pytest.mark.parametrize(
    ("content", "name", "fields", "says"),
    [
        pytest.param("", "", {}, "No file was chosen.", id="no file"),
        pytest.param("x", "leads.pdf", {}, "This kind of file cannot be imported.", id="another kind"),
        pytest.param("id;mail\n", "a.csv", {}, "The file has no rows.", id="no rows"),
        pytest.param("id;id\n1;2\n", "a.csv", {}, "must name every column", id="two columns of a name"),
        pytest.param("x", "a.xlsx", {}, "Not readable as an Excel file.", id="no Excel file"),
        pytest.param(
            "id;имя\n1;Иван\n".encode("cp1251"), "a.csv", {}, "encoding", id="an encoding that is not clear"
        ),
        pytest.param(CSV, "a.csv", {"encoding": "klingon"}, "Unknown encoding.", id="an unknown encoding"),
        pytest.param(CSV, "a.csv", {"mapping": "nowhere"}, "no mapping 'nowhere'", id="an unknown mapping"),
        pytest.param(CSV, f"{SCRIPT}.exe", {}, "cannot be imported", id="markup in the name"),
    ],
)
def test_what_cannot_be_imported_is_said_above_the_form(signed_in, content, name, fields, says):
    answer = sent(signed_in, content, name, **fields)
    assert 400 <= answer.status_code < 500
    assert says in words_of(answer)
    assert "Try the file" in text_of(answer)
    assert SCRIPT not in answer.text


def test_a_form_that_is_none_is_refused(signed_in):
    cut = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\nid;mail'
    for kind in ("multipart/form-data; boundary=x", "multipart/form-data", "text/plain"):
        answer = signed_in.post("/console/import", data=cut, content_type=kind)
        assert answer.status_code == 400


def test_a_file_is_imported_once_however_often_somebody_clicks(app, signed_in):
    page = sent(signed_in, CSV).location
    done(app, page)
    first, second = (signed_in.post(f"{page}/start", data={}) for _ in range(2))
    assert (first.status_code, second.status_code) == (303, 400)
    assert "no longer kept" in text_of(second)
    assert "Import 3 rows" not in text_of(signed_in.get(page))


def test_a_file_that_is_not_imported_is_deleted(app, signed_in):
    pages = [sent(signed_in, CSV).location for _ in range(2)]
    jobs = [done(app, page) for page in pages]
    outbox = app.context.outbox()
    assert signed_in.post(f"{pages[0]}/stop").location == "/console/import?done=file_deleted"
    for minutes, kept in ((59, [False, True]), (61, [False, False])):
        outbox.jobs.forget_old_inputs(app.context.now() + timedelta(minutes=minutes))
        assert [outbox.jobs.has_input(job.id) for job in jobs] == kept


def test_the_rate_of_an_import_is_kept(app, signed_in):
    page = sent(signed_in, CSV).location
    done(app, page)
    imported = signed_in.post(f"{page}/start", data={"per_second": "50"}).location
    assert app.context.outbox().jobs.get(imported.rpartition("/")[2]).request["per_second"] == 50


def test_rows_to_look_at_are_a_table_to_download(app, signed_in):
    page = sent(signed_in, f"{CSV}4;a;b\n").location
    done(app, page)
    answer = signed_in.get(f"{page}/report.csv")
    rows = answer.get_data(as_text=True).removeprefix("\ufeff").splitlines()
    assert rows[0] == "row,status,reason,what to do"
    assert [row.split(",")[:2] for row in rows[1:]] == [["3", "held"], ["5", "unreadable"]]
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_only_imports_are_shown_here(app, signed_in):
    other = signed_in.post("/console/events/all", data={"status": "held", "number": "0", "action": "replay"})
    job_id = other.location.rpartition("/")[2]
    assert signed_in.get(f"/console/import/{job_id}").status_code == 404
    assert signed_in.get("/console/import/nothing").status_code == 404


def test_a_file_over_the_limit_is_refused_in_words_and_by_json_to_a_script(app, signed_in):
    too_large = bytes(17_000_000)
    page = signed_in.post("/console/import", data=too_large, content_type="multipart/form-data; boundary=x")
    assert (page.status_code, page.mimetype) == (413, "text/html")
    assert "More was sent than the 16 MB that are taken at once" in words_of(page)
    assert "capi-bridge import" in words_of(page)
    assert app.stored() == []
    answer = signed_in.post("/console/playground", data=too_large, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json["error"]["code"]) == (413, "too_large")
