"""The golden folders of tests/cases: what a vendor sends, as a body, and everything it becomes.

tests/cases/<vendor>/<claim>/case.yaml       the mapping, and the rest of the request
tests/cases/<vendor>/<claim>/body.raw        the bytes as received
tests/cases/<vendor>/<claim>/expected.json   everything that comes out
tests/cases/<vendor>/<claim>/mapping.yaml    only if no shipped mapping shows the claim
tests/cases/<vendor>/<claim>/fetched.json    the answers of what the mapping fetches, if it does
"""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.body.parse import parse
from bridge.errors import Refused
from bridge.mapping import CompiledMapping, load_mapping
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.meta_spec.shipped_files import shipped
from bridge.models import AnswerLookup, Event, Request, Verified
from bridge.pipeline import translate
from bridge.serialization import encode
from bridge.verify import handshake_answer

CASES = Path(__file__).parent.parent / "cases"
FOLDERS = sorted(folder for folder in CASES.glob("*/*") if folder.is_dir())


def read_case(folder: Path) -> tuple[CompiledMapping, Request, AnswerLookup]:
    case: dict[str, Any] = yaml.safe_load((folder / "case.yaml").read_text("utf-8"))
    own = folder / "mapping.yaml"
    file = own if own.exists() else shipped("mappings") / f"{case['mapping']}.yaml"
    mapping = load_mapping(file, environment=case.get("secrets", {}), spec=load_meta_spec())
    request = Request(
        method=case.get("method", "POST"),
        url=case.get("url", f"https://bridge.example.com/hooks/{mapping.name}"),
        headers={name.lower(): str(value) for name, value in case.get("headers", {}).items()},
        query={name: str(value) for name, value in case.get("query", {}).items()},
        body=(folder / "body.raw").read_bytes(),
        ip=None,
        received_at=datetime.fromisoformat(case["now"]),
    )
    fetched = folder / "fetched.json"
    answers = json.loads(fetched.read_text("utf-8"), parse_float=Decimal) if fetched.exists() else {}
    return mapping, request, mapping.recorded(answers)


def result_of(mapping: CompiledMapping, request: Request, fetched: AnswerLookup) -> dict[str, Any]:
    """Return what a webhook becomes, including handshakes and rejected requests, as for a live webhook."""
    rule = mapping.receive.handshake
    if rule is not None:
        asked = parse(Verified(request), mapping.receive) if rule.on == "field" else request
        if (challenge := handshake_answer(asked, rule)) is not None:
            return {"handshake": challenge.text}
    try:
        translation = translate(request, mapping, load_meta_spec(), fetched=fetched)
    except Refused as refusal:
        where = [finding.path for finding in refusal.findings]
        return {"refused": refusal.code, **({"where": where} if where else {})}
    result: dict[str, Any] = {"events": [as_json(event) for event in translation.events]}
    if translation.erasure is not None:
        result["erase"] = [f"{one.kind}: {one.cleaned}" for one in translation.erasure.identifiers]
    if translation.notes:
        result["notes"] = [note.code for note in translation.notes]
    return result


def as_json(event: Event) -> dict[str, Any]:
    result: dict[str, Any] = {"verdict": event.verdict}
    if event.reason:
        result["reason"] = event.reason
    if event.findings:
        result["findings"] = [finding.code for finding in event.findings]
    if event.data is not None:
        result["data"] = json.loads(encode(event.data))
    return result


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: f"{folder.parent.name}: {folder.name}")
def test_a_vendors_webhook_becomes_exactly_this(folder):
    for name in ("case.yaml", "body.raw"):
        if not (folder / name).exists():
            pytest.fail(
                f"{folder.relative_to(CASES.parent)} has no {name}; see CONTRIBUTING.md", pytrace=False
            )
    result = result_of(*read_case(folder))
    if not (folder / "expected.json").exists():
        printed = json.dumps(result, indent=2, ensure_ascii=False)
        pytest.fail(f"check every value by hand, then save this as expected.json:\n{printed}", pytrace=False)
    assert result == json.loads((folder / "expected.json").read_text("utf-8"))


def test_there_is_a_case_for_every_trap():
    assert len(FOLDERS) >= 30
