"""Fictional people: nobody of the webhook is left in a test, and it still becomes what it became."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from bridge.authoring.scaffold.fictional import fictional_webhook
from bridge.body.parse import parse
from bridge.mapping.draft import draft_mapping
from bridge.mapping.samples import read_sample, request_of_data
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.meta_spec.shipped_files import shipped
from bridge.models import Verified
from bridge.pipeline import translate
from tests.web.conftest import NOW

HEAD = "version: 1\nevent_name: Lead\naction_source: system_generated\n"


def played(lines: str, data: Any) -> Any:
    mapping = draft_mapping(HEAD + lines, load_meta_spec(), ["main"])
    webhook = parse(Verified(request_of_data(data, "lead", NOW)), mapping.receive)
    return fictional_webhook(webhook, mapping).data


CASES = [
    ("user_data: {email: a}", {"a": "maria@gmail.com", "b": "unread"}, {"a": "jane.doe@example.com"}),
    (
        "user_data: {email: {all: [a, b]}}",
        {"a": "maria@gmail.com", "b": "max@gmail.com"},
        {"a": "jane.doe@example.com", "b": "jane.doe2@example.com"},
    ),
    ("user_data: {phone: a}", {"a": "+49 (171) 765-43210"}, {"a": "+49 (171) 770-36284"}),
    ("user_data: {first_name: a, last_name: b}", {"a": "Maria", "b": "Huber"}, {"a": "Jane", "b": "Doe"}),
    ("user_data: {date_of_birth: a}", {"a": "23.11.1985"}, {"a": "01.01.1990"}),
    (
        "user_data: {external_id: id}\nevent_id: lead-{id}",
        {"id": 820982911946154508},
        {"id": 703628495170362849},
    ),
    (
        "user_data: {email: a}\nwhen: {s: paid}",
        {"a": "maria@gmail.com", "s": "paid"},
        {"a": "jane.doe@example.com", "s": "paid"},
    ),
    (
        "user_data: {email: a}\ncustom_data: {properties: {note: n}}",
        {"a": "maria@gmail.com", "n": "Maria@Gmail.com asked"},
        {"a": "jane.doe@example.com", "n": "jane.doe@example.com asked"},
    ),
    (
        "user_data: {email: a}\ncustom_data: {properties: {note: n}}",
        {"a": "maria@gmail.com", "n": "or max@gmail.com"},
        {"a": "jane.doe@example.com", "n": "xx xxx@xxxxx.xxx"},
    ),
    (
        "user_data: {fbc: 'attributes(name=_fbc).value'}",
        {"attributes": [{"name": "x", "value": "y"}, {"name": "_fbc", "value": "fb.1.1700000000000.Secret"}]},
        {"attributes": [{}, {"name": "_fbc", "value": "fb.1.1554763741205.IwAR0exampleExampleExample"}]},
    ),
    ("user_data: {country: c}", {"c": "DE"}, {"c": "DE"}),
    ("user_data: {email: a}", {"b": "unread"}, {}),
]


@pytest.mark.parametrize(("lines", "given", "expected"), CASES)
def test_people_are_replaced_and_what_is_not_read_is_left_out(lines, given, expected):
    assert played(lines, given) == expected


def test_what_is_read_beside_the_body_is_kept_and_says_nothing_of_the_person():
    lines = (
        "receive: {sent_by: browser}\nevent_id: $headers.X-Order\n"
        "user_data: {email: $query.mail, fbclid: $query.fbclid, fbp: $cookies._fbp, ip: $ip, "
        "user_agent: $user_agent}\ncustom_data: {content_name: $query.product}\n"
    )
    mapping = draft_mapping(HEAD + lines, load_meta_spec(), ["main"])
    request = replace(
        request_of_data({"unread": "something"}, "lead", NOW),
        ip="198.51.100.7",
        query={"mail": "maria@gmail.com", "fbclid": "IwAR0Maria", "product": "shoes", "name": "Maria"},
        headers={
            "x-order": "A-17",
            "user-agent": "Maria's browser",
            "cookie": "_fbp=fb.1.1700000000000.77; session=maria",
            "authorization": "Bearer secret",
        },
    )
    played = fictional_webhook(parse(Verified(request), mapping.receive), mapping)
    assert played._asdict() == {
        "data": {},
        "headers": {"x-order": "A-17", "user-agent": "Mozilla/5.0 (X11; Linux x86_64)"},
        "query": {
            "fbclid": "IwAR0exampleExampleExample",
            "mail": "jane.doe@example.com",
            "product": "shoes",
        },
        "cookies": {"_fbp": "fb.1.1596403881668.1116446470"},
        "ip": "203.0.113.7",
    }


SAMPLES = sorted(shipped("mappings").glob("samples/*/*.json"))
SAMPLES = [file for file in SAMPLES if not file.name.endswith(".headers.json")]


def person_values(data: Any) -> set[str]:
    sent = (data or {}).get("user_data", {})
    listed = (
        value if isinstance(value, list) else [value]
        for name, value in sent.items()
        if name not in {"country", "ge", "st"}
    )
    return {str(value) for values in listed for value in values}


def fictional_hashes() -> set[str]:
    """Return what the fictional people become: shipped samples are about Jane Doe, too."""
    numbers = ("", *range(2, 9))
    names = {
        f"{name}{number}": f"{name}{number}" for name in ("Jane", "Doe", "Springfield") for number in numbers
    }
    mails = {f"m{number}": f"jane.doe{number}@example.com" for number in numbers}
    every = {"first_name": names, "last_name": names, "city": names, "email": mails}
    fields = ", ".join(f"{name}: {{all: {[*values]}}}" for name, values in every.items())
    mapping = draft_mapping(f"{HEAD}user_data: {{{fields}}}", load_meta_spec(), ["main"])
    [event] = translate(
        Verified(request_of_data({**names, **mails}, "x", NOW)), mapping, load_meta_spec()
    ).events
    return person_values(event.data)


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_of_every_shipped_sample_nobody_is_left(file):
    """No hash, id or address of a person is the same after it; the number of events and their fate are."""
    spec = load_meta_spec()
    source = shipped("mappings") / f"{file.parent.name}.yaml"
    mapping = draft_mapping(source.read_text("utf-8"), spec, ["main"], file.parent.name, source.parent)
    request = read_sample(file, NOW).request
    webhook = parse(Verified(request), mapping.receive)
    played = fictional_webhook(webhook, mapping)
    assert json.dumps(played.data)
    before = translate(Verified(request), mapping, spec).events
    after = translate(Verified(played.as_request(request)), mapping, spec).events
    people = set().union(*(person_values(event.data) for event in before))
    others = set().union(*(person_values(event.data) for event in after))
    assert (people & others) - fictional_hashes() == set()
