"""Values of every kind a stranger may send, for the property tests of this folder."""

from __future__ import annotations

from hypothesis import strategies as st

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.decimals(),
    st.text(),
    st.text("0123456789.,+-eE '€$", max_size=30),
    st.text("0123456789-:TZ+. ", max_size=30),
    st.lists(st.integers(), max_size=2),
)
