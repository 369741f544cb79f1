"""`when`: conditions as compiled tests that say which of them failed.

A missing field fails every test except `is_not`, `none_of`, `empty: yes` and `exists: no`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from operator import itemgetter
from typing import Any, Final

from bridge.coerce.dates import read_time
from bridge.coerce.numbers import read_number
from bridge.coerce.yes_no import SENT_FOR_NO, SENT_FOR_YES
from bridge.finding import Finding, Position
from bridge.mapping.compiler.context import Compiling
from bridge.mapping.language.node_types import PLAIN_KINDS, one_of, shown
from bridge.mapping.runtime.paths import CompiledPath
from bridge.mapping.runtime.scope import MISSING, Scope, text_of
from bridge.positioned_yaml import Block, Listing, Node, Scalar
from bridge.spelling import closest

# says nothing when the condition holds, else what failed
Condition = Callable[[Scope], str | None]
Test = Callable[[Any, Scope], bool]

MAX_TESTS: Final = 200


def compile_condition(compiling: Compiling, node: Node) -> Condition:
    """Return a condition; every line of it must hold."""
    if not isinstance(node, Block):
        compiling.loading.error(
            node,
            "wrong_shape",
            "when must be a block of conditions",
            "write field: value on the lines below when",
        )
        return _all_of(())
    if len(node.entries) > MAX_TESTS:
        compiling.loading.error(
            node, "too_many_conditions", f"a block may hold at most {MAX_TESTS} conditions"
        )
        return _all_of(())
    return _all_of(
        _webhook_first(compiling, [partial(_line, compiling, key, below) for key, below in node.entries])
    )


def _webhook_first(
    compiling: Compiling, compile_each: Sequence[Callable[[], Condition]]
) -> tuple[Condition, ...]:
    """Return conditions in their order, but those that read what is fetched last: the webhook may decide."""
    compiled = []
    for compile_one in compile_each:
        before = len(compiling.uses)
        condition = compile_one()
        compiled.append((any(use.answer for use in compiling.uses[before:]), condition))
    return tuple(condition for _, condition in sorted(compiled, key=itemgetter(0)))


def _all_of(conditions: tuple[Condition, ...]) -> Condition:
    if len(conditions) == 1:
        return conditions[0]

    def failing(scope: Scope) -> str | None:
        for condition in conditions:
            failed = condition(scope)
            if failed is not None:
                return failed
        return None

    return failing


def _line(compiling: Compiling, key: Scalar, node: Node) -> Condition:
    if key.text == "any":
        return _any_of(compiling, key, node)
    if key.text == "not":
        return _not(compile_condition(compiling, node))
    meant = _mistyped_word(compiling, key, node)
    if meant:
        message = f"{shown(key.text)} cannot be read as a field here: the block below it is not a condition"
        compiling.loading.error(key, "unknown_key", message, f"write {meant}", meant)
        return _all_of(())
    compiled = compiling.path(key, key.text)
    tests = _tests(compiling, key, node)
    if compiled is None:
        return _all_of(())
    return _all_of(tuple(FieldTest(key.text, says, compiled, test) for says, test in tests))


def _mistyped_word(compiling: Compiling, key: Scalar, node: Node) -> str | None:
    """Return `any` or `not` when a misspelling of it has a value that only they can have."""
    operators = compiling.loading.grammar["test_of_field"].keys
    if isinstance(node, Listing) and node.items and all(isinstance(item, Block) for item in node.items):
        return closest(key.text, ("any",)) or "any"
    if isinstance(node, Block) and not any(name.text in operators for name, _ in node.entries):
        return closest(key.text, ("not", "any"))
    return None


def _any_of(compiling: Compiling, key: Scalar, node: Node) -> Condition:
    if not isinstance(node, Listing) or not node.items:
        compiling.loading.error(
            node, "wrong_shape", "any must be a list of blocks", "start each block with a dash (-)"
        )
        return _all_of(())
    conditions = _webhook_first(
        compiling, [partial(compile_condition, compiling, item) for item in node.items]
    )

    def failing(scope: Scope) -> str | None:
        failures = []
        for condition in conditions:
            failed = condition(scope)
            if failed is None:
                return None
            failures.append(failed)
        return "none of these holds: " + "; ".join(failures)

    return failing


def _not(condition: Condition) -> Condition:
    def failing(scope: Scope) -> str | None:
        return "the condition under not holds" if condition(scope) is None else None

    return failing


class FieldTest:
    """One test of one field, as a condition."""

    __slots__ = ("compiled", "expects", "locate", "path", "sentence", "test")

    def __init__(self, path: str, says: tuple[str, str], compiled: CompiledPath, test: Test) -> None:
        self.path: Final = path
        self.expects: Final = says[0]
        self.sentence: Final = f"{path} {says[1]}"
        self.compiled: Final = compiled
        self.locate: Final = compiled.locate
        self.test: Final = test

    def __call__(self, scope: Scope) -> str | None:
        """Say nothing when the test holds, else what failed."""
        holds = self.test(self.locate.read(scope), scope)
        if scope.trace is not None:
            scope.trace.conditions.append({"path": self.path, "condition": self.expects, "holds": holds})
        return None if holds else self.sentence


# --- the tests of one field ------------------------------------------------------------------------


def _tests(compiling: Compiling, key: Scalar, node: Node) -> list[tuple[tuple[str, str], Test]]:
    """Return the tests of one line, each with what to say when it fails."""
    loading = compiling.loading
    if isinstance(node, Scalar) and node.null:
        loading.error(key, "no_value", f"{key.text} has no value", "write the expected value, or exists: yes")
        return []
    if isinstance(node, Block):
        entries = loading.block(node, "test_of_field", f"the condition on {shown(key.text)}")
        if not node.entries:
            loading.error(node, "no_value", f"{key.text} has no test", "write the expected value")
        return [
            (_says(name, entry.value), _MAKE[name](compiling, entry.value, entry.position))
            for name, entry in entries.items()
            if entry.value is not None
        ]
    rule = loading.grammar["test_of_field"].keys["one_of"]
    words = loading.plain(PLAIN_KINDS["texts"], rule, node, key.text)
    return [(_says("one_of", words), Words(words))] if words else []


# test -> what must be, and what to say when it is not
_SAYS: Final[dict[str, tuple[str, str]]] = {
    "is": ("is {}", "is not {}"),
    "one_of": ("is {}", "is not {}"),
    "is_not": ("is not {}", "is {}"),
    "none_of": ("is not {}", "is {}"),
    "contains": ("contains {}", "does not contain {}"),
    "starts_with": ("starts with {}", "does not start with {}"),
    "ends_with": ("ends with {}", "does not end with {}"),
    "more_than": ("is more than {}", "is not more than {}"),
    "at_least": ("is at least {}", "is not at least {}"),
    "less_than": ("is less than {}", "is not less than {}"),
    "at_most": ("is at most {}", "is not at most {}"),
    "before": ("is before {}", "is not before {}"),
    "after": ("is after {}", "is not after {}"),
}
_SAYS_OF_FLAG: Final[dict[str, tuple[str, str]]] = {
    "exists": ("is there", "is not there"),
    "empty": ("is empty", "is not empty"),
    "is_true": ("means true", "does not mean true"),
    "is_false": ("means false", "does not mean false"),
}


def _says(name: str, value: Any) -> tuple[str, str]:
    """Return the sentence of a test and of its failure, as the author wrote it."""
    if name in _SAYS_OF_FLAG:
        expects, fails = _SAYS_OF_FLAG[name]
        return (expects, fails) if value else (fails, expects)
    expects, fails = _SAYS[name]
    shown = one_of(value[:5]) if isinstance(value, tuple) else str(value)
    return expects.format(shown), fails.format(shown)


def folded(value: Any) -> str | None:
    """Return a plain value as it is compared: without case and surrounding whitespace."""
    text = text_of(value)
    return None if text is None else text.strip().casefold()


class Words:
    """The words that a plain value may equal; also a test, for which one equal entry of a list is enough.

    Numbers are equal when they count the same (`1` and `1.00`); true equals `true` and `yes`.
    """

    __slots__ = ("numbers", "wanted")

    def __init__(self, words: tuple[str, ...]) -> None:
        self.wanted: Final = frozenset(word.strip().casefold() for word in words)
        self.numbers: Final = frozenset(
            number for word in words if (number := read_number(word, "1234.56")) is not None
        )

    def matches(self, value: Any) -> bool:
        """Return whether a plain value equals one of the words."""
        wanted = self.wanted
        if type(value) is str:
            return value in wanted or value.strip().casefold() in wanted
        if value is True:
            return "true" in wanted or "yes" in wanted
        if value is False:
            return "false" in wanted or "no" in wanted
        if isinstance(value, int | float | Decimal):
            return value in self.numbers or folded(value) in wanted
        return False

    def __call__(self, value: Any, scope: Scope) -> bool:
        """Return whether a value, or an entry of a list, equals one of the words."""
        return any(map(self.matches, value)) if type(value) is list else self.matches(value)


def matcher(words: tuple[str, ...]) -> Callable[[Any], bool]:
    """Return a test whether a plain value equals one of the words."""
    return Words(words).matches


def _texts_of(value: Any) -> list[str]:
    entries = value if isinstance(value, list) else [value]
    return [text for entry in entries if (text := folded(entry)) is not None]


def _some_text(words: tuple[str, ...], compare: Callable[[str, str], bool]) -> Test:
    wanted = [word.strip().casefold() for word in words]
    return lambda value, scope: any(compare(text, word) for text in _texts_of(value) for word in wanted)


def _contains(text: str, word: str) -> bool:
    return word in text


def _numeric(
    compiling: Compiling, bound: Decimal, position: Position, compare: Callable[[Decimal, Decimal], bool]
) -> Test:
    example = compiling.settings.number_format
    warning = Finding(
        "warning",
        "number_test_on_text",
        "a condition that compares numbers does not hold: the value is not a number, or can be read as two",
        "compare another field, or set number_format under settings",
        position=position,
    )

    def test(value: Any, scope: Scope) -> bool:
        if value is MISSING or compiling.empty.is_empty(value):
            return False
        number = read_number(value, example)
        if number is None:
            scope.findings.append(warning)
            return False
        return compare(number, bound)

    return test


def _timed(compiling: Compiling, written: str, compare: Callable[[int, int], bool]) -> Test:
    settings = compiling.settings
    bound = read_time(written, settings.date_format, settings.timezone) or 0

    def test(value: Any, scope: Scope) -> bool:
        seconds = None if value is MISSING else read_time(value, settings.date_format, settings.timezone)
        return seconds is not None and compare(seconds, bound)

    return test


def _there(*, wanted: bool) -> Test:
    return lambda value, scope: (value is not MISSING and value is not None) is wanted


def _blank(compiling: Compiling, *, wanted: bool) -> Test:
    is_empty = compiling.empty.is_empty
    return lambda value, scope: (value is MISSING or is_empty(value)) is wanted


def _means(words: frozenset[str], *, wanted: bool) -> Test:
    def test(value: Any, scope: Scope) -> bool:
        text = folded(value)
        return text is not None and text != "" and (text in words) is wanted

    return test


def _refuses(test: Test) -> Test:
    return lambda value, scope: not test(value, scope)


Maker = Callable[[Compiling, Any, Position], Test]

_MAKE: Final[dict[str, Maker]] = {
    "is": lambda c, word, at: Words((word,)),
    "one_of": lambda c, words, at: Words(words),
    "is_not": lambda c, word, at: _refuses(Words((word,))),
    "none_of": lambda c, words, at: _refuses(Words(words)),
    "contains": lambda c, words, at: _some_text(words, _contains),
    "starts_with": lambda c, words, at: _some_text(words, str.startswith),
    "ends_with": lambda c, words, at: _some_text(words, str.endswith),
    "more_than": lambda c, bound, at: _numeric(c, bound, at, Decimal.__gt__),
    "at_least": lambda c, bound, at: _numeric(c, bound, at, Decimal.__ge__),
    "less_than": lambda c, bound, at: _numeric(c, bound, at, Decimal.__lt__),
    "at_most": lambda c, bound, at: _numeric(c, bound, at, Decimal.__le__),
    "exists": lambda c, wanted, at: _there(wanted=wanted),
    "empty": lambda c, wanted, at: _blank(c, wanted=wanted),
    "is_true": lambda c, wanted, at: _means(SENT_FOR_YES, wanted=wanted),
    "is_false": lambda c, wanted, at: _means(SENT_FOR_NO, wanted=wanted),
    "before": lambda c, written, at: _timed(c, written, int.__lt__),
    "after": lambda c, written, at: _timed(c, written, int.__gt__),
}
