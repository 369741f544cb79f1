"""A test made of a webhook that came: fictional people, and what the mapping makes of them today."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from bridge.authoring.scaffold.fictional import fictional_webhook
from bridge.authoring.scaffold.new_mapping import MappingRequest, test_of_sample
from bridge.authoring.scaffold.plan import Wishes
from bridge.authoring.scaffold.yaml_writer import test_lines
from bridge.body.parse import parse
from bridge.errors import WrongUse
from bridge.mapping import CompiledMapping
from bridge.meta_spec.spec import MetaSpec
from bridge.models import Request, Verified

_TESTS = re.compile(r"^tests:[ \t]*(?:#.*)?$", re.MULTILINE)
_NEXT_KEY = re.compile(r"^[^\s#-]", re.MULTILINE)


def with_test_of(text: str, request: Request, mapping: CompiledMapping, spec: MetaSpec, now: datetime) -> str:
    """Return the text of a mapping with one more test at the end of `tests`.

    `mapping` is what the text means. Raises Refused for a webhook that cannot be read, and WrongUse for one
    that cannot be written as a test.
    """
    webhook = parse(Verified(request), mapping.receive)
    played = fictional_webhook(webhook, mapping)
    if not isinstance(played.data, Mapping):
        raise WrongUse(
            "this webhook is a list, and a test is given an object", fix="save it as a sample file"
        )
    asked = MappingRequest(mapping.file, Wishes(), played.as_request(request))
    test = replace(
        test_of_sample(mapping, asked, spec, now),
        name=f"made of a webhook of {request.received_at:%Y-%m-%d} (not confirmed yet)",
        given=played.data,
        headers=played.headers,
        query=played.query,
        cookies=played.cookies,
        ip=played.ip,
    )
    _, *lines = test_lines([test])
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
