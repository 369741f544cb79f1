"""No slip passes in silence: every word, with every single-character slip, is an error or another word."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bridge.errors import Invalid
from bridge.mapping import load_mapping
from bridge.mapping.language.grammar import EXPECTATIONS, grammar_of
from bridge.mapping.language.inline_tests import RECORDED_WORDS
from bridge.mapping.language.keys import BlockGrammar, Key
from bridge.mapping.language.visit_words import VISIT_FIELDS, VISIT_KEYS
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.positioned_yaml import Block, Listing, Node, Scalar, read_yaml

REPOSITORY = Path(__file__).parents[2]
GRAMMAR = grammar_of(load_meta_spec())
NEIGHBOURS = dict(zip("qwertyuiopasdfghjklzxcvbnm_", "wertyuioiosdfghjkjxcvbnbn-", strict=False))


def sources() -> dict[str, bytes]:
    """Return every mapping that ships, every fixture, and every mapping shown in the docs."""
    files = [
        *sorted((REPOSITORY / "tests/mapping/valid").glob("*.yaml")),
        *sorted((REPOSITORY / "mappings").glob("*.yaml")),
    ]
    found = {f"{file.parent.name}/{file.stem}": file.read_bytes() for file in files}
    for page in sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md")]):
        blocks = re.findall(r"^```yaml[^\n]*\n(.*?)^```", page.read_text(encoding="utf-8"), re.S | re.M)
        for number, block in enumerate(blocks, 1):
            if block.startswith(("version: 1", "# yaml-language-server")) and "action_source" in block:
                found[f"{page.stem}/{number}"] = block.encode()
    return found


@dataclass(frozen=True)
class Word:
    """One word of the language in a file: where it stands, and what else could stand there."""

    scalar: Scalar
    legal: frozenset[str]
    means: frozenset[str]
    place: str


def words_of(node: Node, block: BlockGrammar) -> Iterator[Word]:
    """Yield every key, field and option below a block."""
    if not isinstance(node, Block):
        return
    for key, below in node.entries:
        name = block.canonical(key.text)
        if name is None:
            continue
        rule = block.keys[name]
        yield Word(key, frozenset(block.names()), frozenset({name, rule.alias} - {""}), block.name)
        yield from words_below(below, rule)


def words_below(node: Node, rule: Key) -> Iterator[Word]:
    if rule.name == "version":
        return
    items = node.items if isinstance(node, Listing) else (node,)
    for item in items:
        if rule.kind in BLOCKS_BELOW:
            yield from words_of(item, GRAMMAR[BLOCKS_BELOW[rule.kind] or str(rule.of)])
        elif rule.kind == "steps":
            for _, below in item.entries:
                yield from words_of(below, GRAMMAR[str(rule.of)])
        elif rule.kind in INSIDE:
            yield from INSIDE[rule.kind](item)
        elif isinstance(item, Scalar) and item.text in (legal := options_of(rule)):
            yield Word(item, legal, frozenset({item.text}), f"option of {rule.name}")


BLOCKS_BELOW = {
    "block": "",
    "blocks": "",
    "test_code": "",
    "contents": "",
    "value": "value",
    "event_name": "value",
}
OPTIONS = {
    "yes_no": {"yes", "no", "true", "false", "on", "off"},
    "take": {"first", "last", "rest"},
    "otherwise": {"keep", "skip", "error"},
}


def options_of(rule: Key) -> frozenset[str]:
    return frozenset(OPTIONS.get(rule.kind, rule.choices))


def words_of_properties(node: Node) -> Iterator[Word]:
    for _, below in node.entries if isinstance(node, Block) else ():
        yield from words_of(below, GRAMMAR["value"])


def words_of_defaults(node: Node) -> Iterator[Word]:
    fields = known_fields()
    for key, _ in node.entries if isinstance(node, Block) else ():
        same = frozenset(name for name in fields if fields[name] == fields.get(key.text))
        yield Word(key, frozenset(fields), same | {key.text}, "defaults")


def words_of_condition(node: Node) -> Iterator[Word]:
    for key, below in node.entries if isinstance(node, Block) else ():
        if key.text == "any":
            for item in below.items:
                yield from words_of_condition(item)
        elif key.text == "not":
            yield from words_of_condition(below)
        else:
            yield from words_of(below, GRAMMAR["test_of_field"])


def words_expected(node: Node) -> Iterator[Word]:
    for key, _ in node.entries if isinstance(node, Block) else ():
        block, dot, name = key.text.partition(".")
        legal = frozenset(known_fields()) | {
            f"{b}.{n}" for b in ("user_data", "custom_data") for n in GRAMMAR[b].names()
        }
        if not dot and key.text in GRAMMAR["event"].keys:
            yield Word(key, legal | frozenset(GRAMMAR["event"].keys), frozenset({key.text}), "expect")
        elif block in {"user_data", "custom_data"} and (own := GRAMMAR[block].canonical(name)):
            same = {f"{block}.{n}" for n in GRAMMAR[block].names() if GRAMMAR[block].canonical(n) == own}
            yield Word(key, legal, frozenset(same), "expect")


def words_of_identifiers(node: Node) -> Iterator[Word]:
    legal = frozenset(name for name, key in GRAMMAR["erase"].keys.items() if key.kind == "value")
    for key, _ in node.entries if isinstance(node, Block) else ():
        yield Word(key, legal, frozenset({key.text}), "expect_erased")


def words_of_json(node: Node) -> Iterator[Word]:
    for key, below in node.entries if isinstance(node, Block) else ():
        if key.text == "for_each":
            yield Word(key, frozenset({"for_each"}), frozenset({"for_each"}), "json")
        yield from words_of_json(below)


def words_recorded(node: Node) -> Iterator[Word]:
    for _, below in node.entries if isinstance(node, Block) else ():
        if isinstance(below, Scalar):
            yield Word(below, frozenset(RECORDED_WORDS), frozenset({below.text}), "fetched")


def words_of_visit_keys(node: Node) -> Iterator[Word]:
    for key in (key for key, _ in node.entries) if isinstance(node, Block) else (node,):
        legal = frozenset(name for name, rule in VISIT_KEYS.items() if rule.field or isinstance(node, Block))
        yield Word(key, legal, frozenset({key.text}), "by")


def words_of_a_visit(node: Node) -> Iterator[Word]:
    for key, _ in node.entries if isinstance(node, Block) else ():
        yield Word(key, frozenset(VISIT_FIELDS), frozenset({key.text}), "visit of a test")


INSIDE = {
    "visit_keys": words_of_visit_keys,
    "recorded_visit": words_of_a_visit,
    "json_body": words_of_json,
    "recorded": words_recorded,
    "identifiers": words_of_identifiers,
    "properties": words_of_properties,
    "condition": words_of_condition,
    "conditions": words_of_condition,
    "expected": words_expected,
    "defaults": words_of_defaults,
}


def known_fields() -> dict[str, str]:
    own = {name: name for name, key in GRAMMAR["event"].keys.items() if key.kind == "value"}
    for block in ("user_data", "custom_data"):
        own |= {name: f"{block}.{GRAMMAR[block].canonical(name)}" for name in GRAMMAR[block].names()}
    return own


def slips(word: str) -> list[str]:
    """Return every way to mistype a word by one character: dropped, doubled, swapped, replaced."""
    made = []
    for at, letter in enumerate(word):
        made.append(word[:at] + word[at + 1 :])
        made.append(word[:at] + letter + word[at:])
        made.append(word[:at] + word[at : at + 2][::-1] + word[at + 2 :])
        made.append(word[:at] + NEIGHBOURS.get(letter, "x") + word[at + 1 :])
    return [
        slip
        for slip in dict.fromkeys(made)
        if slip.strip() and slip != word and not slip.startswith((".", "-"))
    ]


def with_slip(source: bytes, word: Word, slip: str) -> bytes:
    lines = source.decode().split("\n")
    line = lines[word.scalar.position.line - 1]
    at = word.scalar.position.column - 1 + word.scalar.quoted
    assert line[at : at + len(word.scalar.text)] == word.scalar.text
    lines[word.scalar.position.line - 1] = line[:at] + slip + line[at + len(word.scalar.text) :]
    return "\n".join(lines).encode()


def every_word() -> Iterator[tuple[str, bytes, Word]]:
    """Yield each word of the language once, in the smallest source that has it."""
    seen = set()
    for name, source in sorted(sources().items(), key=lambda entry: len(entry[1])):
        root, _ = read_yaml(source, name)
        for word in words_of(root, GRAMMAR["file"]):
            if (word.place, word.scalar.text) not in seen:
                seen.add((word.place, word.scalar.text))
                yield name, source, word


def suggestions_for(source: bytes) -> set[str | None] | None:
    """Return what is suggested for a file with a slip in it; None when it loads as if nothing were wrong."""
    file = Path("mappings/swept.yaml")
    try:
        load_mapping(file, environment={}, spec=load_meta_spec(), source=source, secrets="optional")
    except Invalid as invalid:
        return {finding.suggestion for finding in invalid.findings if finding.severity == "error"}
    return None


@pytest.mark.parametrize("part", range(4))
def test_no_slip_passes_in_silence_and_the_right_word_is_suggested(part):
    silent, missed, tried = [], {"long": [], "short": []}, Counter()
    for name, source, word in list(every_word())[part::4]:
        length = "long" if len(word.scalar.text) >= 4 else "short"
        for slip in slips(word.scalar.text):
            if (
                slip in word.legal
                or slip in EXPECTATIONS
                or (len(slip) < 3 and word.place == "option of otherwise")
            ):
                continue
            suggested = suggestions_for(with_slip(source, word, slip))
            tried[length] += 1
            if suggested is None:
                silent.append(f"{name}, {word.place}: {word.scalar.text} -> {slip}")
            elif not suggested & word.means:
                missed[length].append(
                    f"{word.place}: {word.scalar.text} -> {slip}, suggested {suggested - {None}}"
                )
    assert silent == []
    assert tried["long"] > 1_000
    assert tried["short"] > 15
    assert len(missed["long"]) <= 0.01 * tried["long"], missed["long"]
    assert len(missed["short"]) <= 0.15 * tried["short"], missed["short"]
