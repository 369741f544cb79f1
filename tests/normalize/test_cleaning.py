"""Cleaning of single values: the examples of the rule file, and every reason for leaving a value out."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bridge.meta_spec.rule_files import load_meta_spec
from bridge.models import Draft, ReadingSettings
from bridge.normalize import normalize, normalize_value
from bridge.normalize.context import CleaningContext, ValueDropped
from bridge.normalize.field import cleaners
from bridge.normalize.full_name import split_name
from bridge.normalize.text import LONGEST, email, text_of

NOW = datetime(2026, 11, 21, tzinfo=UTC)
SPEC = load_meta_spec()
EXAMPLES = [(rule.name, *example) for rule in SPEC.user_data.values() for example in rule.examples]


def cleaned(field, value, country=None):
    return normalize_value(field, value, country, now=NOW).normalized


def sent(user_data, **settings):
    draft = Draft("d", {"event_time": 1, "user_data": user_data}, ReadingSettings(**settings), (), {})
    event, findings = normalize(draft, SPEC, NOW)
    return event["user_data"], [(finding.code, finding.path) for finding in findings]


@pytest.mark.parametrize(("field", "given", "expected", "country"), EXAMPLES)
def test_the_examples_of_the_rule_file_are_true(field, given, expected, country):
    assert cleaned(field, given, country) == expected


def reason(field, value, country=None):
    known = CleaningContext(country, None, None, NOW.date())
    try:
        cleaners(SPEC)[field].clean(value, known)
    except ValueDropped as dropped:
        return dropped.code
    return None


# Every reason: a value that gives it, and a neighbour that does not.
REASONS = [
    ("empty_value", "em", "  ", "a@b.de"),
    ("empty_value", "client_ip_address", None, "203.0.113.7"),
    ("placeholder", "fn", "N/A", "Nancy"),
    ("placeholder", "em", "{{1.email}}", "a@b.de"),
    ("placeholder", "fn", "[object Object]", "Object"),
    ("placeholder", "external_id", "undefined", "undefinedly"),
    ("placeholder_hash", "em", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "a" * 64),
    ("md5_hash", "em", "d" * 32, "d" * 64),
    ("server_user_agent", "client_user_agent", "axios/1.7.2", "Mozilla/5.0 (X11; Linux x86_64)"),
    ("sha1_hash", "em", "d" * 40, "d" * 64),
    ("base64_hash", "em", "jIezic41zy4vOfgOKCyy6ASTKlaiE5g+7rQmhA1DtSs=", "d" * 64),
    ("not_text", "em", True, "a@b.de"),
    ("not_text", "em", {"email": "a@b.de"}, "a@b.de"),
    ("not_text", "zp", float("nan"), 1067.0),
    ("broken_text", "fn", "J\ud800ane", "Jäne"),
    ("too_long", "fn", "a" * 400, "a" * 300),
    ("digits_lost", "lead_id", 1.2345678901234567e16, 1234567890123456),
    ("digits_lost", "page_id", "1.5E+15", "1500000000000000"),
    ("email_malformed", "em", "jane@example", "jane@example.de"),
    ("email_malformed", "em", "a@b.de, c@d.de", "Jane <a@b.de>"),
    ("phone_without_country", "ph", "0151 23456789", "+49 151 23456789"),
    ("phone_malformed", "ph", "12345", "+1 650 555 1212"),
    ("phone_malformed", "ph", "+0000000000", "+4930123456"),
    ("phone_one_digit", "ph", "+11111111111", "+16505551212"),
    ("phone_malformed", "ph", "1234567890123456", "+16505551212"),
    ("phone_letters", "ph", "1-800-FLOWERS", "+1 800 3569377"),
    ("name_is_address", "fn", "jane@example.com", "Jane"),
    ("name_without_letters", "ct", "12345", "Paris 12"),
    ("name_without_letters", "fn", "—", "J"),
    ("gender_unknown", "ge", "divers", "Mr."),
    ("birth_date_unreadable", "db", "1997-02-30", "1997-02-28"),
    ("birth_date_unreadable", "db", "yesterday", "3 May 1995"),
    ("birth_date_ambiguous", "db", "03/04/1997", "03/03/1997"),
    ("birth_date_range", "db", "1899-12-31", "1900-01-01"),
    ("birth_date_range", "db", "2026-11-22", "2026-11-21"),
    ("postal_code_malformed", "zp", "x", "x1"),
    ("country_unknown", "country", "Atlantis", "Österreich"),
    ("identifier_malformed", "external_id", "a\x00b", "a b"),
    ("identifier_malformed", "external_id", "a" * 257, "a" * 256),
    ("identifier_malformed", "client_user_agent", "Mozilla\x00", "Mozilla"),
    ("identifier_personal", "subscription_id", "jane@x.de", "jane-7"),
    ("identifier_personal", "anon_id", "+49 151 2345678", "491512345678"),
    ("ip_malformed", "client_ip_address", "300.1.1.1", "200.1.1.1"),
    ("ip_private", "client_ip_address", "192.168.1.1", "192.169.1.1"),
    ("ip_private", "client_ip_address", "172.31.0.1", "172.32.0.1"),
    ("ip_private", "client_ip_address", "fe80::1%eth0", "2a00:1450::1"),
    ("ip_private", "client_ip_address", "::ffff:10.0.0.1", "::ffff:203.0.113.7"),
    ("browser_id_malformed", "fbc", "IwAR2F4", "fb.1.1554763741205.IwAR2F4"),
    ("browser_id_malformed", "fbp", "fb.1.x.1", "fb.1.1596403881668.1116446470"),
    ("digits_malformed", "page_id", "page-7", "7"),
    ("lead_id_malformed", "lead_id", "12345678901234", "123456789012345"),
    (
        "advertising_id_malformed",
        "madid",
        "0" * 8 + "-0000-0000-0000-" + "0" * 12,
        "38400000-8cf0-11bd-b23e-10b96e40000d",
    ),
]


@pytest.mark.parametrize(("code", "field", "wrong", "right"), REASONS)
def test_a_value_is_left_out_for_this_reason_and_its_neighbour_is_not(code, field, wrong, right):
    assert reason(field, wrong) == code
    assert reason(field, right) is None


def test_every_reason_of_the_rule_file_is_shown_above_or_with_click_ids_and_phones():
    codes = {code for code, rule in SPEC.rules.items() if rule.area == "value"}
    assert codes - {row[0] for row in REASONS} == {"click_id_malformed", "phone_not_in_country"}


@pytest.mark.parametrize(
    ("given", "country", "expected"),
    [
        pytest.param("0151 2345678", "DE", "491512345678", id="a trunk zero in Germany"),
        pytest.param("06 1234 5678", "IT", "390612345678", id="a zero that belongs to the number in Italy"),
        pytest.param("(650) 555-1212", "US", "16505551212", id="ten digits in the US"),
        pytest.param("16505551212", "DE", "16505551212", id="an international number without plus"),
        pytest.param("4915123456789", "DE", "4915123456789", id="country code without plus"),
        pytest.param("011 44 20 7946 0958", "US", "442079460958", id="the US prefix for abroad"),
        pytest.param("0044 20 7946 0958", "DE", "442079460958", id="00 for abroad"),
        pytest.param("+44 07911 123456", "DE", "447911123456", id="a trunk zero behind the country code"),
        pytest.param("+1 650 555 1212", "DE", "16505551212", id="the phone itself wins"),
        pytest.param("+49 (151) 234-567/89", None, "4915123456789", id="brackets, dash and slash"),
        pytest.param("tel:+4915123456789", None, "4915123456789", id="a tel link"),
        pytest.param("+16505551212x99", None, "16505551212", id="an extension"),
        pytest.param("+16505551212;ext=99", None, "16505551212", id="an extension of RFC 3966"),
        pytest.param("＋４９ １５１ ２３４５６７８９", None, "4915123456789", id="full-width signs"),
        pytest.param("٠٠٤٩٣٠١٢٣٤٥٦٧٨", None, "493012345678", id="Arabic digits"),
        pytest.param(4915123456789, None, "4915123456789", id="a number"),
    ],
)
def test_phone_numbers_become_digits_with_their_country(given, country, expected):
    assert cleaned("ph", given, country) == expected


def test_the_phone_country_of_the_mapping_goes_before_the_persons_country():
    people = {"ph": "0664 1234567", "country": "de"}
    with_setting, _ = sent(people, phone_country="AT")
    assert with_setting["ph"] == [normalize_value("ph", "+43 664 1234567").sent]
    without, _ = sent(people)
    assert without["ph"] == [normalize_value("ph", "+49 664 1234567").sent]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("de", "de"),
        (" DE ", "de"),
        ("deu", "de"),
        ("Germany", "de"),
        ("Allemagne", "de"),
        ("Niemcy", "de"),
        ("Германия", "de"),
        ("Great Britain", "gb"),
        ("U.K.", "gb"),
        ("U S ", "us"),
        ("Korea (South)", "kr"),
        ("Korea, Republic of", "kr"),
        ("Côte d'Ivoire", "ci"),
        ("Türkiye", "tr"),
        ("The Netherlands", "nl"),
        ("NO", "no"),
        ("XX", None),
        ("E", None),
    ],
)
def test_countries_are_known_by_code_alias_and_name(given, expected):
    assert cleaned("country", given) == expected


@pytest.mark.parametrize(
    ("given", "country", "expected"),
    [
        ("New York", "US", "ny"),
        ("ny", "US", "ny"),
        ("Puerto Rico", "US", "pr"),
        ("Ontario", "CA", "on"),
        ("CA-ON", None, "on"),
        ("Nova Scotia", None, "ns"),
        ("California", "MX", "california"),
        ("Baden-Württemberg", "DE", "badenwürttemberg"),
        ("DE-BW", "DE", "bw"),
        ("Île-de-France", "FR", "îledefrance"),
    ],
)
def test_states_are_two_letters_in_north_america_and_whole_elsewhere(given, country, expected):
    assert cleaned("st", given, country) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param("203.0.113.7, 10.0.0.1", "203.0.113.7", id="a chain, visitor first"),
        pytest.param("unknown, 203.0.113.7", "203.0.113.7", id="a chain with an unknown hop"),
        pytest.param("203.0.113.7.AQICAQEC", "203.0.113.7.AQICAQEC", id="a token of the parameter builder"),
        pytest.param("2001:DB8:0:0::7", "2001:db8::7", id="IPv6 in short form"),
        pytest.param('"[2001:db8::7]:80"', "2001:db8::7", id="a Forwarded header's quotes"),
        pytest.param("100.64.0.1", None, id="shared address space"),
        pytest.param("127.0.0.1", None, id="loopback"),
        pytest.param("::1", None, id="IPv6 loopback"),
        pytest.param("1.2.3", None, id="three parts"),
        pytest.param("01.02.03.04", None, id="leading zeros"),
    ],
)
def test_addresses_are_one_public_address(given, expected):
    assert cleaned("client_ip_address", given) == expected


@pytest.mark.parametrize(
    ("given", "order", "first", "last"),
    [
        ("Jane Doe", None, "Jane", "Doe"),
        ("Jane van Doe", None, "Jane", "van Doe"),
        ("Ludwig van Beethoven", None, "Ludwig", "van Beethoven"),
        ("Maria de la Cruz", None, "Maria", "de la Cruz"),
        ("Mary Ann Smith", None, "Mary Ann", "Smith"),
        ("Jane Q. Doe", None, "Jane", "Doe"),
        ("Doe, Jane", None, "Jane", "Doe"),
        ("John Doe, Jr.", None, "John", "Doe"),
        ("Dr. John Doe PhD", None, "John", "Doe"),
        ("Herr Dr. Max Mustermann", None, "Max", "Mustermann"),
        ("Doe Jane", "last_first", "Jane", "Doe"),
        ("Cher", None, "Cher", ""),
        ("Ma Li", None, "Ma", "Li"),
        ("", None, "", ""),
    ],
)
def test_a_full_name_is_split_at_the_particle_or_the_last_word(given, order, first, last):
    assert split_name(given, SPEC, order) == (first, last)


def test_a_full_name_fills_only_what_is_missing():
    people, findings = sent({"full_name": "Jane van Doe", "fn": "Janet"})
    assert people == {
        "fn": [normalize_value("fn", "Janet").sent],
        "ln": [normalize_value("ln", "van Doe").sent],
    }
    assert findings == []


def test_several_values_are_sent_once_each_in_their_order():
    people, findings = sent({"em": ["b@x.de", "a@x.de", "B@x.de ", "", None, "nonsense"]})
    assert people == {"em": [normalize_value("em", "b@x.de").sent, normalize_value("em", "a@x.de").sent]}
    assert findings == [("email_malformed", "$.user_data.em")]


def test_more_than_ten_values_are_cut_with_a_finding():
    people, findings = sent({"em": [f"a{number}@x.de" for number in range(11)]})
    assert len(people["em"]) == 10
    assert findings == [("too_many_values", "$.user_data.em")]


def test_long_names_and_metas_names_mean_the_same():
    assert sent({"email": "a@b.de"}) == sent({"em": "a@b.de"})


def test_an_unknown_key_is_left_out_with_a_warning():
    assert sent({"emial": "a@b.de"}) == ({}, [("unknown_key_left_out", "$.user_data.emial")])


def test_external_ids_are_hashed_unless_the_mapping_says_no():
    assert sent({"external_id": 7}, hash_external_id=False)[0] == {"external_id": ["7"]}
    raw = sent({"external_id": ["jane@x.de"]}, hash_external_id=False)
    assert raw == ({}, [("identifier_personal", "$.user_data.external_id")])
    assert sent({"external_id": 7})[0] == {"external_id": [normalize_value("external_id", "7").sent]}


def test_ids_keep_every_digit():
    people, _ = sent(
        {"lead_id": "12345678901234567", "fb_login_id": 10158123456789012, "page_id": 102030405060708}
    )
    assert people == {
        "lead_id": 12345678901234567,
        "fb_login_id": 10158123456789012,
        "page_id": "102030405060708",
    }


@pytest.mark.parametrize(
    ("fields", "fbc", "codes"),
    [
        pytest.param(
            {"user_data": {"fbclid": "IwAR2x"}}, "fb.1.1795219200000.IwAR2x", [], id="from a click id"
        ),
        pytest.param(
            {"user_data": {"fbclid": "https://x.de/?a=1&fbclid=IwAR2x"}},
            "fb.1.1795219200000.IwAR2x",
            [],
            id="from an address given as click id",
        ),
        pytest.param(
            {"user_data": {"fbclid": "fbclid=IwAR2x&a=1"}},
            "fb.1.1795219200000.IwAR2x",
            [],
            id="from a query given as click id",
        ),
        pytest.param(
            {"user_data": {}, "event_source_url": "https://x.de/?fbclid=IwAR2x&b=1"},
            "fb.1.1795219200000.IwAR2x",
            [],
            id="from the page's address",
        ),
        pytest.param(
            {"user_data": {"fbc": "fb.1.1554763741205.Abc", "fbclid": "IwAR2x"}},
            "fb.1.1554763741205.Abc",
            [],
            id="the cookie goes first",
        ),
        pytest.param(
            {"user_data": {"fbclid": "not a click id"}}, None, ["click_id_malformed"], id="no click id"
        ),
        pytest.param({"user_data": {"fbclid": "null"}}, None, ["placeholder"], id="a placeholder"),
    ],
)
def test_fbc_is_built_from_a_click_id_when_there_is_no_cookie(fields, fbc, codes):
    draft = Draft("d", {"event_time": 1795219200, **fields}, ReadingSettings(), (), {})
    event, findings = normalize(draft, SPEC, NOW)
    assert event["user_data"].get("fbc") == fbc
    assert [finding.code for finding in findings] == codes


@pytest.mark.parametrize(
    ("number", "text"),
    [
        pytest.param(2**255 - 1, str(2**255 - 1), id="a whole number of 255 bits"),
        pytest.param(2**255, None, id="a whole number of 256 bits"),
        pytest.param(Decimal("1" + "0" * 64), "1" + "0" * 64, id="64 zeros"),
        pytest.param(Decimal("1" + "0" * 65), None, id="65 zeros"),
        pytest.param(Decimal("1E-64"), "0." + "0" * 63 + "1", id="64 places"),
        pytest.param(Decimal("1E-65"), None, id="65 places"),
    ],
)
def test_a_number_is_a_text_with_all_its_digits_up_to_a_sane_size(number, text):
    assert cleaned("external_id", number) == (text and cleaned("external_id", text))


@pytest.mark.parametrize(("length", "kept"), [(LONGEST, True), (LONGEST + 1, False)])
def test_a_text_is_read_up_to_its_greatest_length(length, kept):
    padded = "jane@example.com".ljust(length)
    assert (text_or_none(padded) == "jane@example.com") is kept


def text_or_none(value):
    try:
        return text_of(value)
    except ValueDropped:
        return None


@pytest.mark.parametrize("start", ["<", "mailto:", "Jane <mailto:", "jane@example.com"])
@pytest.mark.parametrize("end", ["<", "x>", "(x"])
def test_a_text_of_spaces_is_no_e_mail_address_and_costs_little(start, end):
    """Trying every way to share out the spaces took hours for one text."""
    with pytest.raises(ValueDropped):
        email(f"{start}{' ' * 50_000}{end}", CleaningContext(None, None, None, NOW.date()))


def test_a_full_name_that_is_no_text_is_left_out_with_a_finding():
    assert sent({"full_name": {"first": "Ann"}}) == ({}, [("not_text", "$.user_data.full_name")])


@pytest.mark.parametrize("name", ["N/A", "undefined", "{{name}}", ["none"]])
def test_a_full_name_that_is_none_is_reported_under_the_name_that_was_mapped(name):
    assert sent({"full_name": name}) == ({}, [("placeholder", "$.user_data.full_name")])
