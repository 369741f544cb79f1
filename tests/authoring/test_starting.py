"""A new mapping passes `check` and `test` as written, whatever the sample it was made from."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.authoring.scaffold.new_mapping import MappingRequest, new_mapping
from bridge.authoring.scaffold.plan import Wishes, date_pattern, plan_mapping
from bridge.authoring.scaffold.questions import questions_about
from bridge.authoring.scaffold.yaml_writer import SCHEMA_LINE, yaml_text
from bridge.authoring.test_runner import run_tests
from bridge.body.parse import parse
from bridge.errors import UnreadableBody
from bridge.lint.check import check_mapping
from bridge.mapping import load_mapping
from bridge.mapping.samples import read_sample, request_of_data
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.meta_spec.shipped_files import shipped
from bridge.models import Receive, Verified
from bridge.positioned_yaml import read_yaml
from bridge.recognize.known_shapes import known_shape
from bridge.recognize.recognition_tables import recognition_tables


def written(folder, sample, wishes, spec, now, name="new"):
    """Make a mapping from a sample file, write both, and return it as checked."""
    file = folder / f"{name}.yaml"
    starting = MappingRequest(
        file, wishes, read_sample(sample, now).request, sample.relative_to(folder).as_posix(), "x"
    )
    new = new_mapping(starting, spec, now)
    file.write_text(new.text, "utf-8")
    return new, check_mapping(file, environment={}, spec=spec)


def save(folder, name, body):
    sample = folder / "samples" / name
    sample.parent.mkdir(exist_ok=True)
    sample.write_bytes(body if isinstance(body, bytes) else json.dumps(body).encode())
    return sample


# what only a person can say: `check` asks for it until the line is there
OPEN_QUESTIONS = {"purchase_without_value", "purchase_without_currency"}


def passes(checked, spec, now) -> bool:
    errors = {finding.code for finding in checked.findings if finding.severity == "error"}
    assert errors - OPEN_QUESTIONS - {"unset_secret"} == set()
    mapping = load_mapping(checked.file, environment={}, spec=spec, secrets="optional")
    failures = [failure for result in run_tests(mapping, spec, now) for failure in result.failures]
    assert failures == []
    return True


def test_every_shipped_sample_gives_a_mapping_that_passes(shipped_samples, tmp_path, spec, now):
    assert shipped_samples
    for number, body in enumerate(shipped_samples):
        try:
            sample = save(tmp_path, body.name, body.read_bytes())
            _, checked = written(tmp_path, sample, Wishes(), spec, now, f"new-{number}")
        except UnreadableBody:
            assert "broken" in body.name or "invalid" in body.name, body
            continue
        assert passes(checked, spec, now), body
        assert checked.file.read_text("utf-8").startswith(f"{SCHEMA_LINE}\n"), body


def test_the_first_line_says_where_the_schema_is_as_the_page_for_editors_does():
    page = (Path(__file__).parents[2] / "docs" / "commands.md").read_text("utf-8")
    assert f"```yaml\n{SCHEMA_LINE}\nversion: 1\n" in page


def test_the_lines_of_a_german_form(tmp_path, spec, now):
    payload = {
        "id": 77,
        "Vorname": "Jörg",
        "Nachname": "Weiß",
        "E-Mail-Adresse": "j.weiss@example.de",
        "Telefonnummer": "0151 2345678",
        "PLZ": "01067",
        "Datum": "20.11.2026 14:30",
        "owner": {"email": "sales@example.de"},
    }
    wishes = Wishes(country="DE", timezone="Europe/Berlin")
    new, checked = written(tmp_path, save(tmp_path, "form.json", payload), wishes, spec, now)
    lines = new.text.splitlines()
    for line in (
        "event_id: lead-{id}",
        "event_time: Datum",
        "  email: E-Mail-Adresse",
        "  phone: Telefonnummer",
        "  first_name: Vorname",
        "  last_name: Nachname",
        "  zip: PLZ",
        "  timezone: Europe/Berlin",
        "  date_format: DD.MM.YYYY HH:mm",
        "  phone_country: DE",
        "        user_data.phone: 491512345678",
        "        user_data.email: j.weiss@example.de",
        "        event_time: 1795181400",
    ):
        assert any(
            written_line.split("  #")[0].rstrip().replace('"', "") == line for written_line in lines
        ), line
    assert "owner" not in new.text
    assert passes(checked, spec, now)


def test_an_order_becomes_a_purchase_with_its_items(tmp_path, spec, now):
    order = {
        "order_id": "A-17",
        "currency": "EUR",
        "total": "30.00",
        "customer": {"email": "jane@example.com"},
        "items": [{"sku": "CUP", "quantity": 3, "price": "10.00"}],
    }
    new, checked = written(tmp_path, save(tmp_path, "order.json", order), Wishes(), spec, now)
    assert new.plan.event_name == "Purchase"
    assert dict(new.plan.items.columns) == {"id": "sku", "quantity": "quantity", "item_price": "price"}
    assert passes(checked, spec, now)


def test_a_list_is_mapped_entry_by_entry(tmp_path, spec, now):
    leads = [{"id": 1, "email": "jane@example.com"}, {"id": 2, "email": "dana@example.com"}]
    new, checked = written(tmp_path, save(tmp_path, "leads.json", leads), Wishes(), spec, now)
    assert "for_each: $" in new.text
    assert len(checked.mapping.tests[0].expected) == 2
    assert passes(checked, spec, now)


def test_the_events_in_a_webhook_are_mapped_one_by_one(tmp_path, spec, now):
    events = [
        {"type": "lead.created", "data": {"id": f"l{number}", "email": f"jane{number}@example.com"}}
        for number in (1, 2)
    ]
    body = {"live": True, "events": events}
    new, checked = written(tmp_path, save(tmp_path, "events.json", body), Wishes(), spec, now)
    assert new.plan.for_each == "events"
    assert [event["event_id"] for event in checked.mapping.tests[0].expected] == ["lead-l1", "lead-l2"]
    assert passes(checked, spec, now)


def test_a_sample_of_a_refund_sends_nothing_until_somebody_says_what_does(tmp_path, spec, now):
    refund = {
        "event": "order.refunded",
        "id": 7,
        "total": "9.00",
        "currency": "EUR",
        "email": "jane@example.com",
    }
    _, checked = written(tmp_path, save(tmp_path, "refund.json", refund), Wishes(), spec, now)
    [test] = checked.mapping.tests
    assert (test.kind, "event" in test.expected) == ("expect_skipped", True)
    assert passes(checked, spec, now)


def test_a_currency_is_never_invented(tmp_path, spec, now):
    order = {"order_id": "A-1", "event": "order.paid", "total": "9.00", "email": "jane@example.com"}
    new, checked = written(tmp_path, save(tmp_path, "order.json", order), Wishes(), spec, now)
    assert "currency: EUR" not in new.text.partition("version: 1")[2]
    assert {finding.code for finding in checked.findings} >= {"purchase_without_currency"}


PERSON = {"email": "jane@example.com"}


@pytest.mark.parametrize(
    ("payload", "lines", "absent"),
    [
        ({"Bestellnummer": "RE-2026-42"}, ["  order_id: Bestellnummer"], "external_id"),
        ({"id": 7, "Betrag": "1.249,50 €"}, ["  value: Betrag", "  currency: EUR"], "# value"),
        ({"id": 7, "valor": "R$ 1.997,00"}, ["  value: valor", "  currency: BRL"], "# value"),
        ({"id": 7, "amount": "$1,250.00"}, ["#  value: amount"], "currency: USD"),  # of many countries
        ({"id": 7, "amount": "19.90 €", "currency": "CHF"}, ["  currency: currency"], "defaults:"),
        ({"id": 7, "nome": "João da Silva"}, ["  full_name: nome"], "first_name: nome"),
        ({"id": 7, "nome": "João"}, ["  first_name: nome"], "full_name:"),
        ({"id": 7, "nome": "Ana Luisa", "cognome": "Rossi"}, ["  first_name: nome"], "full_name:"),
        ({"id": 7, "first_name": "Anna Maria"}, ["  first_name: first_name"], "full_name:"),
    ],
)
def test_a_line_is_chosen_by_what_the_value_says_too(payload, lines, absent, tmp_path, spec, now):
    new, checked = written(tmp_path, save(tmp_path, "form.json", payload | PERSON), Wishes(), spec, now)
    found = [line.split("   ")[0].rstrip() for line in new.text.splitlines()]
    assert [line for line in lines if line not in found] == []
    assert absent not in new.text
    assert passes(checked, spec, now)


@pytest.mark.parametrize(
    ("phone", "wishes", "asked"),
    [
        ("0151 2345678", Wishes(), True),
        ("0151 2345678", Wishes(country="DE"), False),
        ("+49 151 2345678", Wishes(), False),
    ],
)
def test_the_country_of_a_phone_is_asked_for_where_nothing_says_it(phone, wishes, asked, spec):
    plan = plan_mapping({"id": 7, "email": "jane@example.com", "phone": phone}, wishes, spec.standard_events)
    questions = [question for question in questions_about(plan) if question.startswith("phone_country: ")]
    assert bool(questions) is asked


def test_nobody_to_match_is_told_by_the_test(tmp_path, spec, now):
    _, checked = written(tmp_path, save(tmp_path, "ids.json", {"objectId": 7}), Wishes(), spec, now)
    [test] = checked.mapping.tests
    assert (test.kind, test.expected) == ("expect_held", "not enough customer information")
    assert passes(checked, spec, now)


def test_a_date_that_could_be_two_days_is_no_line(tmp_path, spec, now):
    payload = {"id": 1, "email": "jane@example.com", "created_at": "02/04/2026 09:00"}
    new, checked = written(tmp_path, save(tmp_path, "us.json", payload), Wishes(), spec, now)
    assert "event_time" not in new.plan.paths
    assert passes(checked, spec, now)
    wishes = Wishes(date_format="DD/MM/YYYY HH:mm")
    new, checked = written(tmp_path, save(tmp_path, "us.json", payload), wishes, spec, now)
    assert new.plan.paths["event_time"] == ("created_at",)
    assert passes(checked, spec, now)


@pytest.mark.parametrize("event_name", ["Lead", "Purchase", "Meine Stufe"])
@pytest.mark.parametrize("sent_by", ["server", "automation", "browser"])
def test_without_a_sample_the_usual_form_is_written(event_name, sent_by, tmp_path, spec, now):
    file = tmp_path / "new.yaml"
    wishes = Wishes(event_name=event_name, sent_by=sent_by)
    file.write_text(new_mapping(MappingRequest(file, wishes), spec, now).text, "utf-8")
    checked = check_mapping(file, environment={}, spec=spec)
    assert checked.findings == ()
    assert passes(checked, spec, now)


@pytest.mark.parametrize(
    ("written_date", "pattern"),
    [
        ("20.11.2026", "DD.MM.YYYY"),
        ("20.11.2026 14:30", "DD.MM.YYYY HH:mm"),
        ("20/11/2026", "DD/MM/YYYY"),
        ("11/20/2026 14:30:59", "MM/DD/YYYY HH:mm:ss"),
        ("11/20/2026 2:30 PM", "MM/DD/YYYY hh:mm A"),
        ("02/04/2026", ""),
        ("2026-11-20", None),
        ("1795181400", None),
    ],
)
def test_a_written_date_shows_its_pattern(written_date, pattern):
    assert date_pattern(written_date) == pattern


def test_broken_json_is_refused_with_its_place(tmp_path, spec, now):
    sample = save(tmp_path, "bad.json", b'{"email": "a@example.com",}')
    with pytest.raises(UnreadableBody):
        written(tmp_path, sample, Wishes(), spec, now)


def test_every_shape_names_a_mapping_that_ships():
    shipped_names = {file.stem for file in shipped("mappings").glob("*.yaml")}
    assert {shape.like for shape in recognition_tables().shapes} - shipped_names == set()


def test_a_known_shape_starts_from_the_shipped_mapping_with_the_fields_of_this_form(tmp_path, spec, now):
    body = (shipped("mappings") / "samples/typeform-form/response.json").read_bytes()
    for theirs, own in ((b"63228f85-dd40-46f9-9d58-6d125d141a4b", b"own-ref"), (b"JwWggjAKtOkA", b"OwnId77")):
        body = body.replace(theirs, own)
    wishes = Wishes(country="DE")
    new, checked = written(tmp_path, save(tmp_path, "form.json", body), wishes, spec, now)
    assert new.looks_like is not None
    assert new.looks_like.like == "typeform-form"
    assert "header: Typeform-Signature" in new.text
    assert 'first_name: "form_response.answers(field.ref=own-ref).text"' in new.text
    assert "phone_country: DE" in new.text
    assert "user_data.first_name: dana" in new.text
    assert passes(checked, spec, now)


def test_a_known_shape_is_no_reason_to_send_another_event_than_was_asked_for(tmp_path, spec, now):
    body = (shipped("mappings") / "samples/typeform-form/response.json").read_bytes()
    wishes = Wishes(event_name="CompleteRegistration")
    new, checked = written(tmp_path, save(tmp_path, "form.json", body), wishes, spec, now)
    assert new.looks_like is None
    assert "event_name: CompleteRegistration" in new.text
    assert passes(checked, spec, now)


@pytest.mark.parametrize("shape", recognition_tables().shapes, ids=lambda shape: shape.like)
def test_the_samples_of_a_shipped_mapping_have_its_shape(shape, spec, now):
    folder = shipped("mappings") / "samples" / shape.like
    bodies = [file for file in sorted(folder.iterdir()) if not file.name.endswith(".headers.json")]
    found = [known_shape(data) for file in bodies if (data := data_of(file, now)) is not None]
    assert shape.like in {other.like for other in found if other}
    assert {other.like.split("-")[0] for other in found if other} == {shape.like.split("-")[0]}


def data_of(file, now):
    try:
        return parse(Verified(read_sample(file, now).request), Receive(max_size_bytes=2_097_152)).data
    except UnreadableBody:
        return None


@given(st.text(max_size=60))
def test_any_text_is_written_so_that_yaml_reads_it_back(text):
    encodable = text.encode("utf-8", "ignore").decode()
    root, findings = read_yaml(f"key: {yaml_text(encodable)}\n", "x")
    if findings:  # control characters no YAML file may hold stand escaped in quotes
        raise AssertionError(findings)
    assert root.entries[0][1].text == encodable


KEYS = st.sampled_from(
    ["email", "E-Mail", "phone", "id", "total", "currency", "name", "a.b", "x[y]", "Wie heißt du?"]
)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**18),
    st.sampled_from(["jane@example.com", "+49 151 2345678", "EUR", "12,50", "", "{{1.email}}", "2026-11-20"]),
    st.text(max_size=20),
)
PAYLOADS = st.dictionaries(
    st.one_of(KEYS, st.text(min_size=1, max_size=10)),
    st.one_of(
        VALUES, st.dictionaries(KEYS, VALUES, max_size=4), st.lists(st.dictionaries(KEYS, VALUES), max_size=2)
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PAYLOADS)
def test_any_payload_gives_a_mapping_without_errors(tmp_path, payload):
    spec, now = load_meta_spec(), datetime(2026, 11, 21, 12, tzinfo=UTC)
    file = tmp_path / "any.yaml"
    sample = request_of_data({**payload, "note": "at least one value"}, "any", now)
    new = new_mapping(MappingRequest(file, Wishes(), sample, "none.json", "x"), spec, now)
    text = new.text.partition("\ntests:")[0]
    file.write_text(text, "utf-8", errors="surrogatepass")
    findings = check_mapping(file, environment={}, spec=spec).findings
    assert {finding.code for finding in findings if finding.severity == "error"} - OPEN_QUESTIONS == set()


def test_the_plan_asks_only_the_first_entry_of_a_list(spec):
    plan = plan_mapping([{"email": "a@example.com"}], Wishes(), spec.standard_events)
    assert (plan.for_each, dict(plan.paths)) == ("$", {"user_data.email": ("email",)})
