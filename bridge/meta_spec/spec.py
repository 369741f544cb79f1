"""All rule files of `schemas/`, read once, as one frozen MetaSpec. Every fact about Meta comes from here."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, cast

import yaml

from bridge.meta_spec.shipped_files import shipped
from bridge.models import Finding, Position, Severity

Hashing = Literal["yes", "no", "asked"]


@dataclass(frozen=True, slots=True)
class UserDataRule:
    """What Meta wants of one key of `user_data`; `virtual` ones become other keys."""

    name: str
    long_name: str
    title: str
    steps: tuple[str, ...] = ()
    hashed: Hashing = "no"
    many: bool = False
    integer: bool = False
    common: bool = False
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
    """One thing that can be wrong: its stable code, how bad it is, what to say and what to do."""

    code: str
    severity: Severity
    message: str
    fix: str
    source: str = ""
    area: str = "event"
    trips: str = ""
    passes: str = ""

    def finding(self, path: str | None, position: Position | None = None, **names: object) -> Finding:
        """Return the finding; `names` fill the message and must never hold a value that a person sent."""
        message, fix = self.message.format_map(names), self.fix.format_map(names)
        return Finding(self.severity, self.code, message, fix, path, position)


@dataclass(frozen=True, slots=True)
class GraphVersion:
    """The life of one Graph API version."""

    name: str
    released: date
    usable_until: date | None


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds and windows of the Conversions API; units are in the names."""

    batch_events: int
    batch_bytes: int
    windows_seconds: Mapping[str, int]
    margin_seconds: int
    future_tolerance_seconds: int
    milliseconds_from: int
    append_attribution_seconds: int
    event_name: int
    external_id: int
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
class ResponseRule:
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
    """The table of Meta's responses: by situation, by code, by code and subcode, by range of codes."""

    situations: Mapping[str, ResponseRule]
    codes: Mapping[int, ResponseRule]
    subcodes: Mapping[tuple[int, int], ResponseRule]
    ranges: tuple[tuple[int, int, ResponseRule], ...]


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
    """Sets of identifiers that alone fit too many people; `keys` are those that stand in any of them."""

    groups: tuple[frozenset[str], ...]
    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class MetaSpec:
    """Everything the rule files say. Frozen; made once by `load_meta_spec`."""

    user_data: Mapping[str, UserDataRule]
    user_data_names: Mapping[str, str]
    too_broad: TooBroad
    event_schema: dict[str, Any] = field(repr=False)
    limits: Limits = field(repr=False)
    responses: ResponseTable = field(repr=False)
    rules: Mapping[str, Rule] = field(repr=False)
    match: MatchWeights = field(repr=False)
    standard_events: frozenset[str] = field(repr=False)
    catalog_events: frozenset[str] = field(repr=False)
    messaging_events: frozenset[str] = field(repr=False)
    reserved_events: frozenset[str] = field(repr=False)
    action_sources: tuple[str, ...]
    currencies: Mapping[str, int] = field(repr=False)
    currency_signs: Mapping[str, str] = field(repr=False)
    countries: Mapping[str, str] = field(repr=False)
    country_languages: tuple[str, ...] = field(repr=False)
    states: Mapping[str, Mapping[str, str]] = field(repr=False)
    empty_texts: frozenset[str] = field(repr=False)
    placeholders: frozenset[str] = field(repr=False)
    placeholder_hashes: frozenset[str] = field(repr=False)
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
    folder: Path = field(repr=False)
    milliseconds_from: int = 0

    # A catalog is compared and hashed by identity, so that what is compiled from it can be cached by it.
    def __hash__(self) -> int:
        return object.__hash__(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    def country_names(self) -> dict[str, str]:
        """Read how countries are called in many languages; few webhooks need it, so nobody waits for it."""
        return cast("dict[str, str]", json.loads((self.folder / "country_names.json").read_bytes()))


@cache
def load_meta_spec() -> MetaSpec:
    """Read every rule file that ships with the bridge."""
    return read_meta_spec(shipped("schemas"))


def with_severities(spec: MetaSpec, severities: Mapping[str, Severity]) -> MetaSpec:
    """Return the catalog with some rules made stricter or milder (`website_without_user_agent: error`).

    Only rules Meta does not enforce itself (the area `event`) may be chosen; a KeyError names any other code.
    """
    unknown = [code for code in severities if spec.rules[code].area != "event"]
    if unknown:
        raise KeyError(unknown[0])
    rules = {code: replace(spec.rules[code], severity=severity) for code, severity in severities.items()}
    return replace(spec, rules=MappingProxyType({**spec.rules, **rules}))


def read_meta_spec(folder: Path) -> MetaSpec:
    """Read the rule files of a folder laid out like `schemas/`."""
    fields = _yaml(folder / "meta/user_data.yaml")
    events = _yaml(folder / "meta/events.yaml")
    words = _yaml(folder / "words.yaml")
    money = _yaml(folder / "currencies.yaml")
    places = _yaml(folder / "countries.yaml")
    schema = json.loads((folder / "meta/event.schema.json").read_text(encoding="utf-8"))
    limits = _limits(_yaml(folder / "meta/limits.yaml"))
    user_data = _user_data(fields)
    placeholders = frozenset(words["empty_texts"]) | frozenset(words["no_identity"])
    standard = events["standard"]
    return MetaSpec(
        user_data=user_data,
        user_data_names=_names(user_data, fields["aliases"]),
        too_broad=_too_broad(fields["too_broad"]),
        event_schema=schema,
        limits=limits,
        responses=_responses(_yaml(folder / "meta/answers.yaml")),
        rules=_rules(_yaml(folder / "meta/rules.yaml")),
        match=_match(_yaml(folder / "meta/match.yaml")),
        standard_events=frozenset(standard),
        catalog_events=frozenset(name for name, about in standard.items() if about.get("catalog")),
        messaging_events=frozenset(events["messaging"]),
        reserved_events=frozenset(events["reserved"]),
        action_sources=tuple(schema["properties"]["action_source"]["enum"]),
        currencies=MappingProxyType(money["minor_units"]),
        currency_signs=MappingProxyType(money["signs"]),
        countries=MappingProxyType(_countries(places["codes"], words["country_aliases"])),
        country_languages=tuple(words["country_languages"]),
        states=MappingProxyType(places["states"]),
        empty_texts=frozenset(words["empty_texts"]),
        placeholders=placeholders,
        placeholder_hashes=frozenset(_hashes_of(placeholders)),
        genders=MappingProxyType({word: sent for sent, group in words["genders"].items() for word in group}),
        name_particles=frozenset(words["name_particles"]),
        name_suffixes=frozenset(words["name_suffixes"]),
        name_titles=frozenset(words["name_titles"]),
        months=tuple(words["months"]),
        no_visitor_networks=tuple(words["no_visitor_networks"]),
        personal_keys=frozenset(words["personal_keys"]),
        personal_parameters=frozenset(words["personal_parameters"]),
        sensitive_words=frozenset(words["sensitive_words"]),
        international_number=re.compile(fields["international_number"]),
        folder=folder,
        milliseconds_from=limits.milliseconds_from,
    )


def _yaml(file: Path) -> dict[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return cast("dict[str, Any]", yaml.load(file.read_text(encoding="utf-8"), Loader=loader))  # noqa: S506 - a safe loader


def _user_data(table: Mapping[str, Any]) -> Mapping[str, UserDataRule]:
    patterns = {name: re.compile(text) for name, text in table["patterns"].items()}
    rules = {
        name: UserDataRule(
            name=name,
            long_name=entry["long_name"],
            title=entry["title"],
            steps=tuple(entry["steps"]),
            hashed=_HASHING[entry["hashed"]],
            many=entry["many"],
            integer=entry.get("integer", False),
            common=entry.get("common", False),
            sent_as=entry["sent_as"],
            pattern=patterns[entry["sent_as"]],
            source=entry.get("source", table["source"]),
            decision=entry.get("decision", ""),
            examples=tuple((*example, None)[:3] for example in entry["examples"]),
        )
        for name, entry in table["fields"].items()
    }
    rules |= {
        name: UserDataRule(
            name=name, long_name=name, title=entry["title"], many=True, becomes=tuple(entry["becomes"])
        )
        for name, entry in table["virtual"].items()
    }
    return MappingProxyType(rules)


_HASHING: Final[dict[object, Hashing]] = {True: "yes", False: "no", "asked": "asked"}


def _names(user_data: Mapping[str, UserDataRule], aliases: Mapping[str, str]) -> Mapping[str, str]:
    """Return every accepted spelling of a key of `user_data`, and Meta's own name for it."""
    own = {name: name for name in user_data}
    return MappingProxyType({**aliases, **{rule.long_name: name for name, rule in user_data.items()}, **own})


def _too_broad(sets: Iterable[Iterable[str]]) -> TooBroad:
    groups = tuple(frozenset(group) for group in sets)
    return TooBroad(groups, frozenset().union(*groups))


def _limits(table: Mapping[str, Any]) -> Limits:
    graph = table["graph"]
    return Limits(
        batch_events=table["batch"]["events"],
        batch_bytes=table["batch"]["bytes"],
        windows_seconds=MappingProxyType(table["windows_seconds"]),
        margin_seconds=table["margin_seconds"],
        future_tolerance_seconds=table["future_tolerance_seconds"],
        milliseconds_from=table["milliseconds_from"],
        append_attribution_seconds=table["append_attribution_seconds"],
        **table["text"],
        **table["cookies"],
        graph_default=graph["default"],
        graph_warn_days=graph["warn_days"],
        graph_versions=MappingProxyType(
            {
                name: GraphVersion(name, released, until)
                for name, (released, until) in graph["versions"].items()
            }
        ),
    )


def _responses(table: Mapping[str, Any]) -> ResponseTable:
    kinds = table["actions"]

    def rule(entry: Mapping[str, Any]) -> ResponseRule:
        return ResponseRule(
            **{**kinds[entry["as"]], **{key: value for key, value in entry.items() if key != "as"}}
        )

    return ResponseTable(
        situations=MappingProxyType({name: rule(entry) for name, entry in table["situations"].items()}),
        codes=MappingProxyType({code: rule(entry) for code, entry in table["codes"].items()}),
        subcodes=MappingProxyType(
            {
                (code, subcode): rule(entry)
                for code, entries in table["subcodes"].items()
                for subcode, entry in entries.items()
            }
        ),
        ranges=tuple((*entry["range"], rule(entry["answer"])) for entry in table["ranges"]),
    )


def _rules(table: Mapping[str, Any]) -> Mapping[str, Rule]:
    return MappingProxyType(
        {
            code: Rule(code=code, area=area, **entry)
            for area, entries in table["areas"].items()
            for code, entry in entries.items()
        }
    )


def _match(table: Mapping[str, Any]) -> MatchWeights:
    return MatchWeights(
        weights=MappingProxyType({name: entry["weight"] for name, entry in table["identifiers"].items()}),
        expected=tuple(table["expected"]),
        groups=tuple(frozenset(group) for group in table["counted_once"]),
        advice=MappingProxyType({name: entry["advice"] for name, entry in table["identifiers"].items()}),
        good_from=table["good_from"],
    )


def _countries(codes: Mapping[str, str], aliases: Mapping[str, str]) -> dict[str, str]:
    return {
        **aliases,
        **{alpha_3: alpha_2 for alpha_2, alpha_3 in codes.items()},
        **{alpha_2: alpha_2 for alpha_2 in codes},
    }


def _hashes_of(placeholders: Iterable[str]) -> set[str]:
    """Return the SHA-256 of every placeholder in the spellings that people hash without looking."""
    spellings = {spelling for text in placeholders for spelling in (text, text.upper(), text.title())}
    return {hashlib.sha256(text.encode()).hexdigest() for text in spellings}
