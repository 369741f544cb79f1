"""What the language tests share: the rule files, the folders of fixtures, and webhooks made by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import Invalid
from bridge.finding import Finding
from bridge.mapping import CompiledMapping, load_mapping
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.meta_spec.spec import MetaSpec
from bridge.models import Draft, Request, Webhook

NOW = datetime(2026, 11, 21, tzinfo=UTC)
SECRETS = {
    "SHOPIFY_SECRET": "shop secret",
    "HUBSPOT_SECRET": "deal secret",
    "HEX_SECRET": "00ff",
    "RESULT_SECRET": "d2hzZWNyZXQ=",
}

HEAD = "version: 1\nevent_name: Lead\naction_source: website\n"


@pytest.fixture(scope="session")
def spec() -> MetaSpec:
    return load_meta_spec()


@pytest.fixture(scope="session")
def load(spec) -> Callable[..., CompiledMapping]:
    """Compile a mapping from its text; `head=False` when the text has version, name and source itself."""

    def load_text(text: str, *, head: bool = True, **options: Any) -> CompiledMapping:
        source = (HEAD + text if head else text).encode()
        options = {"environment": SECRETS, "spec": spec, **options}
        return load_mapping(Path("mappings/sample.yaml"), source=source, **options)

    return load_text


@pytest.fixture(scope="session")
def problems(load) -> Callable[..., tuple[Finding, ...]]:
    """Return what is wrong with a mapping; () when nothing is."""

    def problems_of(text: str, **options: Any) -> tuple[Finding, ...]:
        try:
            return load(text, **options).warnings
        except Invalid as invalid:
            return invalid.findings

    return problems_of


@pytest.fixture(scope="session")
def webhook() -> Callable[..., Webhook]:
    """Make a webhook from its data."""

    def make(
        data: Any,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: bytes = b"{}",
    ) -> Webhook:
        request = Request(
            "POST", "https://bridge.example/hooks/x", headers or {}, query or {}, body, "203.0.113.7", NOW
        )
        return Webhook(request, data)

    return make


@pytest.fixture(scope="session")
def drafts(load, webhook) -> Callable[..., tuple[Draft, ...]]:
    """Run a mapping given as text on data."""

    def run(text: str, data: Any, *, head: bool = True, **arrival: Any) -> tuple[Draft, ...]:
        return load(text, head=head).drafts(webhook(data, **arrival))

    return run
