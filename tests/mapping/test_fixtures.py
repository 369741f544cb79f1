"""The fixture folders: what is valid loads without a word, what is invalid gives exactly these findings.

Beside each file of `invalid/` stands `<name>.findings`: one line for each finding, in order.
"""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from bridge.errors import Invalid
from bridge.finding import Finding
from bridge.mapping import load_mapping

HERE = Path(__file__).parent
VALID = sorted((HERE / "valid").glob("*.yaml"))
INVALID = sorted((HERE / "invalid").glob("*.yaml"))
SHIPPED = sorted((HERE.parents[1] / "mappings").glob("*.yaml"))
ENVIRONMENT = {
    "SHOPIFY_SECRET": "shop",
    "HUBSPOT_SECRET": "deal",
    "HEX_SECRET": "00ff",
    "RESULT_SECRET": "c2VjcmV0",
}
DESTINATIONS = ("main", "agency")
SOURCES = ("hubspot", "pipedrive")

# findings that an editor cannot have: they need the environment, another line, or the inside of a text
NOT_FOR_EDITORS = {
    "secrets",
    "destinations",
    "verify-timestamp",
    "verify-words",
    "answers",
    "answer-too-long",
    "verify-jwt",
    "verify-key",
    "paths",
    "visitor-values",
    "origins-of-a-server",
    "two-documents",
}
# files an editor's YAML parser refuses before any schema
NOT_EVEN_YAML = {"yaml-traps", "quote-not-closed", "not-utf8", "anchors-and-tags", "empty"}


def line_of(finding: Finding) -> str:
    where = finding.position
    hint = f"; did you mean {finding.suggestion!r}?" if finding.suggestion else ""
    fix = f" ({finding.fix})" if finding.fix else ""
    return f"{where.line}:{where.column} {finding.severity}[{finding.code}] {finding.message}{hint}{fix}"


def findings_of(file: Path, spec) -> list[str]:
    try:
        mapping = load_mapping(
            file, environment=ENVIRONMENT, spec=spec, destinations=DESTINATIONS, sources=SOURCES
        )
    except Invalid as invalid:
        return [line_of(finding) for finding in invalid.findings]
    return [line_of(finding) for finding in mapping.warnings]


@pytest.mark.parametrize("file", VALID, ids=lambda file: file.stem)
def test_a_valid_mapping_loads_without_a_word(file, spec):
    assert findings_of(file, spec) == []


@pytest.mark.parametrize("file", INVALID, ids=lambda file: file.stem)
def test_an_invalid_mapping_gives_exactly_these_findings(file, spec):
    expected = file.with_suffix(".findings").read_text(encoding="utf-8").splitlines()
    assert findings_of(file, spec) == expected


@pytest.mark.parametrize("file", [*VALID, *SHIPPED], ids=lambda file: file.stem)
def test_the_editor_schema_accepts_what_the_loader_accepts(file, editor_validator):
    data = yaml.load(file.read_bytes(), Loader=yaml.BaseLoader)
    assert [error.message for error in editor_validator.iter_errors(data)] == []


@pytest.mark.parametrize(
    "file",
    [file for file in INVALID if file.stem not in NOT_FOR_EDITORS | NOT_EVEN_YAML],
    ids=lambda file: file.stem,
)
def test_the_editor_schema_refuses_what_the_loader_refuses(file, editor_validator):
    data = yaml.load(file.read_bytes(), Loader=yaml.BaseLoader)
    assert not editor_validator.is_valid(data)


@pytest.fixture(scope="module")
def editor_validator() -> jsonschema.Draft7Validator:
    schema = json.loads((HERE.parents[1] / "schemas/mapping.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)
