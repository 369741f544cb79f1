"""Every key of `user_data` is known wherever it has to be; a new one is told what is still missing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bridge.meta_spec.rule_files import load_meta_spec
from bridge.recognize.recognition_tables import recognition_tables
from bridge.simulator.data import load_simulator_data

SPEC = load_meta_spec()
KEYS = [name for name, rule in SPEC.user_data.items() if not rule.virtual]
PROPERTIES = SPEC.event_schema["properties"]["user_data"]["properties"]
RECOGNIZED = {field.destination for field in recognition_tables().fields}
SHARED_PATTERNS = {"hash", "ip", "fbc", "fbp", "lead_id", "digits"}

# says whom the event went through, not who the person is
NOT_A_PERSON = {"page_id", "ig_account_id", "whatsapp_business_account_id"}
# a part of what another field says as a whole; only Meta's SDKs know them
PARTS_OF_ANOTHER = {"f5first", "f5last", "fi", "dobd", "dobm", "doby"}
# only the software that has them knows these ids; no field name of a form or CRM gives them away
NOT_RECOGNIZED = (
    NOT_A_PERSON
    | PARTS_OF_ANOTHER
    | {
        "ctwa_clid",
        "subscription_id",
        "app_user_id",
        "madid",
        "page_scoped_user_id",
        "ig_sid",
        "anon_id",
        "fb_login_id",
    }
)


def lacks(name: str) -> Iterator[str]:
    rule = SPEC.user_data[name]
    if not rule.examples:
        yield f"user_data.yaml: {name} has no examples; add at least one value with its cleaned form"
    if name not in PROPERTIES:
        yield f"event.schema.json: add {name} to the properties of user_data"
    elif rule.sent_as in SHARED_PATTERNS and PROPERTIES[name].get("pattern") not in {
        None,
        rule.pattern.pattern,
    }:
        yield f"event.schema.json: the pattern of {name} differs from {rule.sent_as} in user_data.yaml"
    if name not in load_simulator_data().rules["user_data"]:
        yield f"simulator.yaml: add {name} to user_data, with the shape of the value as Meta documents it"
    if name not in SPEC.match.weights and name not in NOT_A_PERSON | PARTS_OF_ANOTHER:
        yield f"match.yaml: add {name} to identifiers, with a weight, or to NOT_A_PERSON in this test"
    if f"user_data.{rule.long_name}" not in RECOGNIZED and name not in NOT_RECOGNIZED:
        yield f"recognize.yaml: add user_data.{rule.long_name} to fields, or to NOT_RECOGNIZED in this test"


@pytest.mark.parametrize("name", KEYS)
def test_a_user_data_field_is_known_everywhere(name):
    if missing := list(lacks(name)):
        pytest.fail("\n".join(missing), pytrace=False)


def test_the_schema_names_no_other_fields():
    assert set(PROPERTIES) - set(KEYS) == set()


def test_no_exception_is_out_of_date():
    assert NOT_A_PERSON - set(KEYS) == (NOT_A_PERSON | PARTS_OF_ANOTHER) & set(SPEC.match.weights) == set()
    assert {f"user_data.{SPEC.user_data[name].long_name}" for name in NOT_RECOGNIZED} & RECOGNIZED == set()
