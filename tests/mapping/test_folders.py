"""Mappings in folders: the path is the name, here, at the endpoint, in commands and in the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.mapping import MappingFolder, mapping_files, name_of

LEAD = """\
version: 1
event_name: Lead
action_source: system_generated
event_id: lead-{id}
user_data: {email: email}
"""
FILES = (
    "lead.yaml",
    "acme/lead.yaml",
    "acme/shop/order.yml",
    "samples/lead/sample.yaml",
    "acme/samples/lead/sample.yaml",
    "..2026/lead.yaml",
    "_parts/lead.yaml",
    "_part.yaml",
    "acme/notes.txt",
    "a/b/c/d/too-deep.yaml",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(LEAD)
    return tmp_path


def test_the_files_of_folders_below_are_mappings_and_samples_are_not(folder):
    assert [name_of(file, [folder]) for file in mapping_files(folder)] == [
        "acme/lead",
        "acme/shop/order",
        "lead",
    ]


@pytest.mark.parametrize(
    ("file", "folders", "name"),
    [
        pytest.param(
            "mappings/acme/lead.yaml", ["mappings"], "acme/lead", id="below a folder of the settings"
        ),
        pytest.param("elsewhere/acme/lead.yaml", ["mappings"], "lead", id="elsewhere"),
        pytest.param("b/acme/lead.yaml", ["a", "b"], "acme/lead", id="the second folder"),
        pytest.param("mappings/lead.v2.yaml", ["mappings"], "lead.v2", id="a dot in the name"),
    ],
)
def test_a_file_is_named_by_its_path(file, folders, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert name_of(Path(file), [Path(one) for one in folders]) == name
    assert name_of(Path(file), [tmp_path / one for one in folders]) == name


def test_each_mapping_answers_under_its_path_and_a_broken_one_is_named_by_it(folder, spec):
    (folder / "acme" / "broken.yaml").write_text("version: 1\n")
    mappings = MappingFolder([folder], environment={}, spec=spec)
    assert mappings.names() == ("acme/lead", "acme/shop/order", "lead")
    assert mappings.get("acme/lead").name == "acme/lead"
    assert list(mappings.broken()) == ["acme/broken"]
