"""`import` and `demo` as their users run them."""

from __future__ import annotations

import json
import socket
import subprocess

import pytest

from bridge.cli.demo import free_address
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
    assert [json.loads(line)["row"] for line in report.read_text().splitlines()] == [3]
    listed = folder.run("events", "list", "--json").json["events"]
    assert sorted(event["status"] for event in listed) == ["held", "waiting", "waiting"]


def test_a_dry_run_of_an_import_stores_nothing(folder, file):
    ran = folder.run("import", str(file), "--mapping", "lead", "--dry-run", "--json")
    assert (ran.code, ran.json["counts"]) == (1, {"held": 1, "waiting": 2})
    assert folder.run("events", "list", "--json").json["events"] == []


def test_the_demo_takes_another_port_when_the_usual_one_is_taken(capsys):
    with socket.socket() as other, socket.socket() as demo:
        other.bind(("127.0.0.1", 0))
        other.listen()
        usual = f"127.0.0.1:{other.getsockname()[1]}"
        found = free_address(usual)
        demo.bind(("127.0.0.1", int(found.rpartition(":")[2])))
    assert capsys.readouterr().err == f"{usual} is taken; the demo listens on {found}\n"


def test_the_demo_takes_the_usual_port_when_it_is_free(capsys):
    usual = f"127.0.0.1:{free_port()}"
    assert (free_address(usual), capsys.readouterr().err) == (usual, "")


def test_in_the_demo_every_shipped_sample_becomes_what_its_author_expects(tmp_path):
    bind = f"127.0.0.1:{free_port()}"
    ran = subprocess.run(
        [COMMAND, "demo", "--exit", "--bind", bind], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, "WRONG" in ran.stdout) == (0, False), ran.stdout + ran.stderr


def test_a_dry_run_shows_one_row_in_full_and_how_many_can_be_matched(folder, file):
    file.write_bytes("id;email;name\n1;;Zoë\n2;jane@example.com;Zoë\n".encode("cp1252"))
    ran = folder.run("import", str(file), "--mapping", "lead", "--dry-run")
    assert "leads.csv: columns separated by semicolons, read as Windows-1252 (it is not UTF-8)\n" in ran.err
    assert ran.out.startswith("Row 3, for example:\nLead is ready\n")
    assert ran.out.endswith("2 events: 50% with an e-mail address, 0% with a phone number\n1 held, 1 ready\n")
    assert "jane@example.com" not in ran.out


def test_an_office_finds_every_lead_again_after_a_wrong_encoding_and_a_missing_address(folder, file):
    """A Polish list: its encoding cannot be told, then it is named, then one row is corrected."""
    polish = "id;email;imię\n1;jane@example.com;Łukasz\n2;;Małgorzata\n"
    file.write_bytes(polish.encode("cp1250"))
    refused = folder.run("import", str(file), "--mapping", "lead")
    assert (refused.code, "the character encoding of the file cannot be detected" in refused.err) == (2, True)

    named = folder.run("import", str(file), "--mapping", "lead", "--encoding", "cp1250")
    assert (named.code, named.out) == (1, "1 held, 1 waiting\n")
    file.write_bytes(polish.replace("2;;", "2;joe@example.com;").encode("cp1250"))
    corrected = folder.run("import", str(file), "--mapping", "lead", "--encoding", "cp1250")
    assert (corrected.code, corrected.out) == (0, "1 duplicate, 1 waiting\n")
    assert "1 held event of an earlier import replaced by corrected rows" in corrected.err
    listed = folder.run("events", "list", "--json").json["events"]
    assert sorted((event["event_id"], event["status"]) for event in listed) == [
        ("lead-1", "waiting"),
        ("lead-2", "discarded"),
        ("lead-2", "waiting"),
    ]
