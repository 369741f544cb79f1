"""Connecting a sender in the console: what to copy and import, the first webhook, refusals, capture mode."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.mapping import load_mapping
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.settings.models import CompanionSettings
from bridge.web.app import create_app
from bridge.web.companion.scripts import current
from bridge.web.console.sender_guides import (
    ConnectionFacts,
    facts_of,
    file_of,
    guide_for,
    guides,
    rows_of,
    secret_name,
)
from tests.web.conftest import EVENT
from tests.web.console.conftest import SCRIPT, text_of

TOP = Path(__file__).parents[3]
JANE = {"id": 7, "mail": "jane@example.com"}
HEADER = ConnectionFacts(
    "https://bridge.example.com/hooks/make-lead?wait=true",
    "X-Token",
    "the secret of MAKE_TOKEN",
    ("lead_id", "created", "email", "phone", "name", "fbclid"),
)


def words_of(answer) -> str:
    return " ".join(text_of(answer).split())


# --- guides ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("guide", "facts"),
    [
        ("make", HEADER),
        (
            "n8n",
            HEADER._replace(
                url="https://bridge.example.com/hooks/n8n-lead?wait=true", token="the secret of N8N_TOKEN"
            ),
        ),
    ],
)
def test_the_file_of_the_pages_is_what_the_console_makes(guide, facts):
    file = TOP / "docs" / "files" / guides()[guide].file
    assert json.loads(file_of(guides()[guide], facts)) == json.loads(file.read_text("utf-8"))


@pytest.mark.parametrize("guide", guides().values(), ids=lambda guide: guide.key)
@pytest.mark.parametrize("header", ["X-Token", ""])
@pytest.mark.parametrize("fields", [(), ("email",), ("id", "email", "user.phone")])
def test_every_guide_is_filled_in_whatever_a_mapping_asks_for(guide, header, fields):
    facts = HEADER._replace(header=header, fields=fields, url="https://b.example/hooks/a%22b?token=TOKEN")
    written = [value for _, value in rows_of(guide, facts)]
    if guide.file:
        written.append(file_of(guide, facts))
        if guide.file.endswith(".json"):
            assert json.loads(written[-1])
    assert not re.search(r"%(url|header|token|field|fields)%", "\n".join(written))
    assert ("X-Token" in "\n".join(written)) == bool(header and "%header%" in str(guide.settings))


def test_a_shipped_mapping_leads_to_the_guide_of_its_sender():
    spec = load_meta_spec()
    found = {}
    for name in ("make-lead", "zapier-lead", "n8n-lead", "website-lead-form", "pipedrive-deals"):
        file = TOP / "mappings" / f"{name}.yaml"
        mapping = load_mapping(file, environment={}, spec=spec, secrets="optional")
        found[name] = guide_for(mapping, file.read_text("utf-8")).key
        assert facts_of(mapping, file.read_text("utf-8"), "https://b.example/hooks/x").fields
    assert found == {
        "make-lead": "make",
        "zapier-lead": "zapier",
        "n8n-lead": "n8n",
        "website-lead-form": "form",
        "pipedrive-deals": "system",
    }


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ('secret: "${MAKE_TOKEN}"', "MAKE_TOKEN"),
        ("secret: ${MAKE_TOKEN}", "MAKE_TOKEN"),
        ('secret: "${file:secrets/acme-hook}"', "the file secrets/acme-hook"),
        ('previous_secret: "${OLD}"', ""),
        ("", ""),
    ],
)
def test_where_the_token_is_kept_is_named(written, name):
    text = f"receive: {{verify: {{scheme: token, header: X-Token, {written}}}}}\n"
    assert secret_name(text) == name


# --- a mapping and its sender ----------------------------------------------------------------------


def test_what_to_copy_is_shown_and_the_token_only_when_asked_for(app, signed_in):
    shown = signed_in.get("/console/connect?mapping=secret&with=make")
    assert 'data-copy="http://localhost/hooks/secret"' in shown.text
    assert 'data-copy="X-Token"' in shown.text
    assert "The token is the secret of LEAD_SECRET, where" in words_of(shown)
    assert "one row for each field: id, mail" in words_of(shown)
    assert "lead-secret" not in shown.text

    asked = signed_in.post("/console/connect", data={"mapping": "secret", "with": "make"})
    assert 'data-copy="lead-secret"' in asked.text
    assert asked.headers["Cache-Control"] == "no-store"


def test_showing_a_token_is_logged_without_it(app, signed_in, capfd):
    signed_in.post("/console/connect", data={"mapping": "secret"})
    logged = capfd.readouterr().err
    assert '"event":"token_shown"' in logged
    assert "lead-secret" not in logged


@pytest.mark.parametrize("name", ["lead", "nowhere"])
def test_there_is_a_token_to_show_only_where_one_is_asked_for(signed_in, name):
    assert signed_in.post("/console/connect", data={"mapping": name}).status_code in {400, 404}


def test_the_file_to_import_holds_url_and_fields_and_no_token(signed_in):
    answer = signed_in.get("/console/connect/file?mapping=secret&with=make")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="make-blueprint.json"'
    sends = json.loads(answer.text)["flow"][-1]["mapper"]
    assert sends["url"] == "http://localhost/hooks/secret"
    assert [row["key"] for row in sends["formFields"]] == ["id", "mail"]
    assert sends["headers"] == [{"name": "X-Token", "value": "the secret of LEAD_SECRET"}]
    assert "lead-secret" not in answer.text
    assert signed_in.get("/console/connect/file?mapping=secret&with=zapier").status_code == 400


COMPANION = EVENT + "receive: {sent_by: companion}\n"


def test_the_tag_for_the_pages_of_the_website_is_shown_to_copy(app, signed_in):
    named = CompanionSettings(frozenset({"https://www.example.com"}))
    app.use(settings=replace(app.context.settings, companion=named, public_url="https://t.example.com"))
    (app.folder / "mappings" / "pages.yaml").write_text(COMPANION)
    app.context.mappings.refresh()
    browser = create_app(app.context).test_client()
    browser.post("/console/session", data={"token": "admin-token"})
    for path in ("/console/connect", "/console/connect?mapping=pages"):
        shown = html.unescape(browser.get(path).text)
        assert f'<script src="https://t.example.com/c.{current("companion").digest}.js" integrity=' in shown
    assert "/hooks/pages" not in shown


def test_what_is_missing_is_said_where_no_website_is_named(signed_in):
    assert "companion: {origins: [https://www.example.com]}" in words_of(signed_in.get("/console/connect"))


def test_the_first_webhook_turns_the_page_green(app, signed_in):
    assert "Waiting for the first webhook" in words_of(signed_in.get("/console/connect?mapping=lead"))
    app.post("/hooks/lead", JANE)
    shown = words_of(signed_in.get("/console/connect?mapping=lead"))
    assert "connected The last webhook came 2026-11-21 12:00:00 UTC . waiting Lead" in shown
    assert "Waiting for the first webhook" in words_of(signed_in.get("/console/connect?mapping=browser"))


def test_what_was_turned_away_is_shown_with_what_to_do(app, signed_in, wait_until):
    app.post("/hooks/secret", JANE)
    app.post("/hooks/secrte", JANE)
    url = "/console/connect?mapping=secret"  # an event loop has a thread write down what it noted
    wait_until(lambda: "Posted to /hooks/secrte" in words_of(signed_in.get(url)))
    shown = words_of(signed_in.get(url))
    assert "1 401 The token is missing. Compare the token" in shown
    assert "Did you mean secret ?" in shown
    assert "Posted to /hooks/secrte" in words_of(signed_in.get("/console/connect"))
    assert "Turned away" not in words_of(signed_in.get("/console/connect?mapping=lead"))


# --- capture mode ----------------------------------------------------------------------------------


def opened(signed_in, name: str = "my-crm") -> str:
    return signed_in.post("/console/connect/capture", data={"name": name, "minutes": "5"}).location


def test_an_unknown_sender_becomes_a_mapping(app, signed_in):
    page = opened(signed_in)
    assert "Waiting for the first webhook" in words_of(signed_in.get(page))
    headers = {"X-Signature": "0123abcd", "User-Agent": "CRM/1.0"}
    app.post("/hooks/my-crm?v=2", {"id": 7, "email": "jane.doe@example.com", "note": SCRIPT}, headers)

    shown = signed_in.get(page)
    assert "j•••@e•••.com" in words_of(shown)
    assert "May prove the sender x-signature" in words_of(shown)
    assert all(hidden not in shown.text for hidden in ("jane.doe", "0123abcd", SCRIPT))

    [stored] = re.findall(r'name="stored" value="([^"]+)"', shown.text)
    made = signed_in.post("/console/playground/new", data={"stored": stored, "name": "my-crm"})
    assert re.search(r"^  email: email", made.text, re.MULTILINE)
    assert 'name="name" value="my-crm"' in made.text
    assert "j•••@e•••.com" in words_of(made)
    assert "jane.doe" not in made.text
    assert signed_in.get(f"/console/playground?event={stored}").status_code == 200


def test_nothing_captured_is_shown_after_its_time(app, signed_in):
    page = opened(signed_in)
    app.post("/hooks/my-crm", JANE)
    [stored] = re.findall(r'name="stored" value="([^"]+)"', signed_in.get(page).text)
    app.later(minutes=5)
    assert signed_in.get(page).status_code == 404
    assert "no longer kept" in words_of(signed_in.get(f"/console/playground?event={stored}"))


def test_closing_deletes_what_was_captured(app, signed_in):
    page = opened(signed_in)
    app.post("/hooks/my-crm", JANE)
    assert signed_in.post(f"{page}/close").location == "/console/connect?done=capture_closed"
    assert app.context.outbox().captures.newest("my-crm", app.context.now()) == []


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("lead", "There is a mapping lead already."),
        ("", "This cannot be the name of a mapping."),
        ("a/b", "This cannot be the name of a mapping."),
        (SCRIPT, "This cannot be the name of a mapping."),
    ],
)
def test_only_a_free_name_can_be_opened(app, signed_in, name, says):
    answer = signed_in.post("/console/connect/capture", data={"name": name, "minutes": "5"})
    assert (answer.status_code, says in words_of(answer)) == (400, True)
    assert app.context.outbox().captures.all_open(app.context.now()) == []


def test_the_console_says_when_too_many_names_are_open(signed_in):
    for number in range(5):
        assert opened(signed_in, f"crm-{number}")
    answer = signed_in.post("/console/connect/capture", data={"name": "one-more", "minutes": "999999"})
    assert (answer.status_code, "5 names are open already" in words_of(answer)) == (429, True)


def test_opening_a_name_is_for_the_admin(browser):
    assert browser.post("/console/connect/capture", data={"name": "x"}).location.startswith(
        "/console/sign-in"
    )
