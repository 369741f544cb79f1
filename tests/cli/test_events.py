"""`capi-bridge events`: what is listed, shown, replayed, discarded, exported, erased and balanced."""

from __future__ import annotations

import csv
import io
import json
from contextlib import closing
from datetime import UTC, datetime

import pytest

from bridge.bootstrap import open_store
from bridge.cli.event_table import events_table
from bridge.jobs.bulk_export import write_csv
from bridge.outbox import ErasureRequest, EventRecord, NewJob
from bridge.settings import load_settings
from bridge.simulator import Simulator
from tests.cli.conftest import SETTINGS

JANE = "8c87b489ce35cf2e2f39f80e282cb2e804932a56a213983eeeb428407d43b52d"


def listed(folder, *filters):
    events = folder.run("events", "list", "--json", *filters).json["events"]
    return [(event["mapping"], event["event_id"], event["status"]) for event in events]


def id_of(folder, status):
    [event] = folder.run("events", "list", "--json", "--status", status).json["events"]
    return event["id"]


WAITING, SKIPPED, HELD = ("lead", "lead-1", "waiting"), ("paid", None, "skipped"), ("lead", "lead-3", "held")


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        pytest.param((), [HELD, SKIPPED, WAITING], id="all, newest first"),
        pytest.param(("--status", "held"), [HELD], id="by status"),
        pytest.param(("--status", "held", "--status", "waiting"), [HELD, WAITING], id="by two statuses"),
        pytest.param(("--mapping", "paid"), [SKIPPED], id="by mapping"),
        pytest.param(("--event-id", "lead-1"), [WAITING], id="by event id"),
        pytest.param(("--destination", "other"), [], id="by destination"),
        pytest.param(("--since", "2126-01-01"), [], id="since"),
        pytest.param(("--until", "2126-01-01", "--limit", "1"), [HELD], id="until, and a limit"),
    ],
)
def test_events_are_listed_by_filters(stored, filters, expected):
    found = listed(stored, *filters)
    assert [(m, e if e else None, s) for m, e, s in found] == expected


@pytest.mark.parametrize("width", [40, 80, 120, 200, None])
def test_the_table_fits_the_terminal_and_leaves_the_least_important_columns_out(width):
    event = EventRecord(
        id="01a1fcef-d037-723e-af54-1cda694aa12a",
        webhook_id="",
        mapping="shopify-orders",
        label="",
        destination="agency",
        dataset_id="1",
        test_event_code="TEST1",
        mode="test",
        event_name="Purchase",
        event_id="order-820982911946154508",
        event_time=1795780800,
        status="refused",
        reason="Meta rejected it: " + "the value is missing " * 20,
        findings=(),
        match_score=72,
        accepted_until=None,
        received_at=datetime(2026, 11, 28, 9, 0, tzinfo=UTC),
        changed_at=datetime(2026, 11, 28, 9, 0, tzinfo=UTC),
        attempts=1,
        next_attempt_at=None,
        value=1234.5,
        currency="EUR",
    )
    head, row = events_table([event], width).splitlines()
    assert event.id in row
    if width is None:
        assert head.split() == [
            "ID", "RECEIVED", "STATUS", "EVENT", "REASON", "MODE", "MAPPING", "VALUE", "MATCH", "EVENT_ID",
            "DESTINATION",
        ]  # fmt: skip
        assert ("1,234.50 EUR" in row, "72" in row.split(), "agency" in row) == (True, True, True)
    else:
        assert len(row) <= max(width, len(event.id))


def test_the_table_for_people_says_how_many_there_are(stored):
    ran = stored.run("events", "list")
    assert ran.code == 0
    assert "lead-1" in ran.out
    assert "3 received: 1 waiting, 1 held, 1 skipped" in ran.err


def test_one_event_is_shown_with_its_body(stored):
    event_id = id_of(stored, "waiting")

    told = stored.run("events", "show", event_id, "--json").json
    assert told["body"]["user_data"] == {"em": [JANE]}
    assert (told["status"], told["raw_kept"], told["attempts"]) == ("waiting", True, [])
    assert JANE in stored.run("events", "show", event_id).out


def test_an_unknown_event_is_wrong_use(stored):
    assert stored.run("events", "show", "01a1fcef-d037-723e-af54-1cda694aa12a").code == 2
    assert stored.run("events", "show", "no id at all").code == 2


def test_a_replay_must_say_which_events_are_meant(stored):
    assert stored.run("events", "replay").code == 2
    assert stored.run("events", "discard", "--because", "x").code == 2


def test_a_dry_run_of_a_replay_only_counts(stored):
    ran = stored.run("events", "replay", "--status", "held", "--dry-run", "--json")
    assert (ran.code, ran.json) == (0, {"matching": 1})
    assert HELD in listed(stored)


def test_a_held_event_is_mapped_again_with_the_corrected_file(stored):
    file = stored.path / "mappings" / "lead.yaml"
    file.write_text(file.read_text() + "defaults: {external_id: everybody}\n")

    ran = stored.run("events", "replay", "--status", "held", "--json")

    assert (ran.code, ran.json) == (0, {"remapped": 1})
    assert ("lead", "lead-3", "waiting") in listed(stored)
    assert stored.run("events", "check").code == 0


def test_a_held_event_that_is_still_wrong_is_told(stored):
    ran = stored.run("events", "replay", id_of(stored, "held"), "--json")
    assert (ran.code, ran.json) == (1, {"still_held": 1})


def test_events_are_discarded_with_a_reason(stored):
    event_id = id_of(stored, "held")

    ran = stored.run("events", "discard", event_id, "--because", "a test", "--json")

    assert (ran.code, ran.json) == (0, {"discarded": 1})
    shown = stored.run("events", "show", event_id, "--json").json
    assert (shown["status"], shown["reason"]) == ("discarded", "a test")


def test_an_id_that_no_event_has_is_an_error_and_changes_nothing(stored):
    held, unknown = id_of(stored, "held"), "01a1fcef-d037-723e-af54-1cda694aa12a"
    for arguments in (
        ("replay", held, unknown),
        ("replay", "--dry-run", unknown),
        ("discard", "--because", "a test", held, unknown),
        ("show", unknown),
    ):
        ran = stored.run("events", *arguments)
        assert (ran.code, ran.out) == (2, ""), arguments
        assert ran.err.endswith(f"there is no event with the id {unknown}")
    assert stored.run("events", "replay", "lead-3").code == 2
    assert [status for _, _, status in listed(stored)] == ["held", "skipped", "waiting"]
    assert stored.run("events", "replay", "--dry-run", held.upper()).code == 0


def test_an_export_is_json_lines_or_csv(stored):
    lines = [json.loads(line) for line in stored.run("events", "export", "--bodies").out.splitlines()]
    assert [line["status"] for line in lines] == ["held", "skipped", "waiting"]
    assert lines[2]["body"]["event_id"] == "lead-1"

    rows = list(csv.DictReader(io.StringIO(stored.run("events", "export", "--format", "csv").out)))
    assert [row["status"] for row in rows] == ["held", "skipped", "waiting"]
    assert [row["reason_code"] for row in rows] == ["no_identity", "", ""]
    assert {"value", "currency", "order_id", "event_at", "received_at"} <= rows[0].keys()


def test_a_csv_export_without_events_has_its_header_all_the_same(stored):
    ran = stored.run("events", "export", "--format", "csv", "--mapping", "none")
    [header] = ran.out.splitlines()
    assert header.startswith("id,webhook_id,mapping,")


@pytest.mark.parametrize("text", ["=1+1", "+49", "-1", "@x", "\tx", "\rx", "\0x", "\n=1", "＝1"])
def test_a_cell_that_begins_like_a_formula_is_kept_from_being_one(text):
    written = io.StringIO()
    write_csv([{"reason": text}], written, ["reason"], has_header=False)
    [[cell]] = csv.reader(io.StringIO(written.getvalue(), newline=""))
    assert cell == f"'{text}"


def test_events_are_found_by_the_time_they_happened(stored):
    assert listed(stored, "--since", "1h", "--by", "event") == listed(
        stored, "--status", "waiting", "--status", "held"
    )
    assert listed(stored, "--until", "1h", "--by", "event") == []
    assert stored.run("events", "list", "--by", "day").code == 2


@pytest.mark.parametrize(
    ("person", "expected"),
    [
        pytest.param(("--email", " Jane@Example.com "), [SKIPPED, WAITING], id="an address, as it was typed"),
        pytest.param(("--email", "other@example.com"), [], id="nobody, which is not everybody"),
        pytest.param(("--email", "jane@example.com", "--status", "waiting"), [WAITING], id="and a status"),
    ],
)
def test_a_persons_events_are_listed(stored, person, expected):
    assert [(m, e or None, s) for m, e, s in listed(stored, *person)] == expected


def test_a_person_is_erased_by_the_address_as_it_was_typed(stored):
    before = listed(stored)
    person = ("--email", " Jane@Example.com ", "--json")
    tried = stored.run("events", "erase", "--dry-run", *person)
    assert (tried.code, listed(stored)) == (0, before)

    ran = stored.run("events", "erase", "--yes", *person)

    assert (ran.code, {name: ran.json[name] for name in tried.json}) == (0, tried.json)
    assert ran.json["looked_for"] == {"email": 1}
    assert ran.json["events"] >= 1
    assert "jane" not in (ran.out + ran.err).lower()
    assert "lead-1" not in json.dumps(listed(stored))
    assert stored.run("events", "erasures", "--json").json == {"erasures": [ran.json], "unfinished": []}


def test_the_receipt_for_a_person_to_file_shows_nobody(stored):
    ran = stored.run("events", "erase", "--yes", "--email", "jane@example.com", "--and-never-send")
    receipt, when, kinds, destination, never = ran.out.splitlines()
    assert (receipt, kinds) == ("erased 2 events and 2 stored webhooks", "looked for: 1 email")
    assert (destination, never) == ("destination: all", "never sent again: yes")
    assert when.startswith("receipt: ")
    assert "stays at Meta" in ran.err
    assert "jane" not in (ran.out + ran.err + stored.run("events", "erasures").out).lower()


def test_an_erasure_that_could_not_be_finished_is_listed_and_exits_1(stored):
    settings = load_settings(stored.path / "bridge.yaml", {})
    with closing(open_store(settings)) as outbox:
        now = datetime.now(UTC)
        outbox.jobs.add(NewJob("erase", ErasureRequest("mapping shop", {"email": 1}).as_json(), b"{}"), now)
        outbox.jobs.fail(outbox.jobs.claim(now), "broken", now)
    ran = stored.run("events", "erasures")
    assert ran.code == 1
    assert {"failed", "mapping", "shop"} <= set(ran.out.split())
    assert stored.run("events", "erasures", "--json").json["unfinished"][0]["state"] == "failed"


def test_an_erasure_may_be_for_one_destination(stored):
    before = listed(stored)
    wrong = stored.run("events", "erase", "--yes", "--email", "jane@example.com", "--destination", "mian")
    assert (wrong.code, listed(stored)) == (2, before)
    right = stored.run("events", "erase", "--yes", "--email", "jane@example.com", "--destination", "main")
    assert (right.code, "destination: main" in right.out) == (0, True)
    assert listed(stored) == [HELD]


def test_nothing_is_erased_while_nobody_can_be_asked(stored):
    before = listed(stored)
    ran = stored.run("events", "erase", "--email", "jane@example.com")
    assert (ran.code, listed(stored)) == (2, before)
    assert "no terminal to ask" in ran.err


@pytest.mark.parametrize(
    "person",
    [
        pytest.param((), id="nobody is named"),
        pytest.param(("--email", ""), id="an empty address, as an unset variable leaves it"),
        pytest.param(("--email", "jane"), id="no address"),
        pytest.param(("--phone", ""), id="an empty number"),
        pytest.param(("--phone", "49"), id="a number of two digits"),
        pytest.param(("--phone", "0151 2345678"), id="a national number without its country"),
        pytest.param(("--external-id", " "), id="an empty id"),
    ],
)
def test_a_person_who_cannot_be_looked_for_erases_nothing(stored, person):
    before = listed(stored)
    ran = stored.run("events", "erase", "--yes", *person)
    assert (ran.code, listed(stored)) == (2, before)


def test_a_national_number_is_read_with_its_country(stored):
    ran = stored.run("events", "erase", "--dry-run", "--phone", "0151 2345678", "--country", "DE", "--json")
    assert (ran.code, ran.err) == (0, "looking for phone 4•••8\n")


def test_the_books_balance(stored):
    ran = stored.run("events", "check", "--json")
    assert ran.code == 0
    assert (ran.json["balanced"], ran.json["problems"], ran.json["received"]) == (True, [], 3)


def test_a_worker_that_runs_once_sends_what_is_due(stored):
    with Simulator() as meta:
        stored.settings(SETTINGS.format(graph_url=meta.url))
        ran = stored.run("worker", "--once", "--json")
        assert [event["event_id"] for event in meta.events] == ["lead-1"]
    assert (ran.code, ran.json) == (0, {"calls": 1, "events": {"sent": 1}})
    assert ("lead", "lead-1", "sent") in listed(stored)


def test_a_database_that_cannot_be_opened_is_exit_code_3(folder):
    folder.settings("database_url: sqlite:////proc/nowhere/bridge.db\n")
    assert folder.run("events", "list").code == 3


def test_an_option_that_is_not_there_is_exit_code_2(stored):
    assert stored.run("events", "list", "--nope").code == 2
    assert stored.run("events", "list", "--since", "whenever").code == 2


def test_a_replay_after_a_rename_says_why_it_maps_nothing(stored):
    mappings = stored.path / "mappings"
    (mappings / "lead.yaml").rename(mappings / "leads.yaml")
    ran = stored.run("events", "replay", "--status", "held", "--json")
    assert (ran.code, ran.json) == (1, {"unknown_mapping": 1})
    assert "no mapping has the name" in ran.err
