"""Loading one mapping file: bytes to a compiled mapping, or every problem of the file at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Unpack

from bridge.coerce.emptiness import emptiness_of
from bridge.errors import CannotOpen, Invalid
from bridge.finding import Finding, Position
from bridge.mapping.compiler.context import Compiling
from bridge.mapping.compiler.erase_block import compile_requests
from bridge.mapping.compiler.event import compile_event
from bridge.mapping.compiler.fetch_block import compile_fetch, step_names
from bridge.mapping.compiler.formats import check_formats
from bridge.mapping.compiler.receive import compile_on_result, compile_receive, compile_test_code
from bridge.mapping.compiler.values import compile_field
from bridge.mapping.compiler.visit_block import check_fields_read, compile_visit
from bridge.mapping.language.inline_tests import read_tests
from bridge.mapping.language.reader import Entries, Loading, LoadOptions, block_of, value_of
from bridge.mapping.runtime.event import CompiledEvent
from bridge.mapping.runtime.fetch_step import FetchStep
from bridge.mapping.runtime.mapping import CompiledMapping, Each, revision_of
from bridge.models import ReadingSettings
from bridge.positioned_yaml import Block, Node, Scalar, read_yaml

MAX_EVENTS = 200

_BROWSERS = frozenset({"browser", "companion"})  # their webhooks come from the person


def load_mapping(
    file: Path, *, source: bytes | None = None, name: str | None = None, **options: Unpack[LoadOptions]
) -> CompiledMapping:
    """Read and compile one mapping; raises Invalid with all findings when it has errors.

    `source` replaces the content of the file (an edited one). `name` is the one it answers under, where that
    is not the name of the file: `acme/lead` in a folder of a client.
    """
    content, changed_at = (source, None) if source is not None else _content(file)
    loading = Loading(str(file), **options)
    root, problems = read_yaml(content, str(file))
    mapping = None
    if isinstance(root, Block):
        mapping = _compiled(loading, root, file, name or file.stem, content, changed_at)
    if root is None and not problems:
        problems = [_problem(file, "empty_file", "the file is empty", "start with version: 1")]
    elif root is not None and not isinstance(root, Block):
        problems.append(
            _problem(file, "wrong_shape", "a mapping must be a block of keys", "start with version: 1")
        )
    findings = _in_order(problems, loading.findings)
    if mapping is None or any(finding.severity == "error" for finding in findings):
        raise Invalid(
            f"{file}: the mapping has errors", findings, fix="fix them; until then the mapping is not served"
        )
    return mapping


def _content(file: Path) -> tuple[bytes, int | None]:
    try:
        changed_at = int(file.stat().st_mtime)
        if not file.is_file():  # to read a pipe or a device would never end
            raise CannotOpen(f"{file}: this is not a file", fix="put the file of the mapping in its place")
        return file.read_bytes(), changed_at
    except OSError as error:
        raise CannotOpen(
            f"{file}: {error.strerror or 'cannot be read'}", fix="check the file's name and permissions"
        ) from error


def _problem(file: Path, code: str, message: str, fix: str) -> Finding:
    return Finding("error", code, message, fix, position=Position(str(file), 1, 1))


def _in_order(of_yaml: list[Finding], of_language: list[Finding]) -> tuple[Finding, ...]:
    """Return findings once each, top to bottom; where YAML itself was wrong, that is all that is said."""
    places = {finding.position for finding in of_yaml}
    kept = [*of_yaml, *(finding for finding in of_language if finding.position not in places)]
    return tuple(sorted(dict.fromkeys(kept), key=_place))


def _place(finding: Finding) -> tuple[int, int]:
    return (finding.position.line, finding.position.column) if finding.position else (0, 0)


def _compiled(  # noqa: PLR0913, PLR0917 - what a mapping is made of
    loading: Loading, root: Block, file: Path, name: str, content: bytes, changed_at: int | None
) -> CompiledMapping:
    entries = loading.block(root, "file", "the file")
    if root.get("version") is None and not _misspelt(loading, "version"):
        loading.error(root, "missing_key", "version is missing", "write version: 1 at the top")
    settings, country = _settings(loading, entries)
    receive_block = block_of(entries.get("receive"))
    browser = "sent_by" in receive_block and receive_block["sent_by"].value in _BROWSERS
    answers, steps = step_names(entries.get("fetch")), dict[str, FetchStep]()
    compiling = Compiling(
        loading,
        emptiness_of(loading.spec, settings.empty_values),
        settings,
        browser,
        answers=answers,
        steps=None,
    )
    receive = compile_receive(compiling, entries.get("receive"), name)
    phone_country = compile_field(compiling, country) if country is not None else None
    each = _each(compiling, entries)
    below = replace(compiling.below(each.path, each.locate) if each else compiling, steps=steps)
    fetching = compile_fetch(below, entries.get("fetch"), steps)
    visit = compile_visit(below, entries.get("visit"), phone_country)
    below = replace(below, visit=visit)
    requests = compile_requests(below, entries, receive)
    events = () if requests and not _has_event(loading, entries) else _events(below, entries, root)
    if visit is not None:
        visit.check_used(loading, events)
        check_fields_read(loading, events)
    visits = [event.visit.step for event in events[:1] if event.visit]
    return CompiledMapping(
        name=name,
        file=file,
        revision=revision_of(content),
        description=value_of(entries, "description", ""),
        receive=receive,
        settings=settings,
        phone_country=phone_country,
        each=each,
        first_only="mode" in entries and entries["mode"].value == "first",
        events=events,
        samples=tuple(file.parent / sample for sample in value_of(entries, "samples", ())),
        tests=read_tests(loading, entries.get("tests"), file.parent, answers),
        test_event_code=compile_test_code(loading, entries.get("test_event_code"), changed_at),
        on_result=compile_on_result(loading, entries.get("on_result")),
        fetch=(
            *fetching.finished(
                loading, (use for event in events for line in event.lines for use in line.paths)
            ),
            *visits,
        ),
        fetch_lines=(*fetching.lines, *([visit.line] if visit else ())),
        warnings=tuple(
            dict.fromkeys(finding for finding in loading.findings if finding.severity == "warning")
        ),
        node=root,
        requests=requests,
    )


def _has_event(loading: Loading, entries: Entries) -> bool:
    """Return whether a file makes events as well; keys of an event that is not there are reported."""
    if entries.keys() & {"events", "event_name", "action_source"}:
        return True
    for name in sorted(entries.keys() & (set(loading.grammar["event"].keys) - {"send_to"})):
        message = f"{name} belongs to an event, and this file makes none"
        loading.error(entries[name].key, "key_without_event", message, "write event_name, or remove the line")
    return False


def _misspelt(loading: Loading, key: str) -> bool:
    return any(finding.suggestion == key for finding in loading.findings)


def _each(compiling: Compiling, entries: Entries) -> Each | None:
    entry = entries.get("for_each")
    if entry is None:
        return None
    if not isinstance(entry.node, Scalar):
        compiling.loading.error(
            entry.node,
            "wrong_shape",
            "for_each must be one path",
            "write the path of the list, or $ for the whole body",
        )
        return None
    compiled = compiling.path(entry.node, entry.node.text)
    return Each(entry.node.text, compiled.locate, entry.position) if compiled else None


def _events(compiling: Compiling, entries: Entries, root: Block) -> tuple[CompiledEvent, ...]:
    shared = {
        name: entry for name, entry in entries.items() if name in compiling.loading.grammar["event"].keys
    }
    listed = entries.get("events")
    if listed is None:
        return (compile_event(compiling, {}, shared, root, 1),)
    blocks: list[tuple[Node, Entries]] = listed.value or []
    if not blocks:
        compiling.loading.error(
            listed.node, "empty_list", "events is empty", "add an event, or remove events"
        )
    if len(blocks) > MAX_EVENTS:
        compiling.loading.error(
            listed.node, "too_many_events", f"a mapping can have at most {MAX_EVENTS} events"
        )
    numbered = enumerate(blocks[:MAX_EVENTS], 1)
    return tuple(compile_event(compiling, shared, own, node, number) for number, (node, own) in numbered)


# --- settings --------------------------------------------------------------------------------------


def _settings(loading: Loading, entries: Entries) -> tuple[ReadingSettings, Scalar | None]:
    """Return the settings, and the path of the phone country when the webhook says it."""
    block = block_of(entries.get("settings"))
    values = {name: entry.value for name, entry in block.items() if entry.value is not None}
    check_formats(loading, block)
    country, path = _phone_country(loading, block)
    settings = ReadingSettings(
        timezone=values.get("timezone"),
        date_format=values.get("date_format"),
        number_format=values.get("number_format"),
        phone_country=country,
        name_order=values.get("name_order"),
        hash_external_id=values.get("hash_external_id", True),
        empty_values=frozenset(text.strip().lower() for text in values.get("empty_values", ())),
    )
    return settings, path


def _phone_country(loading: Loading, block: Entries) -> tuple[str | None, Scalar | None]:
    entry = block.get("phone_country")
    if entry is None or not entry.value or not isinstance(entry.node, Scalar):
        return None, None
    if entry.value.startswith("$."):
        return None, entry.node
    code = entry.value.strip()
    if loading.spec.countries.get(code.lower()) and len(code) == 2:
        return code.upper(), None
    fix = "write a two-letter code such as DE, or a path from the top such as $.address.country"
    loading.error(entry.node, "unknown_country", f"there is no country {code!r}", fix)
    return None, None
