"""docs/answers.md: what Meta's answers mean, and what the bridge and you do about them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bridge.docgen.markdown import code, table
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.meta_spec.spec import ResponseMeaning

_INTRODUCTION = """# What Meta's answers mean

<!-- made by `make docs` from schemas/meta/answers.yaml; do not edit by hand -->

Meta answers every request with a success or with an error that has a number, the *code*, and
sometimes a second one, the *subcode*. The bridge goes by these numbers only: the texts come in many
languages.

| what the bridge does | what that means |
| --- | --- |
| delivered | the events are at Meta |
| retry | the same events are sent again later, until they would be too old |
| pause | nothing of this destination can pass until somebody fixes it; events wait, and a person is alerted |
| split | one event of the request is bad: the request is halved until the bad event is alone |
| refuse | this event will never pass; it is kept, with the reason |
"""
_HEADS = ("code", "subcode", "what it means", "the bridge", "who acts", "next step")


def page() -> str:
    """Return the whole page."""
    answers = load_meta_spec().responses
    situations = table(
        ("situation", "the bridge", "who acts", "next step"),
        ((a.meaning, _action(a), a.who, a.next_step) for a in answers.situations.values()),
    )
    return "\n".join(
        [_INTRODUCTION, "## Without a known code\n", situations, "## By code\n", table(_HEADS, _codes())]
    )


def _codes() -> Iterator[tuple[str, ...]]:
    answers = load_meta_spec().responses
    for number, answer in answers.codes.items():
        yield _row(code(str(number)), "", answer)
        subcodes = ((sub, found) for (of, sub), found in answers.subcodes.items() if of == number)
        yield from _of(number, subcodes)
    for first, last, answer in answers.ranges:
        yield _row(f"{code(str(first))} to {code(str(last))}", "", answer)


def _of(number: int, subcodes: Iterable[tuple[int, ResponseMeaning]]) -> Iterator[tuple[str, ...]]:
    for subcode, answer in subcodes:
        yield _row(code(str(number)), code(str(subcode)), answer)


def _row(number: str, subcode: str, answer: ResponseMeaning) -> tuple[str, ...]:
    return number, subcode, answer.meaning, _action(answer), answer.who, answer.next_step


def _action(answer: ResponseMeaning) -> str:
    """Return the action with its bounds: how often, and how long to wait."""
    bounds = [f"at most {answer.attempts} times"] if answer.attempts else []
    bounds += {"header": ["as Meta's headers say"], "hours": ["for hours"]}.get(answer.wait, [])
    bounds += ["alert"] if answer.alert else []
    return answer.action + (f" ({', '.join(bounds)})" if bounds else "")
