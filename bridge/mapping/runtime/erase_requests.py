"""Webhooks that are no events: whom they ask to erase, and what a person has to answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.finding import Finding, Position
from bridge.mapping.runtime.event import MappedLine
from bridge.mapping.runtime.scope import Reader, Scope, text_of
from bridge.models import Draft, ReadingSettings

NEEDS_A_PERSON = "needs_a_person"  # the code of what is held until somebody answers it
Condition = Callable[[Scope], str | None]  # None when it holds, else why it does not


@dataclass(frozen=True, slots=True)
class CompiledErase:
    """The `erase` block: when it applies, and how each kind of identifier is read."""

    condition: Condition | None
    identifiers: tuple[tuple[str, Reader], ...]
    never_send: bool
    destination: str | None
    position: Position
    lines: tuple[MappedLine, ...]

    def applies(self, scope: Scope) -> bool:
        """Return whether the item asks to erase somebody."""
        return self.condition is None or self.condition(scope) is None

    def named_by(self, scope: Scope) -> Iterator[tuple[str, str]]:
        """Yield how the item names the person: kinds and texts."""
        for kind, reader in self.identifiers:
            yield from ((kind, text) for text in _texts(reader.read(scope)))


@dataclass(frozen=True, slots=True)
class CompiledHold:
    """One entry of `hold`: a webhook that a person has to answer."""

    condition: Condition
    label: str
    reason: str
    fix: str
    position: Position
    lines: tuple[MappedLine, ...]

    def draft(self, settings: ReadingSettings, send_to: tuple[str, ...]) -> Draft:
        """Return the draft that waits for the person."""
        finding = Finding("error", NEEDS_A_PERSON, self.reason, self.fix, position=self.position)
        return Draft(self.label, {}, settings, send_to, {}, "held", self.reason, (finding,))


@dataclass(frozen=True, slots=True)
class CompiledRequests:
    """What a mapping says of webhooks that are no events; `send_to` is where they are listed."""

    erase: CompiledErase | None
    holds: tuple[CompiledHold, ...]
    send_to: tuple[str, ...]

    @property
    def lines(self) -> tuple[MappedLine, ...]:
        """Return every mapped line, with the paths it reads."""
        blocks = (*((self.erase,) if self.erase else ()), *self.holds)
        return tuple(line for block in blocks for line in block.lines)

    def asked(self, scopes: Sequence[Scope]) -> Mapping[str, tuple[str, ...]] | None:
        """Return how a webhook names whom it asks to erase, by kind; None when it does not ask for that."""
        asking = [scope for scope in scopes if self.erase and self.erase.applies(scope)]
        if self.erase is None or not asking:
            return None
        named = [pair for scope in asking for pair in self.erase.named_by(scope)]
        kinds = dict.fromkeys(kind for kind, _ in named)
        return {kind: tuple(text for one, text in named if one == kind) for kind in kinds}

    def held(self, scopes: Sequence[Scope], settings: ReadingSettings) -> tuple[Draft, ...]:
        """Return a draft for each item that a person has to answer."""
        return tuple(
            hold.draft(settings, self.send_to)
            for scope in scopes
            for hold in self.holds
            if hold.condition(scope) is None
        )

    def unnamed(self, settings: ReadingSettings) -> Draft:
        """Return the draft of a webhook that asks to erase somebody whom it does not name."""
        reason = "the webhook asks to erase a person, but none of its identifiers can be read"
        fix = "check the names under erase, or erase the person by hand: capi-bridge events erase"
        position = self.erase.position if self.erase else None
        finding = Finding("error", "nobody_to_erase", reason, fix, position=position)
        return Draft("erase", {}, settings, self.send_to, {}, "held", reason, (finding,))

    def nothing(self, settings: ReadingSettings) -> Draft:
        """Return the draft of a webhook that asks for nothing the mapping knows."""
        reason = "the webhook asks for nothing that erase or hold is for: their conditions do not hold"
        return Draft("erase", {}, settings, self.send_to, {}, "skipped", reason)


def _texts(value: Any) -> Iterator[str]:
    for entry in value if isinstance(value, list) else [value]:
        text = text_of(entry)
        if text and text.strip():
            yield text
