"""`copy`: simple properties of the webhook as custom data, and telling which keys look personal."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from bridge.mapping.compiler.context import MAX_ITEMS, Compiling, Read
from bridge.mapping.language.reader import Entry, block_of
from bridge.mapping.runtime.scope import Scope
from bridge.meta_spec.spec import MetaSpec
from bridge.positioned_yaml import Scalar

Copy = Callable[[Scope, dict[str, Any]], None]


def compile_copy(compiling: Compiling, entry: Entry | None) -> Copy | None:
    """Return what takes simple properties of a block over into custom data; keys that look personal never."""
    entries = block_of(entry)
    source = entries["from"].node if "from" in entries else None
    if not isinstance(source, Scalar):
        return None
    compiled = compiling.path(source, source.text)
    only = _listed(compiling, entries, "only")
    skipped = _listed(compiling, entries, "except") or frozenset()
    if compiled is None:
        return None
    return _Copied(source.text, compiled.locate, only, skipped, compiling).run


@dataclass(frozen=True, slots=True)
class _Copied:
    """A compiled `copy` block."""

    path: str
    locate: Read
    only: frozenset[str] | None
    skipped: frozenset[str]
    compiling: Compiling

    def run(self, scope: Scope, into: dict[str, Any]) -> None:
        found = self.locate.read(scope)
        if not isinstance(found, dict):
            return
        for key, value in list(found.items())[:MAX_ITEMS]:
            if key not in into and self._is_simple(value) and self._is_taken(key):
                into[key] = value
                if scope.trace is not None:
                    scope.trace.supplied(f"custom_data.{key}", f"{self.path}.{key}")

    def _is_simple(self, value: Any) -> bool:
        """Return whether a value is plain and does not look like an e-mail address."""
        if isinstance(value, list | dict) or self.compiling.empty.is_empty(value):
            return False
        return not (isinstance(value, str) and "@" in value)

    def _is_taken(self, key: str) -> bool:
        folded = key.strip().casefold()
        if is_personal(self.compiling.loading.spec, key):
            return False
        if self.only is not None:
            return folded in self.only
        return folded not in self.skipped and key not in self.compiling.loading.grammar["custom_data"].keys


def _listed(compiling: Compiling, entries: Mapping[str, Entry], name: str) -> frozenset[str] | None:
    entry = entries.get(name)
    if entry is None or entry.value is None:
        return None
    if name == "only":
        for word in entry.value:
            if is_personal(compiling.loading.spec, word):
                fix = "map it under user_data, where it is hashed, or leave it out"
                message = f"{word} looks like personal data, and custom_data is not hashed"
                compiling.loading.error(entry.node, "personal_property", message, fix)
    return frozenset(word.strip().casefold() for word in entry.value)


# --- personal keys

_WORDS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W\d_]+")


# words that are personal alone, but not inside a name the author chose (`order_state`, `store_city`)
_EVERYDAY: Final = frozenset({"city", "state", "country", "address", "street", "gender", "mobile", "mail"})


def is_personal(spec: MetaSpec, key: str) -> bool:
    """Return whether a key may hold something about a person; for keys that nobody has checked."""
    return not _personal_words(key).isdisjoint(spec.personal_keys)


def names_a_person(spec: MetaSpec, key: str) -> bool:
    """Return whether a key holds something about a person (`customer_email`); for keys an author wrote."""
    words = _personal_words(key)
    whole = re.sub(r"[\W_]", "", key).casefold()
    return not (words - (_EVERYDAY - {whole})).isdisjoint(spec.personal_keys)


def _personal_words(key: str) -> frozenset[str]:
    """Return a key as one word, its neighbouring words joined, and its longer words."""
    words = [word.casefold() for word in _WORDS.findall(key)]
    pairs = (first + second for first, second in pairwise(words))
    return frozenset(
        {re.sub(r"[\W_]", "", key).casefold(), *pairs, *(word for word in words if len(word) > 3)}
    )
