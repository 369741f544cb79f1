"""A test made of a webhook that came: fictional people, and what the mapping makes of them today."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from bridge.authoring.scaffold.fictional import fictional_answers, fictional_data, fictional_headers
from bridge.authoring.scaffold.new_mapping import MappingRequest, test_of_sample
from bridge.authoring.scaffold.plan import Wishes
from bridge.authoring.scaffold.yaml_writer import test_lines
from bridge.body.parse import parse
from bridge.errors import WrongUse
from bridge.lint.evidence import answered
from bridge.mapping import CompiledMapping
from bridge.meta_spec.spec import MetaSpec
from bridge.models import Request, Verified
from bridge.serialization import encode

_TESTS = re.compile(r"^tests:[ \t]*(?:#.*)?$", re.MULTILINE)
_NEXT_KEY = re.compile(r"^[^\s#-]", re.MULTILINE)


def with_test_of(  # noqa: PLR0913, PLR0917 - what a test is made of
    text: str,
    request: Request,
    mapping: CompiledMapping,
    spec: MetaSpec,
    now: datetime,
    answers: Mapping[str, Any],
) -> str:
    """Return the text of a mapping with one more test at the end of `tests`.

    `mapping` is what the text means, `answers` are the recorded ones of what it fetches. Raises Refused for a
    webhook that cannot be read, and WrongUse for one that cannot be written as a test.
    """
    webhook = answered(parse(Verified(request), mapping.receive), mapping, answers)
    data = fictional_data(webhook, mapping)
    fetched = fictional_answers(webhook, mapping, answers)
    if not isinstance(data, Mapping):
        raise WrongUse(
            "this webhook is a list, and a test is given an object", fix="save it as a sample file"
        )
    headers = fictional_headers(webhook, mapping)
    fictional = Request(
        method="POST",
        url=request.url,
        headers={**headers, "content-type": "application/json"},
        query={},
        body=encode(data),
        ip=None,
        received_at=request.received_at,
    )
    asked = MappingRequest(mapping.file, Wishes(), fictional, answers=fetched)
    test = test_of_sample(mapping, asked, spec, now)
    name = f"made of a webhook of {request.received_at:%Y-%m-%d} (not confirmed yet)"
    _, *lines = test_lines([replace(test, name=name, given=data, headers=headers)])
    return _inserted(text, lines)


def _inserted(text: str, lines: list[str]) -> str:
    block = _TESTS.search(text)
    if block is None and re.search(r"^tests:", text, re.MULTILINE):
        raise WrongUse("the tests of this mapping are on one line", fix="write them as a list below tests:")
    if block is None:
        return "\n".join([text.rstrip("\n"), "", "tests:", *lines, ""])
    following = _NEXT_KEY.search(text, block.end() + 1)
    end = following.start() if following else len(text)
    tests = text[block.end() : end].rstrip("\n")
    first = re.search(r"^( *)- ", tests, re.MULTILINE)
    written = [_indented(line, len(first[1]) if first else 2) for line in lines]
    return text[: block.end()] + "\n".join([tests, *written, ""]) + text[end:]


def _indented(line: str, column: int) -> str:
    """Return a line of a test, whose dash is in the third column, with its dash in another one."""
    return " " * column + line[2:] if line.startswith("  ") else line
