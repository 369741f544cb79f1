"""`import` and `demo` as their users run them."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.conftest import COMMAND, LEAD, free_port


@pytest.fixture
def file(folder):
    (folder.path / "mappings").mkdir()
    (folder.path / "mappings" / "lead.yaml").write_text(LEAD)
    file = folder.path / "leads.csv"
    file.write_text("id;email\n1;jane@example.com\n2;\n3;joe@example.com\n")
    return file


def test_import_stores_each_row_and_reports_those_that_are_held(folder, file):
    ran = folder.run("import", str(file), "--mapping", "lead")
    report = folder.path / "leads.csv.report.jsonl"
    assert (ran.code, ran.out) == (1, "1 held, 2 waiting\n")
    assert f"1 row held or not readable; see {report}\n" in ran.err
    assert [json.loads(line)["row"] for line in report.read_text().splitlines()] == [2]
    listed = folder.run("events", "list", "--json").json["events"]
    assert sorted(event["status"] for event in listed) == ["held", "waiting", "waiting"]


def test_a_dry_run_of_an_import_stores_nothing(folder, file):
    ran = folder.run("import", str(file), "--mapping", "lead", "--dry-run", "--json")
    assert (ran.code, ran.json["counts"]) == (1, {"held": 1, "waiting": 2})
    assert folder.run("events", "list", "--json").json["events"] == []


def test_in_the_demo_every_shipped_sample_becomes_what_its_author_expects(tmp_path):
    bind = f"127.0.0.1:{free_port()}"
    ran = subprocess.run(
        [COMMAND, "demo", "--exit", "--bind", bind], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, "WRONG" in ran.stdout) == (0, False), ran.stdout + ran.stderr
