"""The quick look for templates that were not filled in misses none of them."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.meta_spec.rule_files import load_meta_spec
from bridge.meta_spec.shipped_files import shipped

SPEC = load_meta_spec()
TEMPLATES = yaml.safe_load((shipped("schemas") / "words.yaml").read_text("utf-8"))["unfilled"]


@pytest.mark.parametrize("template", TEMPLATES)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_every_text_with_a_template_holds_one_of_the_signs(template, data):
    text = data.draw(st.from_regex(template))
    assert SPEC.unfilled_signs.search(text)
    assert SPEC.is_unfilled(text)
