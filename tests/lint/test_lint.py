"""What `check` finds beyond spelling: one mapping for each claim, and the finding it gives."""

from __future__ import annotations

import json

import pytest

from bridge.errors import Invalid
from bridge.lint import lint
from bridge.lint.check import check_mapping, load_checked

START = "version: 1\naction_source: system_generated\n"
PERSON = "user_data: {email: email}\n"
LEAD = f"{START}event_name: Lead\nevent_id: lead-{{id}}\n{PERSON}"
SAMPLE = json.dumps(
    {
        "id": 7,
        "email": "jane@example.com",
        "first_name": "Jane",
        "stage": "won",
        "total": 12.5,
        "items": [{"sku": "A", "qty": 1}],
        "address": {"city": "Berlin"},
    }
).encode()
WITH_SAMPLE = "samples: [samples/real.json]\n"


def told(findings) -> list[tuple[str, str, int, str | None]]:
    """Return what matters of findings: severity, code, line and suggestion."""
    return [(f.severity, f.code, f.position.line, f.suggestion) for f in findings]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            f"{START}event_name: Purchase\nevent_id: order-{{id}}\n{PERSON}",
            [("error", "purchase_without_value", 3, None), ("error", "purchase_without_currency", 3, None)],
            id="a purchase without value and currency",
        ),
        pytest.param(
            f"{START}event_name: {{from: stage, lookup: {{won: Purchase}}, otherwise: skip}}\n{PERSON}"
            "custom_data: {value: total}\n",
            [("error", "purchase_without_currency", 3, None)],
            id="a purchase by lookup without a currency",
        ),
        pytest.param(
            f"{LEAD}receive:\n  sent_by: browser\n",
            [("warning", "no_origins", 7, None)],
            id="browsers post here, and no website may read the answer",
        ),
        pytest.param(
            f"{LEAD}receive: {{sent_by: browser, origins: 'https://www.example.com'}}\n",
            [],
            id="browsers post here, from a website that is named",
        ),
        pytest.param(
            f"{START}event_name: Purchase\n{PERSON}custom_data: {{value: total}}\n"
            "defaults: {currency: EUR}\n",
            [],
            id="a default counts",
        ),
        pytest.param(
            f"version: 1\naction_source: website\nevent_name: Lead\n{PERSON}",
            [
                ("warning", "website_without_url", 2, None),
                ("warning", "website_without_user_agent", 2, None),
                ("warning", "website_without_event_id", 2, None),
            ],
            id="a website event without page, user agent and id",
        ),
        pytest.param(
            f"{START}event_name: purchase\nevent_id: order-{{id}}\n{PERSON}",
            [("warning", "standard_name_misspelled", 3, None)],
            id="a standard event in another spelling",
        ),
        pytest.param(
            f"{START}event_name: {{from: stage, lookup: {{won: add_to_cart}}, otherwise: Page view}}\n"
            f"{PERSON}",
            [("warning", "standard_name_misspelled", 3, None)] * 2,
            id="standard events in another spelling, by lookup",
        ),
        pytest.param(
            f"{START}event_name: StartTrial\nevent_id: trial-{{id}}\n{PERSON}",
            [("warning", "recommended_parameters", 3, None)],
            id="a trial without the value that Meta optimizes for",
        ),
        pytest.param(
            f"version: 1\naction_source: app\nevent_name: ViewContent\nevent_id: view-{{id}}\n{PERSON}",
            [("warning", "recommended_parameters", 3, None)],
            id="a look at something in an app, without saying at what",
        ),
        pytest.param(
            f"version: 1\naction_source: app\nevent_name: ViewContent\nevent_id: view-{{id}}\n{PERSON}"
            "custom_data: {content_ids: sku}\n",
            [],
            id="content_ids say it, too",
        ),
        pytest.param(
            f"{START}event_name: Lead\nuser_data: {{country: land, city: ort}}\n",
            [("warning", "no_identity_field", 4, None)],
            id="nothing that tells who it was",
        ),
        pytest.param(
            f"{LEAD}when: {{stage: won}}\nevents:\n  - when: {{stage: lost}}\n",
            [("error", "never_reached", 8, None)],
            id="conditions that exclude each other",
        ),
        pytest.param(
            f"{LEAD}when:\n  stage: {{is: won, is_not: Won}}\n",
            [("error", "never_reached", 7, None)],
            id="one condition that excludes itself",
        ),
        pytest.param(
            f"{START}{PERSON}mode: first\nevents:\n  - event_name: Lead\n  - event_name: Contact\n",
            [("error", "never_reached", 7, None)],
            id="an event behind one that always fits",
        ),
        pytest.param(
            f'{START}event_name:\n  from: stage\n  lookup:\n    " ": Lead\n{PERSON}',
            [("error", "lookup_never_matches", 6, None)],
            id="a lookup row for nothing",
        ),
        pytest.param(
            f"{START}when: {{stage: [won, lost]}}\nevent_name:\n  from: stage\n  lookup:\n    open: Lead\n"
            f"    won: Contact\n{PERSON}",
            [("error", "lookup_never_matches", 7, None)],
            id="a lookup row that when lets never pass",
        ),
        pytest.param(
            f"{START}{PERSON}event_id: x-{{id}}\nevents:\n  - event_name: Lead\n  - event_name: Lead\n",
            [("error", "same_event_id", 4, None)],
            id="two events of one name and id",
        ),
        pytest.param(
            f"{START}{PERSON}event_id: x-{{id}}\nevents:\n  - {{event_name: Lead, when: {{a: 1}}}}\n"
            "  - {event_name: Lead, when: {b: 1}}\n",
            [("warning", "same_event_id", 4, None)],
            id="two events that may both fit",
        ),
        pytest.param(
            f"{START}{PERSON}event_id: x-{{id}}\nevents:\n  - {{event_name: Lead, when: {{a: 1}}}}\n"
            "  - {event_name: Lead, when: {a: 2}}\n",
            [],
            id="two events that exclude each other",
        ),
        pytest.param(
            f"{START}for_each: orders\nevent_name: Lead\nevent_id: lead-{{$.id}}\n{PERSON}",
            [("error", "same_event_id", 5, None)],
            id="one id for every entry of a list",
        ),
        pytest.param(
            f"{START}for_each: orders\nevent_name: Lead\nevent_id: lead-{{$.id}}-{{$index}}\n{PERSON}",
            [],
            id="the number of the entry tells them apart",
        ),
        pytest.param(
            f"{START}event_name: Lead\nevent_id: {{text: lead}}\n{PERSON}",
            [("error", "same_event_id", 4, None)],
            id="one id for every webhook",
        ),
        pytest.param(
            f"{START}event_name: Lead\nevent_id: lead-{{$received_at}}\n{PERSON}",
            [("warning", "event_id_changes", 4, None)],
            id="another id at every delivery",
        ),
        pytest.param(
            f"{LEAD}test_event_code: TEST1\n",
            [("warning", "test_event_code", 6, None)],
            id="a left-over test code",
        ),
        pytest.param(
            f"{LEAD}custom_data: {{value: total, currency: EUR}}\n",
            [("error", "constant_as_field", 6, None)],
            id="a currency where a field is read",
        ),
        pytest.param(f"{LEAD}defaults: {{country: de}}\n", [], id="a plain text under defaults"),
    ],
)
def test_the_file_alone_shows_it(text, expected, mapping_of, spec):
    assert told(lint(mapping_of(text), spec)) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(
            "event_time: creatd_at", [("warning", "not_in_samples", 7, None)], id="no sample has it"
        ),
        pytest.param(
            "event_time: frist_name", [("error", "no_such_field", 7, "first_name")], id="nearly a field"
        ),
        pytest.param(
            "event_source_url: adress.city",
            [("error", "no_such_field", 7, "address.city")],
            id="nearly a block",
        ),
        pytest.param(
            "referrer_url: address.citty",
            [("error", "no_such_field", 7, "address.city")],
            id="nearly, deeper",
        ),
        pytest.param(
            "custom_data: {content_ids: items.sku}", [("error", "key_on_list", 7, None)], id="a key on a list"
        ),
        pytest.param("custom_data: {content_ids: items.*.sku}", [], id="every entry of a list"),
        pytest.param(
            "custom_data: {value: total, currency: USD}",
            [("error", "constant_as_field", 7, None)],
            id="a constant",
        ),
        pytest.param(
            "event_time: stages\nreferrer_url: stage",
            [("warning", "not_in_samples", 7, None)],
            id="nearly a field that another line reads",
        ),
        pytest.param(
            "event_time: [created, at]", [("warning", "not_in_samples", 7, None)], id="a list, none found"
        ),
        pytest.param("referrer_url: [page, stage]", [], id="a list, one found"),
        pytest.param(
            "when: {test: {is_not: yes}}", [], id="a condition may look for what is mostly not there"
        ),
        pytest.param(
            "defaults: {currency: EUR}\ncustom_data: {value: total, currency: currency}", [], id="a default"
        ),
    ],
)
def test_the_samples_show_it(line, expected, mapping_of, spec):
    mapping = mapping_of(f"{LEAD}{WITH_SAMPLE}{line}\n", {"samples/real.json": SAMPLE})
    assert told(lint(mapping, spec)) == expected


def test_what_tests_are_given_counts_against_slips_but_may_be_short(mapping_of, spec):
    text = (
        f"{LEAD}referrer_url: page\nevent_time: crated\ntests:\n"
        "  - {name: short, given: {id: 1, email: a@example.com, created: 2026-11-21}, expect_held: x}\n"
    )
    assert told(lint(mapping_of(text), spec)) == [("error", "no_such_field", 7, "created")]


@pytest.mark.parametrize(
    ("path", "key"),
    [("email", "Email"), ("e-mail", "E-Mail"), ("e_mail", "E Mail"), ("first_name", "firstName")],
)
def test_a_key_that_is_written_otherwise_in_the_samples_is_named(path, key, mapping_of, spec):
    field = "first_name" if "name" in path else "email"
    text = LEAD.replace("{email: email}", f"{{{field}: {path}, phone: phone}}") + WITH_SAMPLE
    mapping = mapping_of(
        text, {"samples/real.json": json.dumps({"id": 7, "phone": "+4915112345678", key: "Jane"}).encode()}
    )
    [finding] = [one for one in lint(mapping, spec) if one.code in {"not_in_samples", "no_such_field"}]
    assert finding.suggestion == key


def test_a_key_that_is_already_read_is_not_the_one_that_was_meant(mapping_of, spec):
    sample = b'{"id": 7, "email": "jane@example.com", "fbc": "fb.1.1795000000000.abcdef"}'
    text = LEAD.replace("{email: email}", "{email: email, fbc: fbc, fbp: fbp}") + WITH_SAMPLE
    mapping = mapping_of(text, {"samples/real.json": sample})
    assert told(lint(mapping, spec)) == [("warning", "not_in_samples", 5, None)]


@pytest.mark.parametrize(
    ("more", "is_told"),
    [
        pytest.param({}, False, id="nothing"),
        pytest.param({"note": ["a", "b"], "address": {"city": "Berlin"}}, False, id="nothing of products"),
        pytest.param({"items": [{"sku": "A"}]}, True, id="a list"),
        pytest.param({"order": {"rows": [{"number": "A"}]}}, True, id="a list of another name"),
        pytest.param({"productId": "A"}, True, id="one product"),
        pytest.param({"Artikelnummer": "A"}, True, id="one product, in German"),
    ],
)
def test_products_are_asked_for_where_the_webhook_may_have_some(more, is_told, mapping_of, spec):
    sample = {
        "id": 7,
        "email": "jane@example.com",
        "total": 5,
        "page": "https://x.example",
        "agent": "Mozilla",
    }
    mapping = mapping_of(
        "version: 1\naction_source: website\nevent_name: Purchase\nevent_id: order-{id}\n"
        "event_source_url: page\n"
        "user_data: {email: email, user_agent: agent}\ncustom_data: {value: total}\n"
        f"defaults: {{currency: EUR}}\n{WITH_SAMPLE}",
        {"samples/real.json": json.dumps({**sample, **more}).encode()},
    )
    assert ("recommended_parameters" in [finding.code for finding in lint(mapping, spec)]) == is_told


def test_a_webhook_that_carries_ids_only_matches_nobody(mapping_of, spec):
    mapping = mapping_of(
        f"{START}event_name: Lead\nuser_data: {{external_id: objectId}}\n{WITH_SAMPLE}",
        {"samples/real.json": b'[{"objectId": 123, "portalId": 9}]'},
    )
    assert "no_person_in_samples" in [finding.code for finding in lint(mapping, spec)]


@pytest.mark.parametrize(
    ("written", "settings", "is_told"),
    [
        pytest.param("2026-11-21 14:05", "{}", True, id="a time of no zone"),
        pytest.param("21.11.2026", "{}", True, id="a day"),
        pytest.param(46353.5, "{}", True, id="a day that spreadsheets count"),
        pytest.param("21/11/2026 14:05", "{date_format: DD/MM/YYYY HH:mm}", True, id="in a format"),
        pytest.param("2026-11-21 14:05", "{timezone: UTC}", False, id="the mapping names the zone"),
        pytest.param("2026-11-21T14:05:00+01:00", "{}", False, id="the time names it"),
        pytest.param("Sat, 21 Nov 2026 14:05:00 GMT", "{}", False, id="as in an e-mail"),
        pytest.param(1795269900, "{}", False, id="Unix seconds"),
        pytest.param("soon", "{}", False, id="no time at all"),
    ],
)
def test_a_time_that_would_be_another_one_elsewhere_is_told(written, settings, is_told, mapping_of, spec):
    sample = json.dumps({"id": 7, "email": "jane@example.com", "at": written}).encode()
    mapping = mapping_of(
        f"{LEAD}event_time: at\nsettings: {settings}\n{WITH_SAMPLE}", {"samples/real.json": sample}
    )
    expected = [("warning", "no_time_zone", 6, None)] if is_told else []
    assert told(lint(mapping, spec)) == expected


@pytest.mark.parametrize(
    ("content", "where"),
    [pytest.param(None, 6, id="not there"), pytest.param(b'{"id": 7,}', 6, id="broken JSON")],
)
def test_a_sample_that_cannot_be_read_is_told(content, where, mapping_of, spec):
    mapping = mapping_of(f"{LEAD}{WITH_SAMPLE}", {"samples/real.json": content} if content else {})
    [finding] = lint(mapping, spec)
    assert (finding.severity, finding.code, finding.position.line) == ("error", "bad_sample", where)


def test_findings_never_show_what_a_sample_holds(mapping_of, spec):
    sample = (
        b'{"id": 7, "email": "secret.person@example.com", "phone": "+4915112345678", "frist_name": "Geheim"}'
    )
    text = f"{LEAD}{WITH_SAMPLE}event_time: phone\nreferrer_url: first_name\n"
    shown = str(lint(mapping_of(text, {"samples/real.json": sample}), spec))
    assert not [word for word in ("secret.person", "15112345678", "Geheim") if word in shown]


@pytest.mark.parametrize(
    ("more", "codes"),
    [
        pytest.param("", ["no_sample"], id="neither sample nor test"),
        pytest.param(WITH_SAMPLE, [], id="a sample"),
        pytest.param("tests: [{name: one, given: {id: 1, email: j@x.de}, expect: []}]\n", [], id="a test"),
    ],
)
def test_names_that_nothing_was_compared_with_are_a_finding(more, codes, mapping_of, spec):
    file = mapping_of(f"{LEAD}{more}", {"samples/real.json": SAMPLE}).file
    assert [finding.code for finding in check_mapping(file, environment={}, spec=spec).findings] == codes


def test_a_key_with_outer_spaces_is_one_key(mapping_of, spec):
    sample = b'{" id": 7, "email ": "jane@example.com", "\\u00a0first_name\\n": "Jane"}'
    assert lint(mapping_of(f"{LEAD}{WITH_SAMPLE}", {"samples/real.json": sample}), spec) == ()
    misspelt = LEAD.replace("{email: email}", "{email: email, first_name: frist_name}")
    [slip] = lint(mapping_of(f"{misspelt}{WITH_SAMPLE}", {"samples/real.json": sample}), spec)
    assert slip.suggestion == "first_name"


def test_a_mapping_in_use_holds_nothing_of_its_file(tmp_path, spec):
    file = tmp_path / "lead.yaml"
    file.write_text(LEAD, "utf-8")
    options = {"environment": {}, "spec": spec}
    checked, active = check_mapping(file, **options).mapping, load_checked(file, **options)
    assert checked.node.entries
    assert not active.node.entries
    assert [line.position for line in active.lines] == [line.position for line in checked.lines]


def test_a_mapping_with_such_an_error_is_not_put_in_force(tmp_path, spec):
    file = tmp_path / "order.yaml"
    file.write_text(f"{START}event_name: Purchase\n{PERSON}", "utf-8")
    options = {"environment": {}, "spec": spec}
    assert check_mapping(file, **options).mapping is None
    with pytest.raises(Invalid) as refused:
        load_checked(file, **options)
    assert [finding.code for finding in refused.value.findings] == [
        "purchase_without_value", "purchase_without_currency", "no_sample",
    ]  # fmt: skip
