"""Saving from the playground: at once or not at all, never over the work of others, and with a way back."""

from __future__ import annotations

import html
import json
import re
import threading
from dataclasses import replace
from typing import Any

import pytest

from bridge.authoring.scaffold.sample_file import with_sample
from bridge.errors import WrongUse
from bridge.meta_spec.shipped_files import shipped
from bridge.web.app import create_app
from bridge.web.console.mapping_files import (
    ChangedMeanwhile,
    earlier,
    file_to_write,
    revision_of,
    text_of_revision,
    write,
)
from tests.web.conftest import EVENT, NOW, WebClient
from tests.web.console.conftest import text_of

EDITABLE = "console: {edit: yes}\n"
CHANGED = EVENT.replace("email: mail", "email: [mail, email]")


@pytest.fixture
def web(start) -> WebClient:
    return start(settings=EDITABLE)


@pytest.fixture
def file(app):
    return app.folder / "mappings" / "lead.yaml"


def save(client: Any, text: str = CHANGED, began_as: str = revision_of(EVENT.encode()), **more: str) -> Any:
    form = {"name": "lead", "opened": "lead", "mapping": text.replace("\n", "\r\n"), "began_as": began_as}
    form |= more
    return client.post("/console/playground/save", data=form)


def test_what_is_saved_is_active_at_once(app, signed_in, file):
    answer = save(signed_in)
    assert (answer.status_code, answer.location) == (303, "/console/playground?mapping=lead&done=saved")
    assert file.read_text() == CHANGED
    assert app.context.mappings.get("lead").revision == revision_of(CHANGED.encode())
    assert "Saved, and active." in text_of(signed_in.get(answer.location))
    assert [path.name for path in file.parent.glob(".*")] == [".revisions"]


def test_a_new_mapping_is_saved_under_its_name(app, signed_in):
    answer = save(signed_in, EVENT, "", name="shop")
    assert answer.status_code == 303
    assert app.post("/hooks/shop", {"id": "1", "mail": "jane@example.com"}).status_code == 200


def test_a_new_mapping_is_not_saved_among_those_that_ship_with_the_bridge(app):
    settings = replace(app.context.settings, mappings=(shipped("mappings"),))
    with pytest.raises(WrongUse) as refused:
        file_to_write(settings, "shop", None)
    assert (refused.value.message, refused.value.fix) == (
        "this would be among the mappings that ship with the bridge, and an upgrade would remove it",
        "make a folder named my-mappings beside bridge.yaml, write mappings: my-mappings into that file, and "
        "start the bridge again; then go back and save again, or download it now",
    )


def test_a_mapping_is_copied_by_another_name_but_never_over_one_that_is_there(app, signed_in, file):
    assert save(signed_in, name="lead-2").status_code == 303
    assert (file.with_name("lead-2.yaml").read_text(), file.read_text()) == (CHANGED, EVENT)
    assert save(signed_in, name="paid").status_code == 409
    assert "status: paid" in file.with_name("paid.yaml").read_text()


def test_the_last_change_can_be_taken_back_and_made_again(signed_in, file):
    save(signed_in)
    contents = []
    for _ in range(2):
        form = {"name": "lead", "opened": "lead", "began_as": revision_of(file.read_bytes())}
        assert signed_in.post("/console/playground/undo", data=form).status_code == 303
        contents.append(file.read_text())
    assert contents == [EVENT, CHANGED]
    assert "Take the last change back" in text_of(signed_in.get("/console/playground?mapping=lead"))


def test_two_people_who_edit_one_mapping_see_both(signed_in, file):
    theirs = EVENT + "settings: {phone_country: DE}\n"
    assert save(signed_in, theirs).status_code == 303
    refused = save(signed_in, CHANGED)
    page = html.unescape(refused.get_data(as_text=True))
    assert refused.status_code == 409
    assert file.read_text() == theirs
    assert "-settings: {phone_country: DE}" in page
    assert "+user_data: {email: [mail, email]}" in page
    assert re.search(r'aria-labelledby="c-now">([^<]*)</textarea>', page)[1] == theirs
    assert save(signed_in, CHANGED, revision_of(theirs.encode())).status_code == 303
    assert file.read_text() == CHANGED


def test_a_file_that_was_changed_or_removed_on_the_disk_is_not_written_over(signed_in, file):
    file.write_text(EVENT + "# by hand\n")
    assert save(signed_in).status_code == 409
    assert file.read_text() == EVENT + "# by hand\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [("version: 1\nevent_nam: Lead", "event_name"), ("a: [", "not YAML"), (EVENT + "when: {x: y}\n", None)],
)
def test_only_a_mapping_that_can_become_active_is_saved(signed_in, file, text, says):
    answer = save(signed_in, text)
    assert answer.status_code == (422 if says else 303)
    assert (says or "") in text_of(answer)
    assert file.read_text() == (EVENT if says else text)


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a b", ".x", "x" * 65, "a\x00b"])
def test_a_name_leads_out_of_no_folder(app, signed_in, name):
    before = sorted(path.name for path in app.folder.rglob("*.yaml"))
    assert save(signed_in, EVENT, "", name=name).status_code == 400
    assert sorted(path.name for path in app.folder.rglob("*.yaml")) == before


def test_without_the_setting_nothing_is_written(start):
    app = start(settings="console: {edit: no}\n")
    client = create_app(app.context).test_client()
    client.post("/console/session", data={"token": "admin-token"})
    assert "Save" not in text_of(client.get("/console/playground?mapping=lead"))
    assert save(client).status_code == 400
    assert (app.folder / "mappings" / "lead.yaml").read_text() == EVENT


def test_a_secret_that_is_not_set_is_said_after_saving(signed_in):
    text = EVENT + 'receive: {verify: {scheme: token, header: X-T, secret: "${UNSET_SECRET}"}}\n'
    shown = text_of(signed_in.get(save(signed_in, text).location))
    assert "Saved, but not active" in shown


# --- the files -------------------------------------------------------------------------------------


def test_each_earlier_content_is_found_by_its_revision(tmp_path):
    file = tmp_path / "lead.yaml"
    revision = ""
    for number in range(60):
        revision = write(file, f"version: {number}".encode(), revision, NOW.replace(microsecond=number))
    assert len(earlier(file)) == 50
    for number in (59, 58, 20):
        content = f"version: {number}"
        assert text_of_revision(file, revision_of(content.encode())) == content
    assert text_of_revision(file, revision_of(b"version: 1")) is None


def test_of_two_who_save_at_the_same_time_one_is_refused(tmp_path):
    file = tmp_path / "lead.yaml"
    began_as = write(file, b"version: 0", "", NOW)
    became: list[str] = []
    start = threading.Barrier(8)

    def save_one(number: int) -> None:
        start.wait()
        try:
            became.append(write(file, f"version: {number}".encode(), began_as, NOW))
        except ChangedMeanwhile:
            became.append("refused")

    threads = [threading.Thread(target=save_one, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert became.count("refused") == 7
    assert revision_of(file.read_bytes()) in became


def test_the_rights_of_a_file_stay(tmp_path):
    file = tmp_path / "lead.yaml"
    began_as = write(file, b"one", "", NOW)
    file.chmod(0o640)
    write(file, b"two", began_as, NOW)
    assert file.stat().st_mode & 0o777 == 0o640


# --- samples ---------------------------------------------------------------------------------------


@pytest.fixture
def stored(app, file) -> str:
    """An event whose webhook came with more than its body."""
    file.write_text(EVENT + "custom_data: {content_name: $query.product}\n")
    app.context.mappings.refresh()
    app.post("/hooks/lead?product=shoes&who=Maria", {"id": 7, "mail": "maria.huber@gmail.com", "x": "y"})
    return app.stored()[0].id


def test_a_webhook_becomes_a_sample_without_its_person(app, signed_in, file, stored):
    answer = signed_in.post("/console/playground/sample", data={"stored": stored, "name": "lead"})
    sample = file.parent / "samples" / "lead" / "webhook-2026-11-21-1.json"
    assert answer.location.endswith("mapping=lead&sample=file%2Fwebhook-2026-11-21-1.json&done=sample_saved")
    assert json.loads(sample.read_text()) == {"id": 7, "mail": "jane.doe@example.com"}
    assert json.loads(sample.with_suffix(".headers.json").read_text()) == {
        "headers": {"content-type": "application/json"},
        "query": {"product": "shoes"},
        "now": "2026-11-21T12:00:00+00:00",
    }
    assert file.read_text().endswith("samples:\n  - samples/lead/webhook-2026-11-21-1.json\n")
    shown = text_of(signed_in.get(answer.location))
    assert "Saved as a sample, with fictional people." in shown
    assert "jane.doe@example.com" in shown

    signed_in.post("/console/playground/sample", data={"stored": stored, "name": "lead"})
    assert sample.with_name("webhook-2026-11-21-2.json").exists()
    assert len(app.context.mappings.get("lead").samples) == 2


def test_a_sample_is_not_saved_over_changes_that_are_not(signed_in, file, stored):
    form = {"stored": stored, "name": "lead", "mapping": CHANGED}
    answer = signed_in.post("/console/playground/sample", data=form)
    assert (answer.status_code, "not saved" in text_of(answer)) == (400, True)
    assert not (file.parent / "samples").exists()


def test_a_sample_that_the_mapping_cannot_name_is_not_left_behind(app, signed_in, file, stored):
    file.write_text(file.read_text() + "samples: [\n  a.json]\n")
    answer = signed_in.post("/console/playground/sample", data={"stored": stored, "name": "lead"})
    assert answer.status_code == 400
    assert list(file.parent.glob("samples/**/*.json")) == []


@pytest.mark.parametrize(
    "form", [{"stored": "nothing", "name": "lead"}, {"name": "lead"}, {"name": "nowhere"}]
)
def test_a_sample_needs_a_webhook_and_a_mapping(signed_in, form):
    assert signed_in.post("/console/playground/sample", data=form).status_code == 400


def test_without_the_setting_no_sample_is_written(start):
    web = start()
    web.post("/hooks/lead", {"id": 7, "mail": "maria.huber@gmail.com"})
    browser = create_app(web.context).test_client()
    browser.post("/console/session", data={"token": "admin-token"})
    form = {"stored": web.stored()[0].id, "name": "lead"}
    assert browser.post("/console/playground/sample", data=form).status_code == 400
    assert not (web.folder / "mappings" / "samples").exists()


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ("", "\nsamples:\n  - new.json\n"),
        ("samples: a.json\n", "samples: [a.json, new.json]\n"),
        ("samples: [a.json, b.json]   # both\n", "samples: [a.json, b.json, new.json]\n"),
        ("samples: []\nmode: all\n", "samples: [new.json]\nmode: all\n"),
        ("samples:\n  - a.json\nmode: all\n", "samples:\n  - a.json\n  - new.json\nmode: all\n"),
        ("samples:   # real ones\n- a.json", "samples:   # real ones\n- a.json\n- new.json"),
    ],
)
def test_a_mapping_names_its_new_sample_behind_the_others(samples, expected):
    assert with_sample(EVENT + samples, "new.json") == EVENT + expected
