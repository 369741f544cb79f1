"""`capi-bridge pairing` and `GET /api/pairing`: whether browser and server events have the same ids."""

from __future__ import annotations

PAGE = """\
version: 1
receive: {sent_by: browser}
event_name: Lead
action_source: website
event_id: lead-{id}
event_source_url: page
user_data: {email: email, user_agent: $user_agent}
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
    assert ("page" in found["browser_mappings"], found["pairs"], found["reasons"]) == (True, [], {})


def test_a_moment_that_is_none(stored):
    ran = stored.run("pairing", "--since", "soon")
    assert (ran.code, "--since" in ran.err) == (2, True)
