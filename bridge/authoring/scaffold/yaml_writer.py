"""Writes a new mapping as commented YAML, so that a person can read it and change it line by line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.authoring.scaffold.plan import Plan
from bridge.authoring.scaffold.questions import questions_about
from bridge.recognize.event_kind import Condition

# an editor finds the keys of a mapping by this line, wherever the mapping is
SCHEMA_MARK = "# yaml-language-server:"
SCHEMA_LINE = (
    f"{SCHEMA_MARK} $schema=https://raw.githubusercontent.com/capi-bridge/capi-bridge/main/"
    "schemas/mapping.schema.json"
)

_PLAIN = re.compile(r"[A-Za-z0-9_$.][\w$.+/()=@{}-]*(?: [\w$.+/()=@{}-]+)*")
_COMMENT_AT = 36
_TO_CONFIRM = (
    "  # Confirm every line: it is what the mapping made of the sample, not what anybody asked for.",
    "  # Correct what is wrong, in the mapping and here; then take `not confirmed yet` out of the name.",
)
_TO_BE_WRITTEN = "write the value of a conversion here"

# destination -> what a reader who has never seen the API should know about the line
_REMARKS = {
    "event_time": "when it happened; without this line: when the webhook came in",
    "event_source_url": "the page it happened on",
    "user_data.email": "cleaned and hashed before it leaves this machine",
    "user_data.phone": "with a country code, or phone_country below",
    "user_data.full_name": "fills first and last name",
    "user_data.external_id": "your own id of this person; hashed",
    "user_data.fbclid": "builds fbc when fbc is empty",
    "user_data.ip": "the visitor's own IP address, never a server's",
    "user_data.user_agent": "the visitor's own browser",
    "custom_data.value": "an amount, as a number",
    "custom_data.currency": "three letters: EUR, USD …",
}


@dataclass(frozen=True, slots=True)
class StarterTest:
    """The test at the end of a new mapping. `given` is a sample file's name or an inline payload.

    `fetched` are the recorded answers by step of `fetch`, `missing` where nobody has recorded one yet.
    """

    name: str
    given: str | Mapping[str, Any]
    now: str | None = None
    expect: Sequence[Mapping[str, Any]] = ()
    outcome: str = "expect"
    reason: str = ""
    read_from: Sequence[Mapping[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    fetched: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    ip: str | None = None


@dataclass(frozen=True, slots=True)
class Heading:
    """The lines at the top of a new mapping."""

    name: str
    description: str
    made_from: str | None = None
    samples: Sequence[str] = field(default=())


def write_mapping(plan: Plan, heading: Heading) -> str:
    """Return the YAML text of a new mapping, without its tests."""
    lines = [
        *_head(plan, heading),
        *_receive(plan),
        *_event(plan),
        *_when(plan),
        *_user_data(plan),
        *_custom_data(plan),
        *_block(
            "defaults", plan.defaults.items(), "plain values for what the webhook does not say; change them"
        ),
        *_settings(plan),
        *_suggestions(plan),
        *(
            ["", "samples:", *(f"  - {yaml_text(sample)}" for sample in heading.samples)]
            if heading.samples
            else []
        ),
    ]
    return "\n".join(lines) + "\n"


def yaml_text(text: str) -> str:
    """Write a text so that YAML reads the same text again, in quotes only where it must be."""
    return text if _PLAIN.fullmatch(text) else f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    """Return a character as it is written between double quotes in YAML."""
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08x}"


def _line(key: str, value: str, remark: str = "", indent: int = 0) -> str:
    written = f"{' ' * indent}{key}: {value}"
    return f"{written.ljust(_COMMENT_AT - 1)}  # {remark}" if remark else written


def _paths(paths: Sequence[str]) -> str:
    texts = [_in_list(path) if len(paths) > 1 else yaml_text(path) for path in paths]
    return f"[{', '.join(texts)}]" if len(texts) > 1 else texts[0]


def _in_list(text: str) -> str:
    return text if re.fullmatch(r"[\w$.@-]+(?: [\w$.@-]+)*", text) else yaml_text(text)


def _head(plan: Plan, heading: Heading) -> list[str]:
    lines = [SCHEMA_LINE]
    if heading.made_from:
        lines.append(
            f"# Written by `capi-bridge init` from {heading.made_from}. Left of a colon: the field at Meta."
        )
        lines.append("# Right of it: where to find it in your webhook. Read every line once.")
    if questions := questions_about(plan):
        lines += ["#", "# Not certain; please read these before it goes live:"]
        lines += [f"#   - {_comment_text(question)}" for question in questions]
    lines += ["version: 1", _line("description", yaml_text(heading.description))]
    return [*lines, _line("send_to", yaml_text(plan.send_to), "a destination of bridge.yaml")]


def _receive(plan: Plan) -> list[str]:
    lines = [
        "receive:",
        _line("sent_by", plan.sent_by, "server, automation (a tool for scenarios) or browser", 2),
    ]
    if plan.sent_by == "browser":
        lines.append(
            _line("origins", "https://www.example.com", "your website; its pages may read answers", 2)
        )
    else:
        lines += [
            "  # Let nobody else post here: give the sender a secret and switch this on.",
            '  # verify: {scheme: token, header: X-Token, secret: "${WEBHOOK_TOKEN}"}',
        ]
    return lines


def _event(plan: Plan) -> list[str]:
    lines = [""]
    if plan.for_each:
        lines.append(
            _line(
                "for_each",
                yaml_text(plan.for_each),
                "every entry of this list is an event; paths start there",
            )
        )
    lines.append(_line("event_name", yaml_text(plan.event_name), "plain text, upper and lower case matter"))
    lines.append(_line("action_source", plan.action_source, "where it happened"))
    if plan.event_id:
        lines.append(_line("event_id", yaml_text(plan.event_id), "the same id again is the same event"))
    else:
        lines.append("# event_id: lead-{id}               # no id found: one is made from the webhook itself")
    for name in ("event_time", "event_source_url", "referrer_url"):
        if name in plan.paths:
            lines.append(_line(name, _paths(plan.paths[name]), _REMARKS.get(name, "")))
    return lines


def _when(plan: Plan) -> list[str]:
    """Return the conditions; for a sample that is no conversion, one that nothing meets as it is."""
    if plan.refused_by is not None:
        remark = f"the sample says {_comment_text(str(plan.refused_by.value))}, which is no conversion"
        return ["", "when:", _line(yaml_text(plan.refused_by.path), yaml_text(_TO_BE_WRITTEN), remark, 2)]
    rows = [_line(yaml_text(line.path), _test_of(line), "", 2) for line in plan.conditions]
    return (
        [
            "",
            "when:".ljust(_COMMENT_AT) + " # anything else is skipped",
            *rows,
        ]
        if rows
        else []
    )


def _test_of(condition: Condition) -> str:
    if isinstance(condition.test, str):
        return yaml_text(condition.test)
    return "{" + ", ".join(f"{key}: {yaml_text(value)}" for key, value in condition.test.items()) + "}"


def _comment_text(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)[:200]


def _user_data(plan: Plan) -> list[str]:
    found = {name: paths for name, paths in plan.paths.items() if name.startswith("user_data.")}
    if not found:
        return [
            "",
            "# user_data:                        # nothing that names a person was found in the sample",
            "#   email: email",
        ]
    rows = [
        _line(name.partition(".")[2], _paths(paths), _REMARKS.get(name, ""), 2)
        for name, paths in found.items()
    ]
    return ["", "user_data:", *rows]


def _custom_data(plan: Plan) -> list[str]:
    rows = []
    for name, paths in plan.paths.items():
        if name == "custom_data.value" and plan.units == "unknown":
            rows += [
                f"  # value: {_paths(paths)}   # is this number written in cents? Then the next line:",
                f"  # value: {{from: {_paths(paths)}, minor_units: yes}}",
            ]
        elif name == "custom_data.value" and plan.units == "minor" and _has_currency(plan):
            rows.append(
                _line("value", f"{{from: {yaml_text(paths[0])}, minor_units: yes}}", "sent in cents", 2)
            )
        elif name == "custom_data.value" and not _has_currency(plan):
            rows.append(f"  # value: {_paths(paths)}   # needs a currency: add it here or under defaults")
        elif name.startswith("custom_data."):
            rows.append(_line(name.partition(".")[2], _paths(paths), _REMARKS.get(name, ""), 2))
    rows += _contents(plan)
    if not any(not row.lstrip().startswith("#") for row in rows):
        return ["", "# custom_data:", *(f"#{row.replace('# ', '', 1)}" for row in rows)] if rows else []
    return ["", "custom_data:", *rows]


def _has_currency(plan: Plan) -> bool:
    return "custom_data.currency" in plan.paths or "currency" in plan.defaults


def _contents(plan: Plan) -> list[str]:
    if plan.items is None:
        return []
    columns = plan.items.columns
    rows = [
        "  contents:",
        _line("for_each", yaml_text(plan.items.path), "paths below start at one line of it", 4),
    ]
    rows += [_line(name, yaml_text(column), "", 4) for name, column in columns.items()]
    return rows


def _block(name: str, rows: Iterable[tuple[str, str]], remark: str) -> list[str]:
    written = [_line(key, yaml_text(value), "", 2) for key, value in rows]
    return ["", f"{name}:".ljust(_COMMENT_AT) + f" # {remark}", *written] if written else []


def _settings(plan: Plan) -> list[str]:
    remark = "how numbers, dates and phones of this webhook are written"
    hints = [f"  # {hint}" for hint in plan.hints]
    written = _block("settings", plan.settings.items(), remark)
    return (
        written + hints
        if written or not hints
        else ["", "# settings:", *(f"#  {hint}" for hint in plan.hints)]
    )


def _suggestions(plan: Plan) -> list[str]:
    if not plan.maybe:
        return []
    lines = ["", "# Also in the sample, and perhaps of use:"]
    return lines + [
        f"#   {name}: {yaml_text(path)}   # looks like {called}" for path, name, called in plan.maybe
    ]


def test_lines(tests: Sequence[StarterTest]) -> list[str]:
    """Return the lines of the `tests` block."""
    heading = "tests:".ljust(_COMMENT_AT) + " # run them with: capi-bridge test"
    return [heading, *(row for test in tests for row in _test(test))]


def _test(test: StarterTest) -> list[str]:
    lines = [*(_TO_CONFIRM if test.read_from else ()), f"  - name: {yaml_text(test.name)}"]
    if isinstance(test.given, str):
        lines.append(f"    given: {yaml_text(test.given)}")
    else:
        lines.append("    given:")
        lines += [
            f"      {yaml_text(key)}: {json.dumps(value, ensure_ascii=False)}"
            for key, value in test.given.items()
        ]
    beside = [
        f"{name}: {json.dumps(value, ensure_ascii=False)}"
        for name in ("now", "ip", "headers", "query", "cookies")
        if (value := getattr(test, name))
    ]
    if test.fetched:
        answers = ", ".join(f"{name}: {_recorded(answer)}" for name, answer in test.fetched.items())
        beside.append(f"fetched: {{{answers}}}")
    if beside:
        lines.append(f"    with: {{{', '.join(beside)}}}")
    if test.outcome != "expect":
        return [*lines, f"    {test.outcome}: {yaml_text(test.reason)}"]
    lines.append("    expect:")
    for number, event in enumerate(test.expect):
        sources = test.read_from[number] if test.read_from else {}
        rows = [_expectation(key, value, sources.get(key)) for key, value in event.items()]
        lines += [f"      - {rows[0]}", *(f"        {row}" for row in rows[1:])]
    return lines


def _recorded(answer: Any) -> str:
    return answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)


def _expectation(key: str, value: Any, source: str | None) -> str:
    written = f"{yaml_text(key)}: {_expected(value)}"
    return f"{written}   # {source}" if source else written


def _expected(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else yaml_text(value)
