"""`capi-bridge pairing` and `GET /api/pairing`: whether browser and server events have the same ids."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta

from bridge.bootstrap import open_store
from bridge.outbox import NewEvent, NewWebhook
from bridge.settings import load_settings

PAGE = """\
version: 1
receive: {sent_by: browser}
event_name: Lead
action_source: website
event_id: lead-{id}
event_source_url: page
user_data: {email: email, user_agent: $user_agent}
"""
CRM = """\
version: 1
event_name: Lead
action_source: system_generated
event_id: lead-{id}
user_data: {email: email}
visit: {by: [email], add: [fbc]}
"""


def test_without_a_mapping_for_browsers_there_is_nothing_to_pair(stored):
    for name in ("any-browser", "browser"):
        (stored.path / "mappings" / f"{name}.yaml").unlink()
    ran = stored.run("pairing")
    assert (ran.code, ran.out) == (0, "no mapping is for browsers; see docs/visits.md\n")


def test_no_event_of_a_browser_yet(stored):
    (stored.path / "mappings" / "page.yaml").write_text(PAGE)
    assert stored.run("pairing", "--since", "1d").out == "no browser has sent an event since then\n"
    found = stored.run("pairing", "--json").json
    assert ("page" in found["browser_mappings"], found["pairs"], found["joins"]) == (True, [], [])


def test_a_moment_that_is_none(stored):
    ran = stored.run("pairing", "--since", "soon")
    assert (ran.code, "--since" in ran.err) == (2, True)


def test_twins_and_visits_are_counted(stored):
    (stored.path / "mappings" / "page.yaml").write_text(PAGE)
    (stored.path / "mappings" / "crm.yaml").write_text(CRM)
    now = datetime.now(UTC)
    settings = load_settings(stored.path / "bridge.yaml", {}, folder=stored.path)
    with closing(open_store(settings)) as outbox:
        for mapping, event_id, days, scores in [
            ("page", "1", 5, ()),
            ("crm", "1", 5, (60, 30)),
            ("page", "2", 5, ()),
            ("page", "3", 0, ()),
            ("crm", "4", 0, (20, None)),
        ]:
            at = now - timedelta(days=days)
            of_match = dict(zip(("match_score", "score_without_visit"), scores, strict=False))
            event = NewEvent("waiting", "main", "1", "Lead", event_id, int(at.timestamp()), b"{}", **of_match)
            outbox.add(NewWebhook(mapping, "r", None, 0, at, None, "", (event,)))
    ran = stored.run("pairing")
    lines = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert ran.code == 1
    assert [line.partition(" (for example")[0] for line in lines] == [
        "EVENT FROM BROWSERS PAIRED WHAT TO LOOK AT",
        "Lead 3 1 (33 %) 1: the page's event came first, so the server's, being the same event, is not sent",
        "1: no event of a server has its id",
        "1: no event of a server has its id yet; it may still come",
        "",
        "MAPPING EVENTS WITH A VISIT THEIR MATCH STRENGTH THAT OF ALL",
        "crm 2 1 (50 %) 30.0 -> 60.0 25.0 -> 40.0",
    ]
    assert stored.run("events", "show", lines[1].rpartition(" ")[2].rstrip(")")).code == 0
