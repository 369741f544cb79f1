"""The commands check, test, init and diff: what they write where, and their exit codes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from bridge.bootstrap import open_store, prepare
from bridge.cli import EXIT_CODES, commands
from bridge.cli.init import _ask
from bridge.errors import BridgeError
from bridge.mapping.samples import request_of_data
from bridge.outbox import NewEvent, NewWebhook
from bridge.settings import load_settings

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

GOOD = """\
version: 1
event_name: Lead
action_source: system_generated
event_id: lead-{id}
user_data:
  email: email
tests:
  - name: a lead
    given: {id: 7, email: jane@example.com}
    expect: [{event_id: lead-7}]
"""
MISSPELT = GOOD.replace("  email: email", "  emial: email")
FAILING = GOOD.replace("event_id: lead-7", "event_id: lead-8")
SETTINGS = """\
destinations: {main: {dataset_id: "1234567890123456", access_token: token}}
mappings: mappings
graph_url: http://127.0.0.1:9
"""


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


class Bench:
    """A folder with settings and mappings, and a way to run commands in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "bridge.yaml"
        (path / "mappings").mkdir()
        self.config.write_text(SETTINGS, "utf-8")

    def mapping(self, text: str, name: str = "contact") -> Path:
        file = self.path / "mappings" / f"{name}.yaml"
        file.write_text(text, "utf-8")
        return file

    def run(self, *arguments: object, stdin: bytes | None = None) -> Ran:
        given = [*map(str, arguments), "--config", str(self.config)]
        result = CliRunner().invoke(commands, given, input=stdin)
        error = result.exception
        if isinstance(error, BridgeError):
            code = next(number for kind, number in EXIT_CODES if isinstance(error, kind))
            return Ran(code, result.stdout, result.stderr + error.message)
        if error is not None and not isinstance(error, SystemExit):
            raise error
        return Ran(result.exit_code, result.stdout, result.stderr)


@pytest.fixture
def bench(tmp_path) -> Bench:
    return Bench(tmp_path)


# --- check -----------------------------------------------------------------------------------------


def test_a_folder_in_order_is_exit_0_and_silent_on_stdout(bench):
    bench.mapping(GOOD)
    ran = bench.run("check")
    assert (ran.code, ran.out) == (0, "")
    assert "1 mapping checked: 0 errors, 0 warnings" in ran.err


def test_a_slip_is_exit_1_with_file_line_column_caret_and_suggestion(bench):
    file = bench.mapping(MISSPELT)
    ran = bench.run("check")
    assert ran.code == 1
    first, shown, caret, *_ = ran.out.splitlines()
    assert first.startswith(f"{file}:6:3: error[unknown_key]")
    assert first.endswith("did you mean 'email'?")
    assert shown.endswith("emial: email")
    assert caret.endswith("^^^^^")


def test_the_code_of_a_mapping_is_data_and_its_findings_are_messages(bench):
    file = bench.mapping(GOOD)
    ran = bench.run("check", file, "--show-code")
    assert ran.code == 0
    assert ran.out.startswith(f"# {file}\n\n# event 1: 'Lead'\n")
    assert (
        "    # line 6: user_data.em <- email\n    sent = short_em(item.get(key_email), context)\n" in ran.out
    )
    assert "\ndef event_of(" in ran.out
    bench.mapping(MISSPELT)
    ran = bench.run("check", file, "--show-code")
    assert (ran.code, ran.out) == (1, "")
    assert "did you mean 'email'?" in ran.err


def test_every_file_is_told_in_one_run(bench):
    bench.mapping(MISSPELT, "one")
    bench.mapping(MISSPELT, "two")
    bench.config.write_text(f"{SETTINGS}grpah_url: x\n", "utf-8")
    findings = json.loads(bench.run("check", "--format", "json").out)["findings"]
    assert [(Path(f["file"]).name, f["line"], f["suggestion"]) for f in findings] == [
        ("bridge.yaml", 4, "graph_url"),
        ("one.yaml", 6, "email"),
        ("two.yaml", 6, "email"),
    ]


def test_an_unset_secret_is_an_error_for_a_mapping_of_ones_own(bench):
    bench.mapping(GOOD + "receive: {verify: {scheme: token, header: X-Token, secret: '${NOT_SET_HERE}'}}\n")
    ran = bench.run("check", "--json")
    assert (ran.code, [f["code"] for f in json.loads(ran.out)["findings"]]) == (1, ["unset_secret"])


@pytest.mark.parametrize("form", ["text", "json", "github"])
def test_findings_never_hold_a_secret(form, bench):
    bench.mapping(GOOD + "receive: {verify: {scheme: token, header: X, secret: hunter2-in-the-file}}\n")
    ran = bench.run("check", "--format", form)
    assert ran.code == 1
    assert form == "text" or "hunter2" not in ran.out


def test_files_folders_and_names_can_be_named(bench):
    file = bench.mapping(GOOD)
    bench.mapping(MISSPELT, "other")
    assert [
        bench.run("check", what).code for what in (file, "contact", bench.path / "mappings", "other")
    ] == [0, 0, 1, 1]


def test_what_is_not_there_is_exit_3_with_the_nearest_name(bench):
    bench.mapping(GOOD)
    assert bench.run("check", "contcat").code == 3


def store(bench, mapping: str, *payloads: dict) -> None:
    """Put webhooks into the bench's own database, as if they had come and been skipped."""
    bench.config.write_text(
        f"{SETTINGS}database_url: sqlite:///{bench.path}/bridge.db\nkeys: {{secret: {'k' * 32}}}\n", "utf-8"
    )
    settings = load_settings(bench.config, {})
    prepare(settings)
    outbox = open_store(settings)
    event = NewEvent("skipped", "main", "1234567890123456", "Lead", None, 1795219200, None, reason="when")
    for number, payload in enumerate(payloads):
        request = request_of_data(payload, mapping, NOW)
        outbox.add(NewWebhook(mapping, "r", b"%d" % number, 60, NOW, request, f"request-{number}", (event,)))
    outbox.close()


def test_lines_that_went_silent_are_told_live(bench):
    bench.mapping(GOOD.replace("email: email", "email: email\n  phone: phone"))
    store(bench, "contact", *({"id": number, "email": "jane@example.com"} for number in range(20)))
    ran = bench.run("check", "--live", "--json")
    findings = json.loads(ran.out)["findings"]
    codes = [(f["code"], f["line"]) for f in findings]
    assert codes == [("tokens_not_checked", None), ("silent_line", 7)], "nobody answers at this graph_url"
    assert ran.code == 0


# --- test ------------------------------------------------------------------------------------------


def test_passing_tests_are_exit_0(bench):
    bench.mapping(GOOD)
    ran = bench.run("test")
    assert (ran.code, ran.out) == (0, "ok   contact: a lead\n")


def test_a_failing_test_shows_both_sides(bench):
    file = bench.mapping(FAILING)
    ran = bench.run("test", file)
    assert ran.code == 1
    assert f"{file}:10:15: event_id" in ran.out
    assert "expected: lead-8" in ran.out
    assert "got:      lead-7" in ran.out


def test_test_results_are_data_when_asked(bench):
    bench.mapping(FAILING)
    told = json.loads(bench.run("test", "--json").out)
    [test] = told["tests"]
    assert (test["passed"], test["failures"][0]["got"]) == (False, "lead-7")


def test_a_mapping_with_errors_fails_its_tests(bench):
    bench.mapping(MISSPELT)
    ran = bench.run("test")
    assert (ran.code, "emial" in ran.out) == (1, True)


def test_a_missing_sample_fails_check_and_test_until_it_is_there(bench):
    bench.mapping(GOOD + "samples: [real.json]\n")
    for command in ("check", "test"):
        ran = bench.run(command)
        assert (ran.code, "bad_sample" in ran.out) == (1, True)
    assert "ok   contact: a lead" in bench.run("test").out
    (bench.path / "mappings" / "real.json").write_text('{"id": 7, "email": "jane@example.com"}')
    assert (bench.run("check").code, bench.run("test").code) == (0, 0)


# --- init ------------------------------------------------------------------------------------------


def test_init_writes_a_mapping_and_its_sample_that_pass(bench):
    sample = bench.path / "webhook.json"
    sample.write_text('{"id": 7, "E-Mail": "jane@example.com", "Handy": "+49 151 2345678"}')
    ran = bench.run("init", "kontakt", "--from", sample)
    assert (ran.code, ran.out.strip()) == (0, str(bench.path / "mappings" / "kontakt.yaml"))
    assert (bench.path / "mappings/samples/kontakt/webhook.json").read_bytes() == sample.read_bytes()
    assert (bench.run("check").code, bench.run("test").code) == (0, 0)


def test_init_reads_a_sample_from_stdin(bench):
    ran = bench.run("init", "new", "--from", "-", "--json", stdin=b"email=jane%40example.com&id=7")
    assert json.loads(ran.out)["samples"] == ["samples/new/sample.form"]
    assert bench.run("test").code == 0


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("sample.json", b"[]"),
        ("sample.json", b"{}"),
        ("sample.json", b'{"email": null, "name": ""}'),
        ("photo.bin", b"\x00\x01\x02ab"),
    ],
)
def test_a_sample_that_says_nothing_makes_no_mapping(bench, name, body):
    sample = bench.path / name
    sample.write_bytes(body)
    ran = bench.run("init", "empty", "--from", str(sample))
    assert (ran.code, ran.err) == (2, "the sample has no field with a value")
    assert bench.run("init", "empty", "--event", "Lead").code == 0


def test_init_without_a_sample_takes_its_wishes_from_options(bench):
    ran = bench.run("init", "new", "--event", "Purchase", "--sent-by", "automation", "--country", "DE")
    assert ran.code == 0
    text = (bench.path / "mappings/new.yaml").read_text("utf-8")
    assert all(line in text for line in ("event_name: Purchase", "sent_by: automation", "phone_country: DE"))
    assert (bench.run("check").code, bench.run("test").code) == (0, 0)


def test_init_starts_from_a_shipped_mapping(bench):
    assert bench.run("init", "forms", "--like", "website-lead-form").code == 0
    assert (bench.run("check").code, bench.run("test").code) == (0, 0)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param(("contact",), 2, id="a name that is taken"),
        pytest.param(("../evil",), 2, id="a name that leaves the folder"),
        pytest.param(("new", "--like", "no-such-mapping"), 3, id="like nothing"),
        pytest.param(("new", "--from", "no-such-file.json"), 3, id="from nothing"),
        pytest.param(("new", "--action-source", "in_store"), 2, id="no action source of Meta"),
        pytest.param(("new", "--sent-by", "pigeon"), 2, id="no sender"),
    ],
)
def test_init_refuses_with_a_sentence(arguments, code, bench):
    bench.mapping(GOOD)
    ran = bench.run("init", *arguments)
    assert ran.code == code
    assert ran.err
    assert sorted(file.name for file in (bench.path / "mappings").iterdir()) == ["contact.yaml"]


@pytest.mark.parametrize(
    ("typed", "answers"),
    [
        pytest.param("\n\n\n", (None, "Lead", "server"), id="only enter"),
        pytest.param("hook.json\n\nautomation\n", ("hook.json", None, "automation"), id="a sample decides"),
        pytest.param("\nPurchase\npigeon\nbrowser\n", (None, "Purchase", "browser"), id="asked again"),
    ],
)
def test_init_asks_a_person_at_a_terminal(typed, answers):
    heard = []
    asking = click.command()(lambda: heard.append(_ask()))
    assert CliRunner().invoke(asking, input=typed).exit_code == 0
    assert heard == [answers]


def test_init_overwrites_only_by_force(bench):
    bench.mapping("broken")
    assert bench.run("init", "contact", "--event", "Lead", "--force").code == 0
    assert bench.run("check").code == 0


# --- diff ------------------------------------------------------------------------------------------


def test_diff_tells_what_changes_for_the_tests_of_both(bench):
    old, new = bench.mapping(GOOD, "old"), bench.mapping(GOOD.replace("lead-{id}", "l-{id}"), "new")
    ran = bench.run("diff", old, new)
    assert (ran.code, "event_id: lead-7 → l-7" in ran.out) == (0, True)
    assert bench.run("diff", old, old).out == ""


def test_diff_is_exit_1_when_an_event_would_be_lost(bench):
    old, new = bench.mapping(GOOD, "old"), bench.mapping(f"{GOOD}when: {{stage: won}}\n", "new")
    ran = bench.run("diff", old, new, "--json")
    [change] = json.loads(ran.out)["webhooks"]
    assert (ran.code, change["events"][0]["before"], change["events"][0]["after"]) == (1, "ready", "skipped")


def test_diff_looks_at_stored_webhooks_when_asked(bench):
    old, new = bench.mapping(GOOD, "old"), bench.mapping(GOOD.replace("lead-{id}", "l-{id}"), "contact")
    store(bench, "contact", {"id": 99, "email": "dana@example.com"})
    without, with_stored = bench.run("diff", old, new), bench.run("diff", old, new, "--stored")
    assert "lead-99 → l-99" not in without.out
    assert "lead-99 → l-99" in with_stored.out
    assert "dana@" not in with_stored.out


@pytest.mark.parametrize("command", ["check", "test", "init", "diff"])
def test_every_command_helps(command):
    assert CliRunner().invoke(commands, [command, "--help"]).exit_code == 0
