"""The Python that was written for a mapping, as text for people who want to see what their mapping does."""

from __future__ import annotations

from bridge.mapping import CompiledMapping
from bridge.mapping.runtime.event import CompiledEvent

_TEXTS = ("text_", "words_", "sent_")


def code_listing(mapping: CompiledMapping) -> str:
    """Return the function of each event under a comment with the event's name and the mapping's own texts.

    Nothing in it came from a webhook. Texts are written as Python writes them, so none can end its comment.
    """
    head = f"# {ascii(str(mapping.file))[1:-1]}\n"
    return "\n".join((head, *(_listed(event) for event in mapping.events)))


def _listed(event: CompiledEvent) -> str:
    name = event.label or event.event_name_text
    title = f"# event {event.number}{f': {name!a}' if name else ''}"
    if event.code is None:
        return f"{title}\n# It has something that only the general way can do: that reads every webhook.\n"
    texts = [
        f"# {name} = {_written(value)}"
        for name, value in event.code.constants.items()
        if name.startswith(_TEXTS) and isinstance(value, str | frozenset)
    ]
    return "\n".join((title, *texts, "", event.code.source))


def _written(value: str | frozenset[str]) -> str:
    return ascii(value) if isinstance(value, str) else f"{{{', '.join(map(ascii, sorted(value)))}}}"
