"""The page about the simulator is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bridge.cli.simulator import simulator
from bridge.simulator.data import load_simulator_data
from bridge.simulator.faults import read_plan

PAGE = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text()


def section(title: str) -> str:
    heading = f"\n## {title}\n"
    assert heading in PAGE, f"docs/simulator.md has no section {title!r}"
    return PAGE.partition(heading)[2].partition("\n## ")[0]


def written_in(text: str) -> list[str]:
    """Return the code in the first column of the tables."""
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return [word for cell in cells for word in re.findall(r"`([^`]+)`", cell)]


@pytest.mark.parametrize("word", written_in(section("Make it fail")))
def test_every_step_of_the_page_can_be_read(word):
    step = f"500{word}" if word[0] in "*:-" else word
    assert read_plan(step.replace("=N", "=1"))


def test_every_option_of_the_page_exists_and_none_is_missing():
    written = {word.split()[0] for word in written_in(section("Start it"))}
    assert written == {option for parameter in simulator.params for option in parameter.opts}


def test_every_subcode_of_the_page_is_one_the_simulator_knows():
    known = {str(refusal["subcode"]) for refusal in load_simulator_data().rejections.values()}
    named = set(re.findall(r"28\d{5}", section("What it checks")))
    assert named
    assert named <= known


def test_every_refusal_is_worded_in_every_language_or_in_none():
    languages = {
        name: {language for language in ("en", "de", "fr", "da") if language in refusal}
        for name, refusal in load_simulator_data().rejections.items()
    }
    assert {name: found for name, found in languages.items() if len(found) not in {0, 4}} == {}
