"""How to set a sender: the guides of `mappings/_senders`, filled in for one mapping and its URL.

A guide is data: a table of settings, and perhaps a file to import, whose lines are templates. `%url%`,
`%header%`, `%token%` and `%fields%` stand for what the mapping asks for. A line with `%field%` is repeated
for each field that the mapping reads; one with `%header%` is left out where no token is asked for.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from bridge.mapping import CompiledMapping
from bridge.meta_spec.shipped_files import read_yaml_file, shipped

OTHER = "system"
_FORM = "form"
_MOST_FIELDS = 50
_PLAIN_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_SENDER = re.compile(r"^# Kind: \w+, sender: (.+)$", re.MULTILINE)
_SECRET = re.compile(r"\bsecret: *[\"']?\$\{(file:)?([^}]+)\}")
_PLACEHOLDER = re.compile(r"%(\w+)%")


class SenderGuide(NamedTuple):
    """What a person sets in one kind of sender; `file` is the template of what can be imported, if any."""

    key: str
    name: str
    step: str
    settings: Sequence[tuple[str, str]]
    good_to_know: str = ""
    file: str = ""
    how_to_import: str = ""


class ConnectionFacts(NamedTuple):
    """What a guide is filled in with; an empty `header` means that the mapping asks for no token in one."""

    url: str
    header: str
    token: str
    fields: tuple[str, ...]

    def filled(self, text: str, **more: str) -> str:
        """Return a text with what its placeholders stand for."""
        values = {**self._asdict(), "fields": ", ".join(self.fields), **more}
        return _PLACEHOLDER.sub(lambda found: str(values.get(found[1], found[0])), text)


@cache
def guides() -> Mapping[str, SenderGuide]:
    """Return every guide by the name of its file."""
    files = sorted(_folder().glob("*.yaml"))
    return {file.stem: SenderGuide(key=file.stem, **read_yaml_file(file)) for file in files}


def guide_for(mapping: CompiledMapping, text: str) -> SenderGuide:
    """Return the guide of a mapping's sender: the one it names, else by who posts."""
    named = _SENDER.search(text)
    by_name = {guide.name: guide for guide in guides().values()}
    if named and named[1] in by_name:
        return by_name[named[1]]
    return guides()[_FORM if mapping.receive.sent_by == "browser" else OTHER]


def facts_of(mapping: CompiledMapping, text: str, url: str) -> ConnectionFacts:
    """Return what the sender of a mapping has to know. The token itself is not among it."""
    rule, secret = mapping.receive.verify, secret_name(text)
    if rule.scheme == "token" and rule.query:
        url = f"{url}?{rule.query}=TOKEN"
    header = rule.header if rule.scheme == "token" and rule.header else ""
    token = f"the secret of {secret}" if secret else "the token"
    return ConnectionFacts(url, header, token, fields_of(mapping))


def secret_name(text: str) -> str:
    """Return the variable that holds the secret of a mapping, or its file; empty when there is none."""
    found = _SECRET.search(text)
    return f"{'the file ' if found[1] else ''}{found[2]}" if found else ""


def fields_of(mapping: CompiledMapping) -> tuple[str, ...]:
    """Return the fields that a mapping reads first, as far as a person can name them in a sender."""
    first = (line.paths[0].text for line in mapping.lines if line.paths)
    return tuple(dict.fromkeys(path for path in first if _PLAIN_FIELD.fullmatch(path)))[:_MOST_FIELDS]


def rows_of(guide: SenderGuide, facts: ConnectionFacts) -> list[tuple[str, str]]:
    """Return the table of settings; what speaks of a header is left out where none is asked for."""
    asked = [row for row in guide.settings if facts.header or "%header%" not in row[1]]
    return [(setting, facts.filled(value)) for setting, value in asked]


def file_of(guide: SenderGuide, facts: ConnectionFacts) -> str:
    """Return the file to import."""
    kind = _KINDS[Path(guide.file).suffix]
    url, header, token, *fields = map(kind.escape, (facts.url, facts.header, facts.token, *facts.fields))
    safe = ConnectionFacts(url, header, token, tuple(fields))
    lines = (_folder() / guide.file).read_text("utf-8").split("\n")
    asked = (line for line in lines if facts.header or "%header%" not in line)
    return "\n".join(_repeated(line, safe, kind.joint) for line in asked)


def description_of(text: str) -> str:
    """Return the comment at the top of a mapping file: how its sender behaves."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").removeprefix(" "))
    kept = [line for line in lines if not line.startswith(("yaml-language-server", "Kind: "))]
    return "\n".join(kept).strip()


def _folder() -> Path:
    return shipped("mappings") / "_senders"


def _repeated(line: str, facts: ConnectionFacts, joint: str) -> str:
    if "%field%" not in line:
        return facts.filled(line)
    return f"{joint}\n".join(facts.filled(line, field=name) for name in facts.fields)


class _FileKind(NamedTuple):
    """How texts are written in a kind of file, and what stands between lines that are repeated."""

    escape: Callable[[str], str]
    joint: str


_KINDS = {".json": _FileKind(lambda text: json.dumps(text)[1:-1], ","), ".html": _FileKind(html.escape, "")}
