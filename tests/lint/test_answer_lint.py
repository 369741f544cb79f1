"""What `check` says of a mapping that fetches: answers nobody recorded, and paths they do not have."""

from __future__ import annotations

import pytest

from bridge.lint import lint

LEAD = """\
version: 1
action_source: system_generated
event_name: Lead
event_id: lead-{id}
fetch:
  person: {from: crm, path: "/persons/{person_id}"}
user_data:
  email: $person.email
  phone: $person.phones.first.value
"""
BODY = b'{"id": 7, "person_id": 5}'
ANSWER = b'{"person": {"email": "jane@example.com", "phones": [{"value": "+4915112345678"}]}}'
SAMPLE = "samples: [samples/lead.json]\n"
TEST = "tests:\n  - {name: a lead, given: {id: 7, person_id: 5}, expect: [{event_name: Lead}]"


def found(mapping, spec) -> list[tuple[str, str, int, str | None]]:
    return [(f.severity, f.code, f.position.line, f.suggestion) for f in lint(mapping, spec)]


@pytest.mark.parametrize(
    ("text", "files", "expected"),
    [
        pytest.param(
            f"{LEAD}{TEST}}}\n",
            {},
            [("error", "no_recorded_answer", 11, None)],
            id="a test without an answer",
        ),
        pytest.param(
            f"{LEAD}{TEST}, with: {{fetched: {{person: {{email: j@x.de, phones: [{{value: 1}}]}}}}}}}}\n",
            {},
            [],
            id="a test with one",
        ),
        pytest.param(
            f"{LEAD}{TEST}, with: {{fetched: {{person: missing}}}}}}\n",
            {},
            [("warning", "no_person_in_samples", 1, None)],
            id="a record that is missing is an answer",
        ),
        pytest.param(
            LEAD.replace('{person_id}"', '{person_id}", take: data')
            + f"{TEST}, with: {{fetched: {{person: {{email: j@x.de, phones: [{{value: 1}}]}}}}}}}}\n",
            {},
            [("warning", "nothing_taken", 6, None), ("warning", "no_person_in_samples", 1, None)],
            id="a wrong take",
        ),
        pytest.param(
            f"{LEAD}{SAMPLE}",
            {"samples/lead.json": BODY},
            [("warning", "no_recorded_answer", 6, None)],
            id="a sample without an answer",
        ),
        pytest.param(
            f"{LEAD}{SAMPLE}",
            {"samples/lead.json": BODY, "samples/lead.fetched.json": ANSWER},
            [],
            id="a sample with one beside it",
        ),
        pytest.param(
            f"{LEAD}{SAMPLE}when: {{stage: won}}\n",
            {"samples/lead.json": b'{"id": 7, "person_id": 5, "stage": "new"}'},
            [],
            id="a sample that asks for nothing",
        ),
        pytest.param(
            f"{LEAD}custom_data: {{contents: {{for_each: $person.orders, id: sku}}}}\n{SAMPLE}",
            {"samples/lead.json": BODY},
            [("warning", "no_recorded_answer", 6, None)],
            id="a list of an answer that is not recorded",
        ),
        pytest.param(
            f"{LEAD.replace('$person.email', '$person.emial')}{SAMPLE}",
            {"samples/lead.json": BODY, "samples/lead.fetched.json": ANSWER},
            [("error", "no_such_field", 8, "$person.email")],
            id="a slip in a path into the answer",
        ),
        pytest.param(
            f"{LEAD.replace('phones.first.value', 'phones.value')}{SAMPLE}",
            {"samples/lead.json": BODY, "samples/lead.fetched.json": ANSWER},
            [("error", "key_on_list", 9, None)],
            id="a list in the answer",
        ),
        pytest.param(
            f"{LEAD.replace('{person_id}', '{persn_id}')}{SAMPLE}",
            {"samples/lead.json": BODY, "samples/lead.fetched.json": ANSWER},
            [
                ("error", "no_such_field", 6, "person_id"),
                ("warning", "no_person_in_samples", 1, None),
            ],
            id="a slip in the path that is called",
        ),
    ],
)
def test_the_recorded_answers_are_evidence_as_the_samples_are(mapping_of, spec, text, files, expected):
    assert found(mapping_of(text, files), spec) == expected


def test_a_wrong_take_is_answered_with_what_the_answer_has(mapping_of, spec):
    text = LEAD.replace('{person_id}"', '{person_id}", take: dta')
    answers = "{fetched: {person: {data: {email: j@x.de}, success: yes}}}"
    [taken, person] = lint(mapping_of(f"{text}{TEST}, with: {answers}}}\n", {}), spec)
    assert taken.message == "take finds nothing in the recorded answers of $person"
    assert taken.fix == ("name the part of the answer that holds the record; the answer has data, success")
    assert person.fix == "check which fields of $person are read, against an answer as the source gives it"
