"""What a changed mapping changes, and how often each line of a mapping found something."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from bridge.authoring.diff import TriedWebhook, changes, sample_requests
from bridge.mapping.samples import request_of_data
from bridge.monitoring.line_counts import last_webhooks, line_counts, silent_lines
from tests.conftest import LEAD

DATA = {
    "id": 7,
    "email": "jane@example.com",
    "mail": "dana@example.com",
    "stage": "won",
    "phone": "+4915112345678",
}
NO_ID = LEAD.replace("event_id: lead-{id}\n", "")
OTHER_MAIL = LEAD.replace("email: email", "email: mail")


@pytest.fixture
def differ(mapping_of, spec, now):
    def run(old, new, data=DATA, **options):
        before, after = mapping_of(old, name="old"), mapping_of(new, name="new")
        webhooks = [TriedWebhook("one", request_of_data(data, "new", now))]
        [change] = changes(before, after, webhooks, spec, **options)
        return [
            (
                e.event,
                e.before,
                e.after,
                [(f.field, f.before, f.after, f.read_before, f.read_after) for f in e.fields],
            )
            for e in change.events
        ]

    return run


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(
            LEAD,
            LEAD.replace("version: 1", "# a comment\nversion: 1"),
            [],
            id="nothing",
        ),
        pytest.param(
            LEAD.replace("event_id: lead-{id}\n", ""),
            LEAD.replace("event_id: lead-{id}\n", ""),
            [],
            id="ids made",
        ),
        pytest.param(
            LEAD,
            OTHER_MAIL,
            [
                (
                    "Lead",
                    "ready",
                    "ready",
                    [("user_data.em", "j•••@e•••.com", "d•••@e•••.com", "email", "mail")],
                )
            ],
            id="another field is read",
        ),
        pytest.param(
            LEAD,
            f"{LEAD}  phone: phone\n",
            [("Lead", "ready", "ready", [("user_data.ph", "(nothing)", "4•••8", None, "phone")])],
            id="a field more",
        ),
        pytest.param(
            LEAD,
            LEAD.replace("event_name: Lead", "event_name: Contact"),
            [
                (
                    "Contact",
                    "ready",
                    "ready",
                    [("event_name", "Lead", "Contact", "the text of the mapping", "the text of the mapping")],
                )
            ],
            id="another event",
        ),
    ],
)
def test_a_change_is_told_field_by_field(differ, old, new, expected):
    assert differ(old, new) == expected


def test_personal_data_is_shown_only_when_asked_for(differ):
    [(_, _, _, [(_, before, after, _, _)])] = differ(LEAD, OTHER_MAIL, reveal=True)
    assert (before, after) == ("jane@example.com", "dana@example.com")


def test_an_event_that_is_sent_no_more_is_worse(mapping_of, spec, now):
    before, after = (
        mapping_of(LEAD, name="old"),
        mapping_of(f"{LEAD}when: {{stage: lost}}\n", name="new"),
    )
    webhooks = [TriedWebhook("one", request_of_data(DATA, "new", now))]
    [forward] = changes(before, after, webhooks, spec)
    [backward] = changes(after, before, webhooks, spec)
    assert [event.is_worse for event in (*forward.events, *backward.events)] == [True, False]
    assert forward.as_json()["events"][0]["after"] == "skipped"


def test_the_samples_and_tests_of_both_are_compared_once_each(mapping_of, now):
    text = f"{LEAD}samples: [a.json]\ntests:\n  - {{name: t, given: a.json, expect: [{{}}]}}\n"
    files = {"a.json": b'{"id": 1}'}
    one = mapping_of(text, files, name="one")
    other = mapping_of(f"{LEAD}tests:\n  - {{name: u, given: {{id: 2}}, expect: [{{}}]}}\n", name="other")
    assert [webhook.name for webhook in sample_requests((one, other), now)] == ["sample a.json", "test u"]


# --- counters --------------------------------------------------------------------------------------

COUNTED = f"{LEAD}  phone: [mobile, phone]\ncustom_data: {{value: total}}\ndefaults: {{currency: EUR}}\n"


def webhooks(now, count, **data):
    return [request_of_data({"id": number, **data}, "contact", now) for number in range(count)]


def test_each_line_counts_the_webhooks_it_found_something_in(mapping_of, now):
    requests = [*webhooks(now, 3, email="a@example.com"), *webhooks(now, 2, phone="1", email=" ", total=0)]
    counts = line_counts(mapping_of(COUNTED), requests)
    assert {count.line.field: (count.found, count.webhooks) for count in counts} == {
        "event_id": (5, 5),
        "user_data.em": (3, 5),
        "user_data.ph": (2, 5),
        "custom_data.value": (2, 5),
    }
    assert counts[0].as_json()["paths"] == ["id"]


@pytest.mark.parametrize(
    ("count", "silent"),
    [
        pytest.param(19, [], id="too few to judge"),
        pytest.param(20, ["user_data.ph", "custom_data.value"], id="enough"),
    ],
)
def test_a_line_that_found_nothing_lately_is_reported_with_its_place(count, silent, mapping_of, now):
    findings = silent_lines(mapping_of(COUNTED), webhooks(now, count, email="a@example.com"))
    assert [finding.message.partition(" ")[0] for finding in findings] == silent
    assert all(finding.position is not None and finding.severity == "warning" for finding in findings)


def test_a_stored_webhook_that_cannot_be_read_is_passed_over(mapping_of, now):
    broken = replace(webhooks(now, 1)[0], body=b"{")
    assert {count.webhooks for count in line_counts(mapping_of(COUNTED), [broken, *webhooks(now, 1)])} == {1}


@dataclass(frozen=True)
class Record:
    id: str
    webhook_id: str


class Stored:
    """An outbox with 300 webhooks of two events each, newest first; every third raw webhook is forgotten."""

    def find(self, query):
        start = 0 if query.before is None else int(query.before) + 1
        return [Record(str(n), str(n // 2)) for n in range(start, min(600, start + query.limit))]

    def raw(self, webhook_id):
        return None if int(webhook_id) % 3 == 0 else webhook_id


def test_the_last_webhooks_are_each_looked_at_once_and_at_most_two_hundred():
    found = list(last_webhooks(Stored(), "contact"))
    assert len(found) == len(set(found)) == 133
    assert max(map(int, found)) == 199
