"""What a grammar of the mapping language is made of: keys, and blocks of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a block. `kind` says what its value may be (see value_kinds), `of` the block or the choices.

    `only_in` names the one field whose block takes the key, where not every block of the kind does.
    """

    name: str
    kind: str
    says: str
    of: str | tuple[str, ...] = ()
    default: str = ""
    alias: str = ""
    required: bool = False
    only_in: str = ""

    @property
    def choices(self) -> tuple[str, ...]:
        """The words allowed here, for a choice."""
        return self.of if isinstance(self.of, tuple) else ()

    def explained(self, written: str) -> str:
        """Return what the key means, for somebody who wrote it under this name."""
        sentences = [self.says] if self.says else []
        if written != self.name:
            sentences.append(f"The same as {self.name}.")
        if self.default:
            sentences.append(f"Default: {self.default}.")
        return " ".join(text if text.endswith(".") else f"{text}." for text in sentences)


@dataclass(frozen=True, slots=True)
class BlockGrammar:
    """One kind of block: its keys by name, and by every other accepted name."""

    name: str
    says: str
    keys: Mapping[str, Key]
    aliases: Mapping[str, str] = field(default_factory=dict)

    def names(self) -> Iterator[str]:
        """Every accepted name: the long ones first, then Meta's short ones."""
        for name, key in self.keys.items():
            if key.alias:
                yield key.alias
            else:
                yield name
        for name, key in self.keys.items():
            if key.alias:
                yield name

    def canonical(self, written: str) -> str | None:
        """Return the key's own name for any accepted name."""
        if written in self.keys:
            return written
        return self.aliases.get(written)


Grammar = Mapping[str, BlockGrammar]
