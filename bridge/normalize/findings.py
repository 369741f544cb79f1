"""Collects the findings of one normalization, and writes its explanation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bridge.explain.trace import Trace
from bridge.finding import Finding, Position
from bridge.meta_spec.right_place import ITEMS, with_right_place
from bridge.meta_spec.spec import MetaSpec
from bridge.normalize.context import ValueDropped
from bridge.privacy.personal_data import PLAIN_NAME
from bridge.privacy.phone_numbers import Phones

_UNKNOWN_KEYS: Final = {"": "unknown_field", ITEMS: "item_unknown_key"}


class Findings:
    """Collects what was left out and why, with the names of fields and never a value.

    `phones` are the digits of the phone numbers the webhook maps; no unhashed text may hold them.
    """

    __slots__ = ("collected", "phones", "positions", "spec", "trace")

    def __init__(
        self,
        spec: MetaSpec,
        positions: Mapping[str, Position],
        trace: Trace | None,
        phones: Phones = (),
    ) -> None:
        self.spec = spec
        self.positions = positions
        self.trace = trace
        self.phones = phones
        self.collected: list[Finding] = []

    def add(self, code: str, field: str, **names: object) -> None:
        """Add a finding of a rule about a field (`custom_data.value`), once."""
        position = self.positions.get(field) or self.positions.get(field.partition("[")[0])
        finding = self.spec.rules[code].finding(f"$.{field}", position, field=self._shown(field), **names)
        if finding not in self.collected:
            self.collected.append(finding)

    def add_dropped(self, field: str, reason: ValueDropped) -> None:
        """Add a finding that a value was left out. An empty value gives none: nothing was lost."""
        if reason.code != "empty_value":
            self.add(reason.code, field, **reason.names)
        if self.trace is not None:
            rule = self.spec.rules[reason.code]
            self.trace.dropped(field, rule.message.format_map({"field": self._shown(field), **reason.names}))

    def _shown(self, field: str) -> str:
        """Return a field as its author knows it: mappings say `zip`, and what was not mapped says `zp`."""
        return self.spec.name_in_mappings(field) if self.positions else field

    def add_unknown_key(self, block: str, key: object) -> None:
        """Add a finding about a key Meta does not know; a key that might be personal is not repeated."""
        shown = key if isinstance(key, str) and PLAIN_NAME(key) else "?"
        field = f"{block}.{shown}" if block else shown
        kind = block.partition("[")[0]
        rule = self.spec.rules[_UNKNOWN_KEYS.get(kind, "unknown_key_left_out")]
        finding = rule.finding(f"$.{field}", self.positions.get(field), field=self._shown(field))
        advised = with_right_place(finding, key, self.spec.right_places, kind if kind == ITEMS else "")
        if advised not in self.collected:
            self.collected.append(advised)
