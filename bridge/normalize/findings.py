"""The findings of one normalization, and the explanation beside them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from bridge.explain.trace import Trace
from bridge.meta_spec.spec import MetaSpec
from bridge.models import Finding, Position
from bridge.normalize.context import ValueDropped

_SAFE_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]{0,63}").fullmatch


class Notes:
    """Collects what was left out and why. Names of fields only, never a value."""

    __slots__ = ("findings", "positions", "spec", "trace")

    def __init__(self, spec: MetaSpec, positions: Mapping[str, Position], trace: Trace | None) -> None:
        self.spec = spec
        self.positions = positions
        self.trace = trace
        self.findings: list[Finding] = []

    def found(self, code: str, field: str, **names: object) -> None:
        """Add a finding of a rule about a field (`custom_data.value`), once."""
        position = self.positions.get(field) or self.positions.get(field.partition("[")[0])
        finding = self.spec.rules[code].finding(f"$.{field}", position, field=field, **names)
        if finding not in self.findings:
            self.findings.append(finding)

    def dropped(self, field: str, reason: ValueDropped) -> None:
        """Add a finding that a value was left out. Where nothing stood, nothing was lost: no finding."""
        if reason.code != "empty_value":
            self.found(reason.code, field, **reason.names)
        if self.trace is not None:
            rule = self.spec.rules[reason.code]
            self.trace.dropped(field, rule.message.format_map({"field": field, **reason.names}))

    def unknown_key(self, block: str, key: object) -> None:
        """Add a finding about a key Meta does not know; a key that might be personal is not repeated."""
        shown = key if isinstance(key, str) and _SAFE_KEY(key) else "?"
        self.found("unknown_key" if block else "unknown_field", f"{block}.{shown}" if block else shown)
