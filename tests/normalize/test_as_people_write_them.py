"""Values as forms, exports and people write them, kind by kind; the tables are in a file of their own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from bridge.meta_spec.rule_files import load_meta_spec
from bridge.normalize import normalize_value

SPEC = load_meta_spec()
NOW = datetime(2026, 11, 27, tzinfo=UTC)
TABLES = yaml.safe_load(Path(__file__).with_name("as_people_write_them.yaml").read_text("utf-8"))
ROWS = [
    pytest.param(*row, id=f"{kind}: {row[0]} {row[1]!r}"[:120])
    for kind, rows in TABLES.items()
    for row in rows
]


@pytest.mark.parametrize(("field", "value", "cleaned"), ROWS)
def test_a_value_is_cleaned_as_its_table_says(field, value, cleaned):
    result = normalize_value(field, value, now=NOW)
    assert result.normalized == cleaned
    assert (result.dropped is None) == (cleaned is not None)


@pytest.mark.parametrize(("field", "value", "cleaned"), ROWS)
def test_no_reason_repeats_the_value(field, value, cleaned):
    dropped = normalize_value(field, value, now=NOW).dropped or ""
    assert len(str(value)) < 4 or str(value) not in dropped.replace("(such as null, unknown or test", "")


PLACES = yaml.safe_load(Path(__file__).with_name("places_as_written.yaml").read_text("utf-8"))


@pytest.mark.parametrize(
    ("field", "value", "country", "cleaned"),
    [pytest.param(*row, id=f"{kind}: {row[1]} {row[2]}") for kind, rows in PLACES.items() for row in rows],
)
def test_a_place_is_cleaned_as_its_table_says(field, value, country, cleaned):
    assert normalize_value(field, value, country=country, now=NOW).normalized == cleaned
