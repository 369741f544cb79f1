"""The folder of mappings: changes are picked up, mistakes leave the last good mapping in force."""

from __future__ import annotations

import os
import shutil
import threading

import pytest

from bridge.errors import UnknownMapping
from bridge.mapping import MappingFolder

GOOD = "version: 1\nevent_name: Lead\naction_source: website\nuser_data: {email: email}\n"
BETTER = GOOD.replace("Lead", "Contact")
BROKEN = GOOD.replace("email:", "emial:")


@pytest.fixture
def folder(tmp_path, spec):
    clock = [0.0]
    (tmp_path / "form.yaml").write_text(GOOD)
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "form.yaml").write_text("not a mapping")
    (tmp_path / "notes.txt").write_text("not a mapping either")
    found = MappingFolder([tmp_path], environment={}, spec=spec, clock=lambda: clock[0])

    def later() -> MappingFolder:
        clock[0] += 2
        return found

    return tmp_path, found, later


def name_of(folder: MappingFolder) -> str | None:
    return folder.get("form").events[0].event_name_text


def test_mappings_are_found_by_the_name_of_their_file(folder):
    _, found, _ = folder
    assert found.names() == ("form",)
    assert found.problems() == {}
    with pytest.raises(UnknownMapping):
        found.get("../form")


def test_a_changed_file_is_picked_up(folder):
    path, _, later = folder
    (path / "form.yaml").write_text(BETTER)
    assert name_of(later()) == "Contact"


def test_files_are_not_looked_at_with_every_request(folder):
    path, found, later = folder
    (path / "form.yaml").write_text(BETTER)
    assert name_of(found) == "Lead"
    assert name_of(later()) == "Contact"


def test_a_mistake_leaves_the_last_good_mapping_in_force_and_is_told(folder):
    path, _, later = folder
    (path / "form.yaml").write_text(BROKEN)
    found = later()
    assert name_of(found) == "Lead"
    ((file, findings),) = found.problems().items()
    assert file == str(path / "form.yaml")
    assert [(finding.code, finding.suggestion) for finding in findings] == [("unknown_key", "email")]
    (path / "form.yaml").write_text(BETTER)
    assert name_of(later()) == "Contact"
    assert later().problems() == {}


def test_a_new_file_with_a_mistake_is_told_and_not_in_force(folder):
    path, _, later = folder
    (path / "new.yaml").write_text(BROKEN)
    found = later()
    assert found.names() == ("form",)
    assert list(found.problems()) == [str(path / "new.yaml")]


def test_a_removed_file_is_no_longer_in_force(folder):
    path, _, later = folder
    (path / "form.yaml").unlink()
    assert later().names() == ()


def a_folder(path):
    (path / "form.yaml").unlink()
    (path / "form.yaml").mkdir()


def a_pipe(path):
    (path / "form.yaml").unlink()
    os.mkfifo(path / "form.yaml")


def a_link_to(target):
    def change(path):
        (path / "form.yaml").unlink()
        (path / "form.yaml").symlink_to(target)

    return change


def in_a_folder_that_is_gone(path):
    path.rename(path.with_name("elsewhere"))


def in_a_link_to_itself(path):
    in_a_folder_that_is_gone(path)
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (a_folder, "this is not a file"),
        (a_pipe, "this is not a file"),
        pytest.param(a_link_to("/dev/zero"), "this is not a file", id="a device"),
        pytest.param(a_link_to("form.yaml"), "Too many levels of symbolic links", id="a link to itself"),
        pytest.param(a_link_to("nowhere"), "No such file or directory", id="a link to nowhere"),
        (in_a_folder_that_is_gone, "No such file or directory"),
        (in_a_link_to_itself, "Too many levels of symbolic links"),
    ],
)
def test_a_mapping_stays_active_while_its_file_is_out_of_reach(tmp_path, spec, change, message):
    path = tmp_path / "mappings"
    path.mkdir()
    (path / "form.yaml").write_text(GOOD)
    found = MappingFolder([path], environment={}, spec=spec)
    change(path)
    for _ in range(2):
        found.refresh()
        assert name_of(found) == "Lead"
        [finding] = found.broken()["form"]
        assert message in finding.message


def test_a_folder_below_keeps_its_mappings_unless_it_was_deleted(tmp_path, spec):
    for name in ("acme", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "form.yaml").write_text(GOOD)
    found = MappingFolder([tmp_path], environment={}, spec=spec)
    shutil.rmtree(tmp_path / "acme")
    shutil.rmtree(tmp_path / "other")
    (tmp_path / "acme").symlink_to("nowhere")
    found.refresh()
    assert (found.names(), list(found.broken())) == (("acme/form",), ["acme/form"])


def test_of_two_folders_the_first_one_wins(tmp_path, spec):
    first, second = tmp_path / "a", tmp_path / "b"
    for path, text in ((first, GOOD), (second, BETTER)):
        path.mkdir()
        (path / "form.yaml").write_text(text)
    assert name_of(MappingFolder([first, second], environment={}, spec=spec)) == "Lead"


def test_a_folder_that_is_not_there_holds_nothing(tmp_path, spec):
    assert MappingFolder([tmp_path / "missing"], environment={}, spec=spec).names() == ()


def test_many_threads_see_one_consistent_mapping_while_the_file_changes(folder):
    path, found, _ = folder
    seen, stop = set(), threading.Event()

    def read() -> None:
        while not stop.is_set():
            seen.add(name_of(found))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for text in (BETTER, BROKEN, GOOD) * 5:
        (path / "form.yaml").write_text(text)
        found.refresh()
    stop.set()
    for thread in threads:
        thread.join()
    assert seen <= {"Lead", "Contact"}


def test_a_yml_file_beside_the_yaml_file_of_its_name_is_an_error_until_one_of_them_goes(folder):
    path, found, later = folder
    (path / "form.yml").write_text(BETTER)
    assert (name_of(later()), list(found.problems())) == ("Lead", [str(path / "form.yml")])
    [finding] = found.problems()[str(path / "form.yml")]
    assert (finding.code, "form.yaml is used" in finding.message) == ("two_files_of_one_name", True)
    (path / "form.yaml").unlink()
    assert (name_of(later()), dict(found.problems())) == ("Contact", {})
