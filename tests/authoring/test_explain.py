"""Of every field it can be told why it is what it is; personal data only when asked for."""

from __future__ import annotations

import pytest

from bridge.explain.build import clear_text
from bridge.explain.unused_fields import unused_fields
from bridge.mapping.samples import request_of_data
from bridge.models import Verified
from bridge.pipeline import translate

TEXT = """\
version: 1
event_name: Lead
action_source: system_generated
event_id: lead-{id}
when: {stage: won}
user_data:
  email: [mail, email]
  phone: phone
  full_name: name
custom_data:
  value: total
defaults: {currency: EUR}
settings: {phone_country: DE}
"""
DATA = {
    "id": 7,
    "stage": "won",
    "email": " Jane@Example.com ",
    "phone": "n/a",
    "name": "Jane Doe",
    "total": "12.50",
    "mobile": "+49 151 2345678",
    "note": "hello",
    "empty": "",
    "owner": {"email": "sales@example.com"},
}


@pytest.fixture
def told(mapping_of, spec, now):
    mapping = mapping_of(TEXT)

    def tell(data=DATA, **options):
        request = request_of_data(data, mapping.name, now)
        return translate(Verified(request), mapping, spec, explain=True, **options).explanation

    return tell


def field(entry, name):
    return next(one for one in entry["fields"] if one["field"] == name)


def test_a_field_tells_its_source_what_was_tried_its_cleaning_and_its_line(told):
    event, _ = told(reveal=True)
    assert field(event, "user_data.em") | {"file": "contact.yaml"} == {
        "field": "user_data.em",
        "given": " Jane@Example.com ",
        "sent": ["8c87b489ce35cf2e2f39f80e282cb2e804932a56a213983eeeb428407d43b52d"],
        "from": "email",
        "tried": [{"path": "mail", "outcome": "absent"}],
        "steps": [
            {"step": "lower case, outer spaces removed", "value": "jane@example.com"},
            {"step": "SHA-256", "value": "8c87b489ce35cf2e2f39f80e282cb2e804932a56a213983eeeb428407d43b52d"},
        ],
        "dropped": None,
        "defaulted": False,
        "file": "contact.yaml",
        "line": 7,
        "column": 3,
    }


def test_a_dropped_field_tells_the_rule_and_a_default_that_it_is_one(told):
    event, _ = told()
    phone = field(event, "user_data.ph")
    assert (phone["sent"], phone["tried"]) == (None, [{"path": "phone", "outcome": "placeholder"}])
    assert phone["dropped"]
    assert field(event, "custom_data.currency")["defaulted"] is True


def test_a_field_filled_by_another_names_where_it_came_from(told):
    event, _ = told()
    assert field(event, "user_data.ln")["from"] == "name"


def test_the_event_tells_its_conditions_and_why_it_was_skipped(told):
    ready, _ = told()
    assert [condition["holds"] for condition in ready["conditions"]] == [True]
    skipped, _ = told({**DATA, "stage": "lost"})
    assert (skipped["verdict"], "stage" in skipped["reason"]) == ("skipped", True)


def test_personal_data_is_masked_unless_asked_for(told):
    hidden, shown = str(list(told())), str(list(told(reveal=True)))
    personal = ("jane", "Jane", "Doe", "doe", "sales@")
    assert [word for word in personal if word in hidden] == []
    assert "jane@example.com" in shown


def test_fields_nobody_used_are_listed_with_a_guess_and_never_with_their_value(told):
    *_, webhook = told()
    assert webhook["unused"] == [
        {
            "path": "mobile",
            "looks_like": "a phone number",
            "destination": "user_data.phone",
            "hint": "`mobile` looks like a phone number",
        },
        {"path": "note", "looks_like": None, "destination": None, "hint": None},
        {"path": "owner.email", "looks_like": None, "destination": None, "hint": None},
    ]


@pytest.mark.parametrize(
    ("read", "unused"),
    [
        pytest.param(set(), ["a.b", "a.c"], id="nothing"),
        pytest.param({"a.b"}, ["a.c"], id="one field"),
        pytest.param({"a"}, [], id="the block around"),
        pytest.param({"$"}, [], id="all of it"),
        pytest.param({"a.bc"}, ["a.b", "a.c"], id="another that starts alike"),
    ],
)
def test_a_field_counts_as_used_when_it_or_what_holds_it_was_read(read, unused):
    assert [entry["path"] for entry in unused_fields({"a": {"b": 1, "c": 2}}, read)] == unused


def test_the_clear_text_is_what_was_hashed(told):
    event, _ = told(reveal=True)
    assert clear_text(field(event, "user_data.em")) == "jane@example.com"
    assert clear_text(field(event, "user_data.ph")) is None


def test_explaining_changes_nothing(mapping_of, spec, now):
    mapping = mapping_of(TEXT)
    request = Verified(request_of_data(DATA, mapping.name, now))
    plain, explained = (translate(request, mapping, spec, explain=explain) for explain in (False, True))
    assert plain.events == explained.events
    assert list(plain.explanation) == []
