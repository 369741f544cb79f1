"""Every shipped mapping and every sample of it, as the senders' tests need them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest

from bridge.mapping import CompiledMapping, load_mapping
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.meta_spec.shipped_files import shipped
from bridge.models import Request, Translation

FOLDER = shipped("mappings")


@dataclass(frozen=True)
class Sample:
    """One shipped sample: the request it came as, and what the mapping makes of it."""

    mapping: str
    name: str
    file: Path
    request: Request
    outcome: str
    secrets: Mapping[str, str] = field(repr=False)


def names() -> list[str]:
    return sorted(file.stem for file in FOLDER.glob("*.yaml"))


@cache
def samples() -> tuple[Sample, ...]:
    return tuple(sample for name in names() for sample in samples_of(name))


def samples_of(name: str) -> Iterator[Sample]:
    for side_file in sorted((FOLDER / "samples" / name).glob("*.headers.json")):
        claim = side_file.name.removesuffix(".headers.json")
        [body] = [file for file in side_file.parent.glob(f"{claim}.*") if file != side_file]
        told = json.loads(side_file.read_text("utf-8"))
        yield Sample(
            name,
            f"{name}: {claim}",
            body,
            request_of(body, told, name),
            told["outcome"],
            told.get("secrets", {}),
        )


def request_of(body: Path, told: Mapping[str, object], name: str) -> Request:
    headers = told["headers"]
    assert isinstance(headers, dict)
    return Request(
        method="POST",
        url=str(told.get("url", f"https://bridge.example.com/hooks/{name}")),
        headers={key.lower(): value for key, value in headers.items()},
        query=told.get("query", {}),  # type: ignore[arg-type]
        body=body.read_bytes(),
        ip=None,
        received_at=datetime.fromisoformat(str(told["now"])),
    )


@cache
def environment() -> Mapping[str, str]:
    return {name: value for sample in samples() for name, value in sample.secrets.items()}


@cache
def mapping(name: str) -> CompiledMapping:
    return load_mapping(FOLDER / f"{name}.yaml", environment=environment(), spec=load_meta_spec())


def outcome(translation: Translation) -> str:
    """Return the best that became of a webhook's events."""
    verdicts = {event.verdict for event in translation.events}
    order = ("ready", "held", "suppressed", "skipped")
    return next((verdict for verdict in order if verdict in verdicts), "skipped")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Let every test that asks for `sample` or `shipped_name` run for all of them."""
    if "sample" in metafunc.fixturenames:
        metafunc.parametrize("sample", samples(), ids=lambda sample: sample.name)
    if "shipped_name" in metafunc.fixturenames:
        metafunc.parametrize("shipped_name", names())


@pytest.fixture
def senders() -> SimpleNamespace:
    """The functions above, for tests that need more than one sample."""
    return SimpleNamespace(
        names=names, samples=samples, samples_of=samples_of, mapping=mapping, environment=environment,
        outcome=outcome, folder=FOLDER,
    )  # fmt: skip
