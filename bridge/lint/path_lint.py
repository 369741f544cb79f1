"""Compares the paths of a mapping with real webhooks: unknown fields, and texts taken for fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from bridge.finding import Finding
from bridge.lint.evidence import Evidence
from bridge.mapping.compiler.context import PathUse
from bridge.mapping.language.path_syntax import Path
from bridge.mapping.runtime.event import MappedLine
from bridge.mapping.runtime.mapping import CompiledMapping
from bridge.mapping.runtime.no_answer import NoAnswer
from bridge.mapping.runtime.scope import MISSING, Scope, plain_key
from bridge.meta_spec.right_place import folded
from bridge.meta_spec.spec import MetaSpec
from bridge.models import Webhook
from bridge.recognize.guess import guesses_of
from bridge.recognize.payload_fields import PayloadField
from bridge.spelling import closest, distance

_MOST_SLIPS = 2
_CONDITIONS = frozenset({"when", "consent"})


@dataclass(frozen=True, slots=True)
class _Failure:
    """How far a path leads in the samples: the step that fails, what was there, and which keys were."""

    step: str
    before: str
    keys: frozenset[str]
    a_list: bool


def lint_paths(mapping: CompiledMapping, evidence: Evidence, spec: MetaSpec) -> Iterator[Finding]:
    """Yield what is wrong with the paths of a mapping, judged by its samples (there may be none)."""
    read = {use.text for line in mapping.lines for use in line.paths}
    optional = _CONDITIONS | {
        f"{block}.{name}" for event in mapping.events for block, name, _ in event.defaults if block
    }
    for line in mapping.lines:
        yield from _lint_line(line, evidence, read, optional, spec)


def _lint_line(
    line: MappedLine, evidence: Evidence, read: set[str], optional: Set[str], spec: MetaSpec
) -> Iterator[Finding]:
    webhooks = evidence.webhooks
    missing = [use for use in line.paths if not use.system and not _is_found(use, webhooks)]
    unexplained = []
    for use in missing:
        wrong = _constant(line, use, spec, sampled=bool(webhooks))
        if wrong is None and webhooks and _is_reached(use, webhooks):
            wrong = _misread(line, use, webhooks, read)
            unexplained += [] if wrong else [use]
        if wrong:
            yield wrong
    found_elsewhere = len({use.position for use in line.paths}) > len({use.position for use in missing})
    may_be_missing = found_elsewhere or line.field in optional
    if unexplained and evidence.samples and not may_be_missing:
        yield _not_in_samples(unexplained, webhooks)


def _is_found(use: PathUse, webhooks: Sequence[Webhook]) -> bool:
    return any(value != [] for webhook in webhooks for value in use.values(webhook))


def _is_reached(use: PathUse, webhooks: Sequence[Webhook]) -> bool:
    """Say whether the lists around the path have entries in some sample; else nothing can be said."""
    return any(True for webhook in webhooks for _ in _starts(use, webhook))


def _misread(line: MappedLine, use: PathUse, webhooks: Sequence[Webhook], read: set[str]) -> Finding | None:
    """Return what is certainly wrong with a path: it asks a list for a key, or a key is misspelt."""
    failure = _failure(use, webhooks)
    if failure.a_list and not failure.step.isdigit():  # a list may be longer elsewhere
        below = f"{failure.before}.first.{failure.step}"
        return Finding(
            "error",
            "key_on_list",
            f"{failure.before or 'the webhook'} is a list, and a list has no field {failure.step!r}",
            f"write {below} for the first entry, {failure.before}.*.{failure.step} for all",
            position=use.position,
        )
    meant = _meant(line, use, failure, read)
    if meant is None:
        return None
    message = f"no sample has a field {use.text!r}"
    fix = f"correct the name, or add a sample that has {use.text!r}"
    return Finding("error", "no_such_field", message, fix, position=use.position, suggestion=meant)


def _not_in_samples(uses: Sequence[PathUse], webhooks: Sequence[Webhook]) -> Finding:
    names = " or ".join(repr(use.text) for use in uses)
    fix = "if it is a plain text, put it under defaults or write {text: …}; else add a sample that has it"
    meant = next(filter(None, (_written_otherwise(use, webhooks) for use in uses)), None)
    message = f"no sample has a field {names}"
    return Finding("warning", "not_in_samples", message, fix, position=uses[0].position, suggestion=meant)


def _written_otherwise(use: PathUse, webhooks: Sequence[Webhook]) -> str | None:
    """Return a path as the samples write it, where only capitals, spaces, hyphens and underscores differ."""
    failure = _failure(use, webhooks)
    key = next((key for key in sorted(failure.keys) if folded(key) == folded(failure.step)), None)
    return key and key.join(use.text.rsplit(failure.step, 1))


def _meant(line: MappedLine, use: PathUse, failure: _Failure, read: set[str]) -> str | None:
    """Return the path that was probably meant: a key a slip or two away that nobody reads."""
    near = closest(failure.step, sorted(failure.keys))
    if near is None or distance(failure.step.casefold(), near.casefold(), _MOST_SLIPS) > _MOST_SLIPS:
        return None
    meant = near.join(use.text.rsplit(failure.step, 1))
    if meant in read or _names_itself(line, failure.step):
        return None
    return meant


def _names_itself(line: MappedLine, name: str) -> bool:
    """Say whether a key is a proper name of what its line fills (`fbp` is not a slip of `fbc`)."""
    field = PayloadField(name, name, name, (), None, 0)
    short = line.field.rpartition(".")[2]
    return any(short in guess.destination or guess.destination == line.field for guess in guesses_of(field))


# --- walking as far as the path leads --------------------------------------------------------------


def _starts(use: PathUse, webhook: Webhook) -> Iterator[Any]:
    for scope in use.scopes(webhook):
        start = _start(use, scope)
        if start is not MISSING:
            yield start


def _start(use: PathUse, scope: Scope) -> Any:
    """Return where a path starts: MISSING for an answer that is not recorded."""
    if use.compiled.fetched is None:
        return scope.root if use.text.startswith("$") else scope.item
    try:
        value = use.compiled.fetched(scope).value
    except NoAnswer:
        return MISSING
    return MISSING if value is None else value


def _failure(use: PathUse, webhooks: Sequence[Webhook]) -> _Failure:
    path = use.compiled.path
    nodes = [start for webhook in webhooks for start in _starts(use, webhook)]
    for number, step in enumerate(path.steps):
        below = [found for node in nodes for found in _taken(node, step.kind, step.key)]
        if not below:
            a_list = step.kind == "key" and _lists_only(nodes)
            return _Failure(step.key, _before(path, number), _keys(nodes), a_list)
        nodes = below
    return _Failure(path.steps[-1].key if path.steps else "$", "", frozenset(), a_list=False)


def _taken(node: Any, kind: str, key: str) -> list[Any]:
    if kind != "key":
        return list(node) if isinstance(node, list) else list(node.values()) if isinstance(node, dict) else []
    if isinstance(node, dict):
        found = _value_at(node, key)
        return [] if found is MISSING else [found]
    if isinstance(node, list) and node and (key in {"first", "last"} or key.isdigit()):
        index = {"first": 0, "last": -1}.get(key)
        return [node[index]] if index is not None else node[int(key) : int(key) + 1]
    return []


def _value_at(node: dict[str, Any], key: str) -> Any:
    """Return the value of a key, or of one that differs by outer spaces only, as a path finds it."""
    if key in node:
        return node[key]
    return next((value for name, value in node.items() if plain_key(str(name)) == plain_key(key)), MISSING)


def _before(path: Path, number: int) -> str:
    return path.body[: path.steps[number].start].rstrip(".[(") if number else ""


def _keys(nodes: Sequence[Any]) -> frozenset[str]:
    return frozenset(plain_key(str(key)) for node in nodes if isinstance(node, dict) for key in node)


def _lists_only(nodes: Sequence[Any]) -> bool:
    return bool(nodes) and all(isinstance(node, list) for node in nodes)


# --- texts taken for fields ------------------------------------------------------------------------


def _constant(line: MappedLine, use: PathUse, spec: MetaSpec, *, sampled: bool) -> Finding | None:
    """Return the finding for a plain text that was written where a field is read (`currency: EUR`)."""
    if use.text.startswith("$") or line.field in _CONDITIONS:
        return None
    what = _constants(line.field, spec).get(use.text.casefold())
    if what is None and use.text.startswith(("http://", "https://")):
        what = "a URL"
    if what is None:
        return None
    field = line.field.removeprefix("user_data.").removeprefix("custom_data.")
    no_sample = (
        f"no sample has a field {use.text}, and "
        if sampled
        else "the text right of a colon names a field, and "
    )
    return Finding(
        "error",
        "constant_as_field",
        f"{no_sample}{use.text} is {what}: put it under defaults",
        f"write below defaults: {field}: {use.text}, or here: {{text: {use.text}}}",
        position=use.position,
    )


def _constants(field: str, spec: MetaSpec) -> Mapping[str, str]:
    known = _CONSTANTS.get(field)
    return dict(known(spec)) if known else {}


def _words(*words: str, what: str) -> Any:
    return lambda spec: ((word, what) for word in words)


_CONSTANTS: dict[str, Any] = {
    "custom_data.currency": lambda spec: ((code.casefold(), "a currency") for code in spec.currencies),
    "user_data.country": lambda spec: ((code, "a country") for code in {*spec.countries.values()}),
    "custom_data.content_type": _words("product", "product_group", what="a content type"),
    "custom_data.event_source": _words("crm", what="a plain text"),
    "messaging_channel": _words("whatsapp", "messenger", "instagram", what="a channel"),
    "opt_out": _words("true", "false", "yes", "no", what="a truth value"),
    "user_data.ge": _words("f", "m", "female", "male", what="a gender"),
}
