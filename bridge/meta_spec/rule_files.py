"""Reads the rule files of `schemas/` into one `MetaSpec`. Every fact about Meta comes from them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from bridge.meta_spec.right_place import right_places
from bridge.meta_spec.shipped_files import read_yaml_file, shipped
from bridge.meta_spec.spec import (
    GraphVersion,
    Hashing,
    MatchWeights,
    MetaLimits,
    MetaSpec,
    ResponseMeaning,
    ResponseTable,
    Rule,
    TooBroad,
    UserDataRule,
)


@cache
def load_meta_spec() -> MetaSpec:
    """Read every rule file that ships with the bridge."""
    return read_meta_spec(shipped("schemas"))


def read_meta_spec(folder: Path) -> MetaSpec:
    """Read the rule files of a folder laid out like `schemas/`."""
    fields = read_yaml_file(folder / "meta/user_data.yaml")
    events = read_yaml_file(folder / "meta/events.yaml")
    words = read_yaml_file(folder / "words.yaml")
    money = read_yaml_file(folder / "currencies.yaml")
    places = read_yaml_file(folder / "countries.yaml")
    schema = json.loads((folder / "meta/event.schema.json").read_text(encoding="utf-8"))
    limits = _limits(read_yaml_file(folder / "meta/limits.yaml"))
    other_names = read_yaml_file(folder / "meta/other_names.yaml")
    user_data = _user_data(fields)
    user_data_names = _names(user_data, fields["aliases"])
    placeholders = frozenset(words["empty_texts"]) | frozenset(words["no_identity"])
    standard = events["standard"]
    return MetaSpec(
        user_data=user_data,
        user_data_names=user_data_names,
        too_broad=_too_broad(fields["too_broad"]),
        event_schema=schema,
        limits=limits,
        responses=_responses(read_yaml_file(folder / "meta/answers.yaml")),
        rules=_rules(read_yaml_file(folder / "meta/rules.yaml")),
        match=_match(read_yaml_file(folder / "meta/match.yaml")),
        standard_events=frozenset(standard),
        catalog_events=frozenset(name for name, about in standard.items() if about.get("catalog")),
        recommended={name: tuple(about.get("recommended", ())) for name, about in standard.items()},
        messaging_events=frozenset(events["messaging"]),
        reserved_events=frozenset(events["reserved"]),
        action_sources=tuple(schema["properties"]["action_source"]["enum"]),
        currencies=MappingProxyType(money["minor_units"]),
        currencies_without_cents=frozenset(money["without_cents"]),
        currency_signs=MappingProxyType(money["signs"]),
        currency_words=frozenset(money["words"]),
        multipliers=frozenset(money["multipliers"]),
        countries=MappingProxyType(_countries(places["codes"], words["country_aliases"])),
        regions=MappingProxyType(
            {name: frozenset(codes) for name, codes in read_yaml_file(folder / "regions.yaml").items()}
        ),
        country_languages=tuple(words["country_languages"]),
        states=MappingProxyType(places["states"]),
        empty_texts=frozenset(words["empty_texts"]),
        placeholders=placeholders,
        unfilled=re.compile("|".join(words["unfilled"])),
        unfilled_signs=re.compile("|".join(map(re.escape, words["unfilled_signs"]))),
        template_signs=tuple(words["unfilled_signs"]),
        placeholder_hashes=frozenset(hashes_of(placeholders)),
        server_user_agents=tuple(words["server_user_agents"]),
        ambiguous_countries=frozenset(words["ambiguous_countries"]),
        postal_code_digits=MappingProxyType(words["postal_code_digits"]),
        postal_code_prefixes=MappingProxyType(
            {country: frozenset(signs) for country, signs in words["postal_code_prefixes"].items()}
        ),
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
        right_places=right_places(
            schema,
            {key: name for key, name in user_data_names.items() if not user_data[name].virtual},
            other_names,
        ),
        not_in_custom_data=frozenset(other_names["not_in_custom_data"]),
        folder=folder,
        milliseconds_from=limits.milliseconds_from,
    )


def _user_data(table: Mapping[str, Any]) -> Mapping[str, UserDataRule]:
    patterns = {name: re.compile(text) for name, text in table["patterns"].items()}
    fields = {
        name: _with_keys(entry, f"user_data.yaml: {name}", *_FIELD_KEYS)
        for name, entry in table["fields"].items()
    }
    rules = {
        name: UserDataRule(
            name=name,
            long_name=entry["long_name"],
            title=entry["title"],
            steps=tuple(entry["steps"]),
            hashed=_HASHING[entry["hashed"]],
            many=entry["many"],
            separated=entry.get("separated", False),
            integer=entry.get("integer", False),
            common=entry.get("common", False),
            escaped=entry.get("escaped", _HASHING[entry["hashed"]] == "yes"),
            real_words=frozenset(entry.get("real_words", ())),
            real_results=frozenset(entry.get("real_results", ())),
            surnames=frozenset(entry.get("surnames", ())),
            sent_as=entry["sent_as"],
            pattern=patterns[entry["sent_as"]],
            source=entry.get("source", table["source"]),
            decision=entry.get("decision", ""),
            examples=tuple((*example, None)[:3] for example in entry["examples"]),
        )
        for name, entry in fields.items()
    }
    rules |= {
        name: UserDataRule(
            name=name, long_name=name, title=entry["title"], many=True, becomes=tuple(entry["becomes"])
        )
        for name, entry in table["virtual"].items()
    }
    return MappingProxyType(rules)


def _with_keys(entry: Mapping[str, Any], where: str, *required: str) -> Mapping[str, Any]:
    """Return an entry of a rule file, or say which of its keys are missing and where."""
    if missing := [key for key in required if key not in (entry or ())]:
        raise ValueError(f"schemas/meta/{where} has no {', '.join(missing)}; copy a neighbor and change it")
    return entry


_HASHING: Final[dict[object, Hashing]] = {True: "yes", False: "no", "asked": "asked"}


def _names(user_data: Mapping[str, UserDataRule], aliases: Mapping[str, str]) -> Mapping[str, str]:
    """Return every accepted spelling of a key of `user_data`, and Meta's own name for it."""
    own = {name: name for name in user_data}
    return MappingProxyType({**aliases, **{rule.long_name: name for name, rule in user_data.items()}, **own})


def _too_broad(sets: Iterable[Iterable[str]]) -> TooBroad:
    groups = tuple(frozenset(group) for group in sets)
    return TooBroad(groups, frozenset().union(*groups))


def _limits(table: Mapping[str, Any]) -> MetaLimits:
    graph = table["graph"]
    return MetaLimits(
        batch_events=table["batch"]["events"],
        batch_bytes=table["batch"]["bytes"],
        windows_seconds=MappingProxyType(table["windows_seconds"]),
        margin_seconds=table["margin_seconds"],
        future_tolerance_seconds=table["future_tolerance_seconds"],
        milliseconds_from=table["milliseconds_from"],
        append_attribution_seconds=table["append_attribution_seconds"],
        deduplication_seconds=table["deduplication_seconds"],
        **table["text"],
        **table["cookies"],
        graph_default=graph["default"],
        graph_warn_days=graph["warn_days"],
        graph_versions=MappingProxyType(
            {name: GraphVersion(name, until) for name, (_released, until) in graph["versions"].items()}
        ),
    )


def _responses(table: Mapping[str, Any]) -> ResponseTable:
    kinds = table["actions"]

    def meaning(entry: Mapping[str, Any]) -> ResponseMeaning:
        return ResponseMeaning(
            **{**kinds[entry["as"]], **{key: value for key, value in entry.items() if key != "as"}}
        )

    return ResponseTable(
        situations=MappingProxyType({name: meaning(entry) for name, entry in table["situations"].items()}),
        codes=MappingProxyType({code: meaning(entry) for code, entry in table["codes"].items()}),
        subcodes=MappingProxyType(
            {
                (code, subcode): meaning(entry)
                for code, entries in table["subcodes"].items()
                for subcode, entry in entries.items()
            }
        ),
        ranges=tuple((*entry["range"], meaning(entry["answer"])) for entry in table["ranges"]),
    )


_RULE_KEYS: Final = ("severity", "message", "fix", "source")
_FIELD_KEYS: Final = ("long_name", "title", "steps", "hashed", "many", "sent_as", "examples")


def _rules(table: Mapping[str, Any]) -> Mapping[str, Rule]:
    return MappingProxyType(
        {
            code: Rule(code=code, area=area, **_with_keys(entry, f"rules.yaml: {code}", *_RULE_KEYS))
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


def hashes_of(placeholders: Iterable[str]) -> set[str]:
    """Return the SHA-256 of every placeholder in the spellings that people hash without looking."""
    spellings = {spelling for text in placeholders for spelling in (text, text.upper(), text.title())}
    return {hashlib.sha256(text.encode()).hexdigest() for text in spellings}
