"""An event against `event.schema.json`: a fast library decides, a slower one explains.

Messages of the library quote the offending value, so ours are made from the schema alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cache
from typing import Any, Final

import jsonschema_rs

from bridge.coerce.numbers import is_finite
from bridge.finding import Finding
from bridge.meta_spec.right_place import ITEMS, with_right_place
from bridge.meta_spec.spec import MetaSpec
from bridge.privacy.personal_data import PLAIN_NAME

_DEEPEST: Final = 60


def schema_findings(event: dict[str, Any], spec: MetaSpec) -> tuple[Finding, ...]:
    """Return one finding for each violation of the schema, in the order of the schema."""
    return () if _is_valid(spec)(event) else explain(event, spec)


@cache
def _is_valid(spec: MetaSpec) -> Callable[[Any], bool]:
    return _decided_by(spec.event_schema)


def _decided_by(schema: dict[str, Any]) -> Callable[[Any], bool]:
    decide = jsonschema_rs.Draft202012Validator(schema).is_valid

    def is_valid(event: Any) -> bool:
        """Ask the fast library; what it cannot read (lone surrogates, NaN) is asked in a readable form."""
        try:
            return decide(event)
        except (ValueError, TypeError, UnicodeError, OverflowError, RecursionError):
            return decide(_readable(event))

    return is_valid


def is_valid(event: Any, spec: MetaSpec) -> bool:
    """Say whether an event satisfies the schema."""
    return _is_valid(spec)(event)


# Whether the rest of an event is right depends on the values of these: they are never judged alone.
DECIDING: Final = frozenset(
    {
        "event_name",
        "action_source",
        "messaging_channel",
        "data_processing_options",
        "app_data",
        "original_event_data",
        "custom_data.currency",
        "custom_data.event_source",
    }
)


def are_valid_fields(event: Mapping[str, Any], fields: Iterable[str], spec: MetaSpec) -> bool:
    """Say whether some fields (`event_id`, `custom_data.value`) are right by themselves."""
    validators = _validators(spec)
    for field in fields:
        block, _, key = field.partition(".")
        inside = event.get(block, {}) if key else event
        if field not in validators:
            if block != "custom_data":
                return False
        elif (key or block) not in inside or not validators[field](inside[key or block]):
            return False
    return True


@cache
def _validators(spec: MetaSpec) -> dict[str, Callable[[Any], bool]]:
    """Return what decides about each field by its own part of the schema; all but the author's properties."""
    top = spec.event_schema["properties"]
    schemas = dict(top)
    for block in ("user_data", "custom_data"):
        schemas |= {f"{block}.{name}": part for name, part in top[block]["properties"].items()}
    return {field: _never if field in DECIDING else _decided_by(part) for field, part in schemas.items()}


def _never(value: Any) -> bool:
    """Leave a field that decides about others to the whole schema."""
    return False


@cache
def _explainer(spec: MetaSpec) -> Any:
    from jsonschema import Draft202012Validator  # 60 ms, and only wrong events need it

    return Draft202012Validator(spec.event_schema)


def explain(event: Any, spec: MetaSpec) -> tuple[Finding, ...]:
    """Explain every violation in our own words. Slow (half a millisecond); only for events that are wrong."""
    findings: dict[tuple[str, str | None], Finding] = {}
    for error in _leaves(_explainer(spec).iter_errors(_readable(event))):
        for finding in _sentences(error, spec):
            findings.setdefault((finding.code, finding.path), finding)
    return tuple(findings.values())


def _leaves(errors: Iterator[Any]) -> Iterator[Any]:
    """Yield errors; conditions (`if`/`then`, `allOf`) stand for the errors inside them."""
    for error in errors:
        if error.context and error.validator in {"allOf", "if", "then"}:
            yield from _leaves(iter(error.context))
        else:
            yield error


def _sentences(error: Any, spec: MetaSpec) -> Iterator[Finding]:
    path = tuple(error.absolute_path)
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        yield from (_missing((*path, name), error.schema, "required", spec) for name in missing)
    elif error.validator == "dependentRequired":
        for present, needed in error.validator_value.items():
            missing = [name for name in needed if present in error.instance and name not in error.instance]
            yield from (
                _missing((*path, name), error.schema, "dependentRequired", spec, present) for name in missing
            )
    elif error.validator == "additionalProperties":
        known = error.schema["properties"]
        yield from (_unknown(path, key, spec) for key in error.instance if key not in known)
    else:
        yield _wrong(error, path, spec)


def _missing(
    path: tuple[Any, ...], schema: Mapping[str, Any], keyword: str, spec: MetaSpec, present: str = ""
) -> Finding:
    code = schema.get("x-rules", {}).get(
        keyword, "no_identity" if path == ("user_data",) else "missing_field"
    )
    because = schema.get("x-because") or present or "the object around it"
    return spec.rules[code].finding(_pointer(path), field=_named(path), because=because)


def _unknown(path: tuple[Any, ...], key: object, spec: MetaSpec) -> Finding:
    unknown = "unknown_key_left_out" if path in _OPEN_BLOCKS else "unknown_key"
    code = _MISPLACED.get((path, key), unknown) if isinstance(key, str) else unknown
    shown = key if isinstance(key, str) and PLAIN_NAME(key) else None
    where = (*path, shown) if shown else path
    finding = spec.rules[code].finding(_pointer(where), field=_named((*path, shown or "a key")))
    return (
        finding if code not in _UNKNOWN else with_right_place(finding, key, spec.right_places, _block(path))
    )


def _block(path: tuple[Any, ...]) -> str:
    return ITEMS if path[:2] == ("custom_data", "contents") else ""


_UNKNOWN: Final = {"unknown_key", "unknown_key_left_out"}


# Senders post keys of their own here, and no rejection was seen for it; the event itself is a closed object.
_OPEN_BLOCKS: Final = {("user_data",), ("app_data",)}
# Unknown keys with a better explanation.
_MISPLACED: Final[dict[tuple[tuple[Any, ...], str], str]] = {
    ((), "test_event_code"): "test_event_code_inside"
}

_CODES: Final = {
    "type": "wrong_type",
    "enum": "not_allowed",
    "const": "not_allowed",
    "pattern": "wrong_form",
    "minLength": "wrong_size",
    "maxLength": "wrong_size",
    "minItems": "wrong_size",
    "maxItems": "wrong_size",
    "minimum": "wrong_size",
    "maximum": "wrong_size",
}

_TYPES: Final = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "array": "a list",
    "object": "an object",
    "boolean": "true or false",
}


def _wrong(error: Any, path: tuple[Any, ...], spec: MetaSpec) -> Finding:
    code = _rule_of(error, path)
    return spec.rules[code].finding(_pointer(path), field=_named(path), expected=_expected(error))


def _rule_of(error: Any, path: tuple[Any, ...]) -> str:
    """Return the schema's own rule for this field, or the one for the violated keyword."""
    if path == ("action_source",) and error.instance == "in_store":
        return "in_store_action_source"
    if error.validator == "minimum" and error.instance < 0 and path[:1] == ("custom_data",):
        return "not_an_amount"
    code: str = (
        error.schema.get("x-rules", {}).get(error.validator)
        or error.schema.get("x-rule")
        or _CODES.get(error.validator, "invalid")
    )
    return code


def _expected(error: Any) -> str:
    allowed = error.validator_value
    if error.validator == "type":
        kinds = allowed if isinstance(allowed, list) else [allowed]
        return " or ".join(_TYPES.get(kind, "JSON") for kind in kinds)
    if error.validator == "enum":
        return ", ".join(dict.fromkeys(map(str, allowed)))
    return str(allowed) if error.validator == "const" else "what the description says"


def _named(path: tuple[Any, ...]) -> str:
    """Return a field's name as people write it: `user_data.em`, `custom_data.contents[0].id`."""
    return _pointer(path)[2:] or "the event"


def _pointer(path: tuple[Any, ...]) -> str:
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{_shown(step)}" for step in path)


def _shown(step: object) -> str:
    """Return a key that is a plain name; others might be personal."""
    return step if isinstance(step, str) and PLAIN_NAME(step) else "?"


def _readable(value: Any, depth: int = 0) -> Any:
    """Return a copy that both libraries can read: no broken texts, no NaN, nothing but JSON."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping) and depth < _DEEPEST:
        return {_readable(str(key)): _readable(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple) and depth < _DEEPEST:
        return [_readable(inner, depth + 1) for inner in value]
    is_number = isinstance(value, float | Decimal) and is_finite(value)
    return value if is_number or isinstance(value, bool | int) else None
