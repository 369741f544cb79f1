"""Values: every source and every option, alone and in the order of the table."""

from __future__ import annotations

from decimal import Decimal

import pytest

DATA = {
    "id": 820982911946154508,
    "email": "a@example.com",
    "second": "b@example.com",
    "again": "A@example.com ",
    "blank": " ",
    "name": "Jane van Doe",
    "tags": "red; green;; blue",
    "list": ["x", "", "y", "z"],
    "amount": "1.234,56",
    "cents": 123456,
    "currency": "EUR",
    "when": "05.11.2026 10:00",
    "day": "05.11.2026",
    "yes": "Oui",
    "flag": True,
    "items": [{"price": "10.50", "n": 2}, {"price": "4", "n": 1}, {"price": "free", "n": 1}],
    "people": {"one": 1, "two": 2},
    "price": Decimal("10.50"),
    "large": Decimal("1E+400"),
    "ratio": 0.5,
}


def found(drafts, value, data=DATA):
    (draft,) = drafts(f"custom_data:\n  properties:\n    found: {value}\n", data)
    return draft.fields.get("custom_data", {}).get("found")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("[blank, missing, email]", "a@example.com", id="the first that is not empty"),
        pytest.param("[missing, '{name}!']", "Jane van Doe!", id="a text in a list"),
        pytest.param("[missing, {text: none of them}]", "none of them", id="a plain text in a list"),
        pytest.param("'order-{id}'", "order-820982911946154508", id="a text keeps every digit"),
        pytest.param("'{price}/{ratio}/{flag}'", "10.50/0.5/true", id="numbers and truth in a text"),
        pytest.param("'{id}-{missing}'", None, id="a text with an empty field is empty"),
        pytest.param("'{items}'", None, id="a text with an object in it is empty"),
        pytest.param("'{list}'", "x, y, z", id="a text with a list joins its entries"),
        pytest.param("{text: crm}", "crm", id="a plain text"),
        pytest.param("{text: 'x {name}'}", "x Jane van Doe", id="a plain text with a field"),
        pytest.param("{from: email}", "a@example.com", id="from"),
        pytest.param("{from: [missing, second]}", "b@example.com", id="from a list"),
        pytest.param(
            "{from: {from: tags, split: ';', take: last}, split: l, take: last}", "ue", id="two cuts in a row"
        ),
        pytest.param("{from: {from: tags, split: ';'}, take: 2}", "green", id="a list of a block"),
        pytest.param(
            "{from: {from: {text: a-b.c}, split: '-', take: 2}, split: ., take: 1}", "b", id="three blocks"
        ),
        pytest.param("{from: {from: missing, split: ';'}, default: x}", "x", id="a block of nothing"),
        pytest.param(
            "{from: {from: missing, default: a b}, split: ' ', take: 2}", "b", id="a default to cut"
        ),
        pytest.param(
            "{all: [email, second, again, blank]}", ["a@example.com", "b@example.com"], id="all distinct"
        ),
        pytest.param("{all: [missing]}", None, id="all of nothing"),
        pytest.param("{sum: items.*.n}", Decimal(4), id="sum"),
        pytest.param("{sum: items.*.price}", Decimal("14.50"), id="sum leaves out what is no number"),
        pytest.param("{sum: missing}", None, id="sum of nothing"),
        pytest.param("{count: items}", 3, id="count"),
        pytest.param("{count: items.*.price}", 3, id="count of every entry"),
        pytest.param("{count: people}", 2, id="count of a numbered map"),
        pytest.param("{count: missing}", None, id="count of nothing"),
        pytest.param("{for_each: items, from: n}", [2, 1, 1], id="for_each with from"),
        pytest.param("{for_each: items, text: 'n{n}'}", ["n2", "n1", "n1"], id="for_each with text"),
        pytest.param("{from: yes, lookup: {' OUI ': ja}}", "ja", id="lookup without case and blanks"),
        pytest.param("{from: flag, lookup: {true: on}}", "on", id="lookup of true"),
        pytest.param("{from: name, lookup: {x: y}}", None, id="lookup without a row"),
        pytest.param("{from: name, lookup: {x: y}, otherwise: keep}", "Jane van Doe", id="otherwise keep"),
        pytest.param("{from: name, lookup: {x: y}, otherwise: other}", "other", id="otherwise a text"),
        pytest.param(
            "{from: name, lookup: {x: y}, otherwise: skip}", None, id="otherwise skip leaves the field out"
        ),
        pytest.param("{from: name, split: ' '}", ["Jane", "van", "Doe"], id="split"),
        pytest.param("{from: tags, split: ;}", ["red", "green", "blue"], id="split drops blanks"),
        pytest.param("{from: name, split: ' ', take: first}", "Jane", id="take first"),
        pytest.param("{from: name, split: ' ', take: last}", "Doe", id="take last"),
        pytest.param("{from: name, split: ' ', take: rest}", "van Doe", id="take rest"),
        pytest.param("{from: name, split: ' ', take: 2}", "van", id="take the second"),
        pytest.param("{from: name, split: ' ', take: 9}", None, id="take what is not there"),
        pytest.param("{from: list, take: last}", "z", id="take of a list"),
        pytest.param("{from: name, replace: {van: von, Doe: Roe}}", "Jane von Roe", id="replace"),
        pytest.param("{from: cents, minor_units: yes}", None, id="cents without a currency"),
        pytest.param("{from: cents, divide_by: 100}", Decimal("1234.56"), id="divide_by"),
        pytest.param(
            "{from: name, divide_by: 100}", "Jane van Doe", id="no number stays for the validation to refuse"
        ),
        pytest.param("{from: day, date_format: DD.MM.YYYY}", "2026-11-05", id="a date"),
        pytest.param(
            "{from: when, date_format: 'DD.MM.YYYY HH:mm', timezone: Europe/Berlin}",
            "2026-11-05T09:00:00+00:00",
            id="a time of a zone",
        ),
        pytest.param("{from: amount, number_format: '1.234,56'}", Decimal("1234.56"), id="a German number"),
        pytest.param("{from: yes, true_when: [oui, si]}", True, id="true_when"),
        pytest.param("{from: name, true_when: oui}", False, id="true_when alone: everything else is false"),
        pytest.param("{from: yes, false_when: oui}", False, id="false_when"),
        pytest.param(
            "{from: name, true_when: oui, false_when: non}", None, id="both: everything else is nothing"
        ),
        pytest.param("{from: list, join: ', '}", "x, y, z", id="join"),
        pytest.param("{from: list, limit: 2}", ["x", "y"], id="limit entries"),
        pytest.param("{from: name, limit: 4}", "Jane", id="limit letters"),
        pytest.param("{from: missing, default: none}", "none", id="default"),
        pytest.param("{default: constant}", "constant", id="a default alone"),
        pytest.param("{from: email, when: {flag: true}}", "a@example.com", id="when holds"),
        pytest.param("{from: email, when: {flag: false}, default: x}", None, id="when fails"),
        pytest.param(
            "{from: tags, split: ;, take: 2, lookup: {'red; green;; blue': 'a;b'}}",
            "b",
            id="options work in the order of the table, not of the line",
        ),
    ],
)
def test_a_value_is_what_its_source_and_options_say(drafts, value, expected):
    assert found(drafts, value) == expected


def test_all_reads_several_emails_and_counts_equal_ones_once(drafts):
    (draft,) = drafts("user_data:\n  email: {all: [email, again, people.*]}\n", DATA)
    assert draft.fields["user_data"] == {"em": ["a@example.com", 1, 2]}


def test_a_fingerprint_depends_on_every_part_and_on_where_parts_end(drafts):
    first = found(drafts, "{hash_of: [one, two]}", {"one": "ab", "two": "c"})
    second = found(drafts, "{hash_of: [one, two]}", {"one": "a", "two": "bc"})
    assert len(first) == len(second) == 32
    assert first != second
    assert found(drafts, "{hash_of: [one, two]}", {"one": "ab"}) is None


@pytest.mark.parametrize(
    ("currency", "expected"),
    [
        pytest.param("EUR", "1234.56", id="two digits"),
        pytest.param("JPY", "123456", id="none"),
        pytest.param("KWD", "123.456", id="three"),
        pytest.param("usd", "1234.56", id="lower case"),
    ],
)
def test_cents_become_money_by_the_currency_of_the_same_event(drafts, currency, expected):
    data = {"cents": 123456, "currency": currency, "items": [{"cents": 123456}]}
    (draft,) = drafts(
        "custom_data:\n"
        "  value: {from: cents, minor_units: yes}\n"
        "  currency: currency\n"
        "  contents: {for_each: items, id: {text: x}, item_price: {from: cents, minor_units: yes}}\n",
        data,
    )
    assert draft.fields["custom_data"] == {
        "value": Decimal(expected),
        "currency": currency,
        "contents": [{"id": "x", "item_price": Decimal(expected)}],
    }


@pytest.mark.parametrize(
    ("value", "head", "expected", "codes"),
    [
        ("{sum: prices}", "", None, ["number_ambiguous"]),
        ("{sum: [prices, clear]}", "", Decimal("3040.50"), []),
        ("{sum: prices}", "settings: {number_format: '1,234.56'}\n", Decimal("3.000"), []),
        ("{sum: dong}", "", 45000, []),
        ("{from: text, divide_by: 100}", "", None, ["number_ambiguous"]),
        ("{from: text, divide_by: 100}", "settings: {number_format: '1.234,56'}\n", Decimal(1500), []),
        ("{from: text, minor_units: yes}", "", Decimal(1500), []),
        ("{from: text, number_format: '1.234,56'}", "", 150000, []),
        ("{from: text}", "", "150.000", []),
    ],
)
def test_what_could_be_two_numbers_is_never_calculated_with(drafts, value, head, expected, codes):
    data = {
        "prices": ["1.500", "1.500"],
        "clear": "40,50",
        "dong": ["25.000 ₫", "20.000 ₫"],
        "text": "150.000",
    }
    (draft,) = drafts(f"{head}custom_data: {{value: {value}}}\ndefaults: {{currency: EUR}}\n", data)
    assert draft.fields["custom_data"].get("value") == expected
    assert [finding.code for finding in draft.findings] == codes


def test_cents_use_the_default_currency(drafts):
    (draft,) = drafts(
        "custom_data: {value: {from: cents, minor_units: yes}}\ndefaults: {currency: JPY}\n", {"cents": 500}
    )
    assert draft.fields["custom_data"] == {"value": Decimal(500), "currency": "JPY"}


@pytest.mark.parametrize(
    ("value", "code"),
    [
        pytest.param(
            "{from: cents, minor_units: yes}", "minor_units_without_currency", id="cents without currency"
        ),
        pytest.param(
            "{from: missing, required: yes}", "required_value_missing", id="a required value is empty"
        ),
        pytest.param(
            "{from: name, lookup: {x: y}, otherwise: error}", "no_lookup_row", id="no row, and error asked"
        ),
    ],
)
def test_a_value_can_hold_the_event(drafts, value, code):
    (draft,) = drafts(f"custom_data:\n  properties:\n    found: {value}\n", DATA)
    (finding,) = draft.findings
    assert (finding.severity, finding.code, finding.position.line) == ("error", code, 6)


@pytest.mark.parametrize(
    ("value", "code", "suggestion"),
    [
        pytest.param("{from: a, text: b}", "two_sources", None, id="two sources"),
        pytest.param("{take: first}", "no_source", None, id="no source"),
        pytest.param("{for_each: a}", "no_source", None, id="for_each alone"),
        pytest.param("{from: a, otherwise: b}", "option_alone", None, id="otherwise without lookup"),
        pytest.param("{from: a, lower: yes}", "cleaning_happens_by_itself", None, id="a cleaning word"),
        pytest.param("{from: a, sha256: yes}", "cleaning_happens_by_itself", None, id="a hash word"),
        pytest.param("{form: a}", "unknown_key", "from", id="a slip"),
        pytest.param("{from: a, take: frist}", "unknown_word", "first", id="a slip in an option's word"),
        pytest.param("{from: a, minor_units: yse}", "unknown_word", "yes", id="a slip of yes"),
        pytest.param("{from: a, limit: ten}", "no_number", None, id="a word for a number"),
        pytest.param("{from: a, divide_by: 0}", "no_number", None, id="divide by zero"),
        pytest.param("{from: a, date_format: heute}", "bad_date_format", None, id="no date format"),
        pytest.param("{from: a, lookup: [b]}", "wrong_shape", None, id="a list for a table"),
        pytest.param(
            "{from: a, lookup: {b: c, ' B': d}}", "duplicate_key", None, id="two rows that mean the same"
        ),
        pytest.param("{from:email}", "no_blank_after_colon", "from", id="no blank after the colon"),
        pytest.param("{entry_id}", "brace_in_text", None, id="an unquoted brace"),
        pytest.param("'{{entry_id}}'", "double_brace", None, id="double braces"),
        pytest.param("'{entry_id'", "brace_not_closed", None, id="an open brace"),
        pytest.param("'x{}'", "path_unfinished", None, id="empty braces"),
        pytest.param("[]", "empty_list", None, id="an empty list"),
        pytest.param("[[a], b]", "list_in_list", None, id="a list in a list"),
        pytest.param("", "no_value", None, id="nothing"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(problems, value, code, suggestion):
    codes = {(finding.code, finding.suggestion) for finding in problems(f"user_data:\n  em: {value}\n")}
    assert codes == {(code, suggestion)}


@pytest.mark.parametrize(
    ("rules", "given", "fields"),
    [
        pytest.param(
            "user_data: {email: [email, partner.email]}\n",
            {"email": False, "partner": {"email": "j@x.de"}},
            {"user_data": {"em": "j@x.de"}},
            id="in a list of fields",
        ),
        pytest.param("user_data: {phone: phone}\n", {"phone": False}, {}, id="alone"),
        pytest.param("event_source_url: {from: url}\n", {"url": False}, {}, id="in a block"),
        pytest.param("event_id: 'lead-{ref}'\n", {"ref": False}, {}, id="inside a text"),
        pytest.param("event_id: [ref, id]\n", {"ref": False, "id": 7}, {"event_id": 7}, id="an id"),
        pytest.param("opt_out: [a, b]\n", {"a": False, "b": True}, {"opt_out": False}, id="a truth value"),
        pytest.param(
            "custom_data: {status: done, properties: {vip: vip}}\n",
            {"done": False, "vip": False},
            {"custom_data": {"status": False, "vip": False}},
            id="a status and a property",
        ),
        pytest.param(
            "custom_data: {content_name: {from: vip, lookup: {'true': VIP, 'false': Guest}}}\n",
            {"vip": False},
            {"custom_data": {"content_name": "Guest"}},
            id="in a lookup",
        ),
    ],
)
def test_false_is_empty_where_a_field_cannot_be_false(drafts, rules, given, fields):
    (draft,) = drafts(rules, given)
    known = {"action_source", "event_name", "event_time"}
    assert {name: value for name, value in draft.fields.items() if name not in known} == fields


@pytest.mark.parametrize(
    ("currency", "total", "divided"),
    [
        ("VND", 170_000, 15_000),
        ("KWD", 170, 15),
        ("EUR", None, None),
        ("", None, None),
    ],
)
def test_the_currency_settles_what_a_sum_and_a_division_calculate_with(drafts, currency, total, divided):
    rules = (
        "custom_data:\n  currency: currency\n  value: {sum: lines.*.price}\n"
        "  predicted_ltv: {from: ltv, divide_by: 10}\n"
    )
    lines = [{"price": "150.000"}, {"price": "20.000"}]
    (draft,) = drafts(rules, {"currency": currency, "lines": lines, "ltv": "150.000"})
    custom = draft.fields.get("custom_data", {})
    assert (custom.get("value"), custom.get("predicted_ltv")) == (total, divided)
    assert [finding.code for finding in draft.findings] == ([] if total else ["number_ambiguous"] * 2)
