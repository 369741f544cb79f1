"""What the authoring tests share: the rule files, a moment, and mappings made from text."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.mapping import CompiledMapping, load_mapping
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.meta_spec.spec import MetaSpec

HEAD = """\
version: 1
event_name: Lead
action_source: system_generated
event_id: lead-{id}
user_data:
  email: email
"""


@pytest.fixture(scope="session")
def spec() -> MetaSpec:
    return load_meta_spec()


@pytest.fixture(scope="session")
def now() -> datetime:
    return datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def mapping_of(spec, tmp_path) -> Callable[..., CompiledMapping]:
    """Write a mapping into a folder of its own and load it; files beside it come by name."""

    def make(text: str, files: dict[str, bytes] | None = None, name: str = "contact") -> CompiledMapping:
        file = tmp_path / f"{name}.yaml"
        file.write_text(text, encoding="utf-8")
        for beside, content in (files or {}).items():
            (tmp_path / beside).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / beside).write_bytes(content)
        return load_mapping(file, environment={}, spec=spec, secrets="optional")

    return make


@pytest.fixture(scope="session")
def shipped_samples() -> list[Path]:
    """Every real body that ships with the mappings."""
    folder = Path(__file__).parents[2] / "mappings" / "samples"
    return sorted(file for file in folder.rglob("*") if file.is_file() and ".headers." not in file.name)
