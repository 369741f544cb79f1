"""The completion of the editor, measured at every place of every mapping and after every slip."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from bridge.mapping.language.completion import completion_table
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.positioned_yaml import read_yaml
from tests.mapping.test_typo_sweep import (
    GRAMMAR,
    Word,
    every_word,
    slips,
    sources,
    with_slip,
    words_of,
)
from tests.node_packages import run_script

SCRIPT = Path(__file__).parents[2] / "node" / "completion" / "ask.mjs"
FIELDS = [
    {"path": path, "shown": "", "looks_like": None}
    for path in ("email", "customer.name", "lines.first.sku", "lines.1.sku", "orders.first.lines.first.price")
]
Ask = Callable[[Sequence[tuple[str, int]]], list[Any]]


@pytest.fixture(scope="module")
def ask() -> Ask:
    table = completion_table(load_meta_spec(), ["main", "agency"])

    def answers(questions: Sequence[tuple[str, int]]) -> list[Any]:
        asked = json.dumps({"table": table, "fields": FIELDS, "questions": questions})
        done = run_script(SCRIPT, standard_input=asked)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return answers


def asked_at(source: bytes, word: Word, typed: str) -> tuple[str, int]:
    """Return a file in which only this much of a word has been typed, and the position after it."""
    text = with_slip(source, word, typed).decode()
    lines = text.split("\n")
    line = word.scalar.position.line - 1
    before = sum(len(one) + 1 for one in lines[:line])
    return text, before + word.scalar.position.column - 1 + word.scalar.quoted + len(typed)


def missed(ask: Ask, asked: Sequence[tuple[str, Word, tuple[str, int]]]) -> list[str]:
    answers = ask([question for _, _, question in asked])
    return [
        f"{said}: {word.place}, {word.scalar.text}, offered {(answer or {}).get('labels')}"
        for (said, word, _), answer in zip(asked, answers, strict=True)
        if not answer or not word.means & set(answer["labels"])
    ]


def test_every_place_of_every_mapping_offers_its_word(ask):
    asked = []
    for name, source in sources().items():
        root, _ = read_yaml(source, name)
        for word in words_of(root, GRAMMAR["file"]):
            typed = word.scalar.text[:2]
            asked.append((f"{name}:{word.scalar.position.line}", word, asked_at(source, word, typed)))
    assert len(asked) > 2_000
    assert missed(ask, asked) == []


def test_after_every_slip_the_right_word_is_offered(ask):
    asked = [
        (slip, word, asked_at(source, word, slip))
        for _, source, word in every_word()
        for slip in slips(word.scalar.text)
        if slip not in word.legal
    ]
    wrong = missed(ask, asked)
    assert len(asked) > 1_000
    assert len(wrong) <= 0.01 * len(asked), wrong[:40]


PLACES = [
    pytest.param("us|", ["user_data"], id="the top of the file"),
    pytest.param("user_data:\n  em|", ["email", "em"], id="a field"),
    pytest.param("events:\n  - custom_data:\n      curr|", ["currency"], id="two levels inside a list entry"),
    pytest.param("events:\n- custom_data:\n    curr|", ["currency"], id="a list that is not indented"),
    pytest.param(
        "events:\n  - when: {x: 1}\n    custom_d|", ["custom_data"], id="beside the first key of an entry"
    ),
    pytest.param("events:\n  - when: {x: {more|", ["more_than"], id="a condition in braces"),
    pytest.param("events: [{user_data: {ema|", ["email"], id="brackets in braces"),
    pytest.param("events: [\n  {user_data: {\n    ema|", ["email"], id="brackets over several lines"),
    pytest.param("user_data:\n  phone: {from: a, spl|", ["split"], id="an option of a value"),
    pytest.param(
        "user_data:\n  phone:\n    - from: a\n      spl|", ["split"], id="an option of a value in a list"
    ),
    pytest.param("action_source: web|", ["website"], id="a word of a list"),
    pytest.param("send_to: [main, ag|", ["agency"], id="a destination"),
    pytest.param("event_name: Lea|", ["Lead"], id="the name of an event"),
    pytest.param("user_data:\n  email: em|", ["email"], id="a field of the webhook"),
    pytest.param("user_data:\n  email: [x, em|", ["email"], id="a field of the webhook in a list"),
    pytest.param("user_data:\n  email:\n    - em|", ["email"], id="a field of the webhook in an entry"),
    pytest.param("event_id: lead-{em|", ["email"], id="a field of the webhook in a text"),
    pytest.param("when:\n  em|", ["email"], id="a field of the webhook in a condition"),
    pytest.param("for_each: orders\nuser_data: {email: $.em|", ["$.email"], id="the webhook above a list"),
    pytest.param(
        "for_each: orders\ncustom_data:\n  contents:\n    for_each: lines\n    item_price: pri|",
        ["price"],
        id="a field of an entry of two lists",
    ),
    pytest.param("tests:\n  - name: a\n    expect:\n      - user_data.em|", ["user_data.email"], id="a test"),
    pytest.param("description: |\n  us|", None, id="inside a text"),
    pytest.param("description: |\n  us\nus|", ["user_data"], id="after a text"),
    pytest.param("# us|", None, id="inside a comment"),
    pytest.param("event_name: Lead  # us|", None, id="inside a comment behind a value"),
]


@pytest.mark.parametrize(("written", "first"), PLACES)
def test_what_is_offered_depends_on_the_place(ask, written, first):
    before, _, after = written.rpartition("|")
    [answer] = ask([(before + after, len(before))])
    offered = answer and answer["labels"][: len(first or ())]
    assert offered == first


@pytest.mark.parametrize(
    "written",
    [
        "user_data:\n  email: x\n  em|",
        "user_data:\n  em|\n  em: x",
        "user_data: {email: x, em|",
        "events:\n  - user_data:\n      em|\n      zip: z\n      em: x\n  - name: second",
    ],
)
def test_a_field_is_not_offered_twice_under_either_name(ask, written):
    before, _, after = written.partition("|")
    [answer] = ask([(before + after, len(before))])
    assert not {"email", "em"} & set(answer["labels"])
    assert answer["side"] == "key"


def test_a_mapping_of_5000_lines_is_completed_in_time(ask):
    lines = "".join(
        f"  - name: test {number}\n    given: {{email: a@example.com}}\n" for number in range(2_500)
    )
    text = f"version: 1\ntests:\n{lines}user_data:\n  ema"
    answers = ask([(text, len(text))] * 20)
    assert {answer["labels"][0] for answer in answers} == {"email"}
