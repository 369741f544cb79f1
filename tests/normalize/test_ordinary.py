"""The short ways send exactly what the cleaners beside them send, or leave a value to them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.meta_spec.rule_files import load_meta_spec
from bridge.normalize.context import CleaningContext
from bridge.normalize.field import cleaners
from bridge.normalize.ordinary import short_way_of_person

SPEC = load_meta_spec()
CONTEXT = CleaningContext("us")
CLEANERS = {
    f"{name}{'' if hashed else ' as it is'}": cleaner
    for hashed in (True, False)
    for name, cleaner in cleaners(SPEC, hashed).items()
}
WORDS = st.text("abzABZ019@.-_+' \"éßİ(/:", max_size=40)
TEXTS = st.one_of(
    st.text(max_size=40),
    WORDS,
    st.from_regex(r"\+[1-9][0-9]{5,15}"),
    st.from_regex(r"[a-zA-Z0-9._+-]{1,12}@[a-z0-9-]{1,8}(\.[a-z0-9-]{1,8}){0,3}"),
    st.from_regex(r"(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]"),
    st.from_regex(r"fb\.[0-9]\.[0-9]{13}\.[A-Za-z0-9_-]{1,40}"),
    st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){3}"),
    st.from_regex(r"Mozilla/5\.0 \([ -~]{1,40}\s?"),
    st.sampled_from(sorted(SPEC.placeholders)),
)


@pytest.mark.parametrize("name", CLEANERS)
@settings(max_examples=150, deadline=None)
@given(value=st.one_of(TEXTS, st.integers(-5, 2**70), st.booleans(), st.floats(), st.none()))
def test_a_short_way_sends_what_its_cleaner_sends(name, value):
    cleaner = CLEANERS[name]
    short = short_way_of_person(cleaner, SPEC)
    sent = short(value, CONTEXT) if short is not None else None
    if sent is not None:
        assert cleaner.clean(value, CONTEXT)[1] == sent
