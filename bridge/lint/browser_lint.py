"""Says when no page of a website may read the answer that the mapping gives it."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.finding import Finding
from bridge.mapping.runtime.mapping import CompiledMapping
from bridge.positioned_yaml import Block


def lint_browser(mapping: CompiledMapping) -> Iterator[Finding]:
    """Yield a finding for a mapping that browsers post to and that names no website."""
    receive = mapping.node.get("receive")
    sent_by = receive.get("sent_by") if isinstance(receive, Block) else None
    if sent_by is None or mapping.receive.sent_by != "browser" or mapping.receive.origins:
        return
    yield Finding(
        "warning",
        "no_origins",
        "no website is named, so no page may read the answer, and none may post JSON from another domain",
        "name your websites below receive, for example origins: [https://www.example.com]",
        position=sent_by.position,
    )
