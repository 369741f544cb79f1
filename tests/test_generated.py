"""The generated pages and schemas say what the tables say."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.docgen.__main__ import GENERATED, render

TOP = Path(__file__).parent.parent


@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_file_is_what_its_table_says(name):
    assert (TOP / name).read_text(encoding="utf-8") == render(name), "run `make docs`"
