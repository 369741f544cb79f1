"""Meta's rules as frozen values: `MetaSpec` holds everything that the files of `schemas/` say."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, cast

from bridge.finding import Finding, Position, Severity

Hashing = Literal["yes", "no", "asked"]


@dataclass(frozen=True, slots=True)
class UserDataRule:
    """What Meta requires of one key of `user_data`; `virtual` ones become other keys."""

    name: str
    long_name: str
    title: str
    steps: tuple[str, ...] = ()
    hashed: Hashing = "no"
    many: bool = False
    separated: bool = False
    integer: bool = False
    common: bool = False
    escaped: bool = False
    real_words: frozenset[str] = frozenset()
    real_results: frozenset[str] = frozenset()
    surnames: frozenset[str] = frozenset()
    sent_as: str = "text"
    pattern: re.Pattern[str] | None = None
    source: str = ""
    decision: str = ""
    examples: tuple[tuple[str, str | None, str | None], ...] = ()
    becomes: tuple[str, ...] = ()

    @property
    def virtual(self) -> bool:
        """Say whether Meta does not know this key and others are filled from it."""
        return bool(self.becomes)


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that can be wrong: its stable code, how bad it is, what to say and what to do.

    `fix_in_body` is the fix for a finished event, where that of a mapping says nothing; else it is empty.
    """

    code: str
    severity: Severity
    message: str
    fix: str
    source: str = ""
    area: str = "event"
    trips: str = ""
    passes: str = ""
    fix_in_body: str = ""

    def finding(self, path: str | None, position: Position | None = None, **names: object) -> Finding:
        """Return the finding; `names` fill the message and must never hold a value that a person sent."""
        message, fix = self.message.format_map(names), self.fix.format_map(names)
        return Finding(self.severity, self.code, message, fix, path, position)


@dataclass(frozen=True, slots=True)
class GraphVersion:
    """The life of one Graph API version."""

    name: str
    usable_until: date | None


@dataclass(frozen=True, slots=True)
class MetaLimits:
    """Bounds and windows of the Conversions API; units are in the names."""

    batch_events: int
    batch_bytes: int
    windows_seconds: Mapping[str, int]
    margin_seconds: int
    future_tolerance_seconds: int
    milliseconds_from: int
    append_attribution_seconds: int
    deduplication_seconds: int
    event_name: int
    user_data_list: int
    custom_text: int
    custom_depth: int
    fbc_days: int
    fbp_days: int
    graph_default: str
    graph_warn_days: int
    graph_versions: Mapping[str, GraphVersion]

    def window_seconds(self, action_source: object) -> int:
        """Return how old an event of this action source may be."""
        windows = self.windows_seconds
        return (
            windows.get(action_source, windows["default"])
            if isinstance(action_source, str)
            else windows["default"]
        )


@dataclass(frozen=True, slots=True)
class ResponseMeaning:
    """What one of Meta's responses means: what to do with the events, who must act, and what to do next."""

    action: str
    meaning: str
    who: str
    next_step: str
    attempts: int | None = None
    wait: str = ""
    alert: bool = False


@dataclass(frozen=True, slots=True)
class ResponseTable:
    """The meanings of Meta's responses: by situation, by code, by code and subcode, by range of codes."""

    situations: Mapping[str, ResponseMeaning]
    codes: Mapping[int, ResponseMeaning]
    subcodes: Mapping[tuple[int, int], ResponseMeaning]
    ranges: tuple[tuple[int, int, ResponseMeaning], ...]


@dataclass(frozen=True, slots=True)
class MatchWeights:
    """Our own weights of identifiers for the match strength; see `schemas/meta/match.yaml`."""

    weights: Mapping[str, int]
    expected: tuple[str, ...]
    groups: tuple[frozenset[str], ...]
    advice: Mapping[str, str]
    good_from: int


@dataclass(frozen=True, slots=True)
class TooBroad:
    """Sets of identifiers that alone fit too many people; `keys` are the members of all of them."""

    groups: tuple[frozenset[str], ...]
    keys: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class MetaSpec:
    """Everything the rule files say. Frozen; made once by `rule_files.load_meta_spec`.

    Compared and hashed by identity, so that what is compiled from a spec can be cached by it.
    """

    user_data: Mapping[str, UserDataRule]
    user_data_names: Mapping[str, str]
    too_broad: TooBroad
    event_schema: dict[str, Any] = field(repr=False)
    limits: MetaLimits = field(repr=False)
    responses: ResponseTable = field(repr=False)
    rules: Mapping[str, Rule] = field(repr=False)
    match: MatchWeights = field(repr=False)
    standard_events: frozenset[str] = field(repr=False)
    catalog_events: frozenset[str] = field(repr=False)
    recommended: Mapping[str, tuple[str, ...]] = field(repr=False)
    messaging_events: frozenset[str] = field(repr=False)
    reserved_events: frozenset[str] = field(repr=False)
    action_sources: tuple[str, ...]
    currencies: Mapping[str, int] = field(repr=False)
    currencies_without_cents: frozenset[str] = field(repr=False)
    currency_signs: Mapping[str, str] = field(repr=False)
    currency_words: frozenset[str] = field(repr=False)
    multipliers: frozenset[str] = field(repr=False)
    countries: Mapping[str, str] = field(repr=False)
    regions: Mapping[str, frozenset[str]] = field(repr=False)
    country_languages: tuple[str, ...] = field(repr=False)
    states: Mapping[str, Mapping[str, str]] = field(repr=False)
    empty_texts: frozenset[str] = field(repr=False)
    placeholders: frozenset[str] = field(repr=False)
    unfilled: re.Pattern[str] = field(repr=False)
    unfilled_signs: re.Pattern[str] = field(repr=False)
    template_signs: tuple[str, ...] = field(repr=False)
    placeholder_hashes: frozenset[str] = field(repr=False)
    server_user_agents: tuple[str, ...] = field(repr=False)
    ambiguous_countries: frozenset[str] = field(repr=False)
    postal_code_digits: Mapping[str, int] = field(repr=False)
    postal_code_prefixes: Mapping[str, frozenset[str]] = field(repr=False)
    genders: Mapping[str, str] = field(repr=False)
    name_particles: frozenset[str] = field(repr=False)
    name_suffixes: frozenset[str] = field(repr=False)
    name_titles: frozenset[str] = field(repr=False)
    months: tuple[str, ...] = field(repr=False)
    no_visitor_networks: tuple[str, ...] = field(repr=False)
    personal_keys: frozenset[str] = field(repr=False)
    personal_parameters: frozenset[str] = field(repr=False)
    sensitive_words: frozenset[str] = field(repr=False)
    international_number: re.Pattern[str] = field(repr=False)
    right_places: Mapping[str, str] = field(repr=False)
    not_in_custom_data: frozenset[str] = field(repr=False)
    folder: Path = field(repr=False)
    milliseconds_from: int = 0

    def is_unfilled(self, text: str) -> bool:
        """Say whether a text holds a template that was never filled in, such as `{{1.email}}`."""
        return self.unfilled_signs.search(text) is not None and self.unfilled.search(text) is not None

    def in_finished_body(self, finding: Finding) -> Finding:
        """Return a finding for who sends finished events: its fix speaks of the body, not of a mapping."""
        rule = self.rules.get(finding.code)
        if rule is None or not rule.fix_in_body or finding.suggestion is not None:
            return finding
        return replace(finding, fix=rule.fix_in_body)

    def name_in_mappings(self, field: str) -> str:
        """Return a field by the name that mappings use: `user_data.zip` for Meta's `user_data.zp`."""
        block, _, rest = field.partition(".")
        name, bracket, place = rest.partition("[")
        rule = self.user_data.get(name) if block == "user_data" else None
        return field if rule is None else f"{block}.{rule.long_name}{bracket}{place}"

    def signs_written_with(self, characters: str) -> tuple[str, ...]:
        """Return the signs of templates that a text of these characters alone (`[A-Za-z0-9]`) can hold."""
        return tuple(filter(re.compile(f"{characters}+").fullmatch, self.template_signs))

    def country_names(self) -> dict[str, str]:
        """Read country names in many languages: on demand, because few webhooks need them."""
        return cast("dict[str, str]", json.loads((self.folder / "country_names.json").read_bytes()))


def with_severities(spec: MetaSpec, severities: Mapping[str, Severity]) -> MetaSpec:
    """Return the spec with some rules made stricter or milder (`website_without_user_agent: error`).

    Only rules Meta does not enforce itself (the area `event`) may be chosen; a KeyError names any other code.
    """
    unknown = [code for code in severities if spec.rules[code].area != "event"]
    if unknown:
        raise KeyError(unknown[0])
    rules = {code: replace(spec.rules[code], severity=severity) for code, severity in severities.items()}
    return replace(spec, rules=MappingProxyType({**spec.rules, **rules}))
