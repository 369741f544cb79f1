"""Files as senders: resumable, one report line for each refused row, nothing fed twice. On both databases."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.errors import CannotStore, Refused, WrongUse
from bridge.ingest.import_file import ImportContext, dry_run, import_file
from bridge.ingest.import_rows import FileRow, rows_of
from bridge.mapping import load_mapping
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.outbox import Bounds
from bridge.settings import load_settings

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MAPPING = b"""\
version: 1
event_name: Purchase
action_source: physical_store
event_id: till-{receipt}
event_time: paid_at
user_data: {email: mail}
custom_data: {value: total, currency: {text: EUR}}
"""


@pytest.fixture
def around(tmp_path):
    settings = load_settings(
        None, {"META_DATASET_ID": "1234567890123456", "META_ACCESS_TOKEN": "t"}, folder=tmp_path
    )
    mapping = load_mapping(
        tmp_path / "till.yaml", environment={}, spec=load_meta_spec(), destinations={"main"}, source=MAPPING
    )
    return ImportContext(mapping, settings, load_meta_spec(), clock=lambda: NOW, sleep=lambda _seconds: None)


def csv_file(folder: Path, rows: int, bad: int = 0) -> Path:
    lines = ["receipt;paid_at;mail;total"]
    lines += [
        f"{number};2026-11-20 10:00;{'' if number <= bad else f'p{number}@example.com'};9,50"
        for number in range(1, rows + 1)
    ]
    file = folder / "till.csv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
    return file


def test_every_row_of_a_csv_file_becomes_an_event(outbox, around, tmp_path):
    report = tmp_path / "report.jsonl"
    counts = import_file(csv_file(tmp_path, 1_203, bad=2), outbox, around, report).counts
    assert counts == {"waiting": 1_201, "held": 2}
    assert [json.loads(line)["row"] for line in report.read_text().splitlines()] == [1, 2]
    assert "example.com" not in report.read_text()
    assert outbox.counts().received == 1_203


def test_the_same_file_again_does_nothing_and_other_rows_of_it_are_duplicates(outbox, around, tmp_path):
    file, report = csv_file(tmp_path, 20), tmp_path / "report.jsonl"
    import_file(file, outbox, around, report)
    assert import_file(file, outbox, around, report).counts == {"done_before": 20}
    longer = csv_file(tmp_path, 25)
    assert import_file(longer, outbox, around, report).counts == {"duplicate": 20, "waiting": 5}


class Killed(BaseException):
    """Stand in for a kill: nothing of ours runs after it."""


def test_killed_at_any_row_and_started_again_the_result_is_the_same(outbox, around, tmp_path):
    file, report = csv_file(tmp_path, 30, bad=30), tmp_path / "report.jsonl"

    def die(row):
        if row >= 12:
            raise Killed

    slow = replace(around, per_second=4)
    with pytest.raises(Killed):
        import_file(file, outbox, replace(slow, progress=die), report)
    with report.open("a") as lines:  # a portion was reported, but its commit did not come
        lines.write('{"row": 13, "status": "held"}\n{"row": 14, "sta')
    assert import_file(file, outbox, slow, report).counts == {"done_before": 12, "held": 18}
    assert [json.loads(line)["row"] for line in report.read_text().splitlines()] == list(range(1, 31))
    assert outbox.counts().received == 30


def test_a_bound_on_the_rate_is_kept_by_waiting_between_portions(outbox, around, tmp_path):
    slept = []
    slow = replace(around, per_second=10, sleep=slept.append)
    import_file(csv_file(tmp_path, 25), outbox, slow, tmp_path / "report")
    assert slept == [1.0, 1.0, 0.5]


def test_a_full_outbox_is_waited_for(database_url, open_store, around, tmp_path):
    open_store(database_url)
    full = open_store(database_url, bounds=Bounds(queue_events=0))
    slept = []
    with pytest.raises(CannotStore):
        import_file(csv_file(tmp_path, 5), full, replace(around, sleep=slept.append), tmp_path / "report")
    assert slept == [5] * 120
    assert full.counts().received == 0


def test_a_dry_run_counts_reports_and_stores_nothing(outbox, around, tmp_path):
    report = tmp_path / "report.jsonl"
    assert dry_run(csv_file(tmp_path, 10, bad=1), around, report).counts == {"waiting": 9, "held": 1}
    assert len(report.read_text().splitlines()) == 1
    assert outbox.counts().received == 0


BROKEN = """\
receipt;customer;paid_at;mail;total
1;c-1;2026-11-20 10:00;a@example.com;9,50
1.20211E+17;c-2;2026-11-20 10:00;b@example.com;9,50
4,9E+12;c-{{customer.id}};2026-11-20 10:00;c@example.com;9,50
2;customer-undefined;2026-11-20 10:00;d@example.com;9,50
{{receipt}};c-5;2026-11-20 10:00;e@example.com;9,50
undefined;c-6;2026-11-20 10:00;f@example.com;9,50
3;null;2026-11-20 10:00;g@example.com;9,50
4;;2026-11-20 10:00;h@example.com;9,50
"""


@pytest.mark.parametrize("stores", [True, False], ids=["import", "dry run"])
def test_rows_whose_ids_lost_digits_or_were_never_filled_in_are_counted_and_reported(
    stores, outbox, around, tmp_path
):
    mapped = MAPPING.replace(b"{email: mail}", b"{email: mail, external_id: customer}")
    source = mapped + b"receive: {repeat_key: receipt}\n"
    mapping = load_mapping(
        tmp_path / "till.yaml", environment={}, spec=around.spec, destinations={"main"}, source=source
    )
    file, report = tmp_path / "broken.csv", tmp_path / "report.jsonl"
    file.write_text(BROKEN)
    context = replace(around, mapping=mapping)
    summary = import_file(file, outbox, context, report) if stores else dry_run(file, context, report)

    assert (summary.counts, summary.rows_with_broken_ids) == ({"waiting": 8}, 6)
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert [(line["row"], line["status"], line["broken_ids"]) for line in lines] == [
        (2, "waiting", ["event_id", "repeat_key"]),
        (3, "waiting", ["event_id", "user_data.external_id", "repeat_key"]),
        (4, "waiting", ["user_data.external_id"]),
        (5, "waiting", ["event_id", "repeat_key"]),
        (6, "waiting", ["event_id", "repeat_key"]),
        (7, "waiting", ["user_data.external_id"]),
    ]
    assert "E+1" not in "".join(str(line["broken_ids"]) for line in lines)


def test_json_lines_keep_every_digit_and_broken_ones_are_reported(outbox, around, tmp_path):
    file, report = tmp_path / "till.jsonl", tmp_path / "report.jsonl"
    file.write_text(
        '{"receipt": 820982911946154508, "paid_at": 1795170000, "mail": "a@example.com", "total": 12.10}\n'
        "\n"
        '{"receipt": 2, "paid_at"\n'
        '{"receipt": 3, "paid_at": 1795170000, "mail": "b@example.com", "total": 1}\n'
    )
    assert import_file(file, outbox, around, report).counts == {"waiting": 2, "unreadable": 1}
    (line,) = [json.loads(text) for text in report.read_text().splitlines()]
    assert (line["row"], line["status"]) == (2, "unreadable")
    from bridge.outbox import Query

    assert [record.event_id for record in outbox.find(Query())] == ["till-3", "till-820982911946154508"]


@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        pytest.param("a.csv", b"a,b\n1,2\n", [FileRow(1, b'{"a":"1","b":"2"}')], id="commas"),
        pytest.param("a.csv", b"a;b\n1,5;2\n", [FileRow(1, b'{"a":"1,5","b":"2"}')], id="semicolons"),
        pytest.param("a.tsv", b"a\tb\n1\t2\n", [FileRow(1, b'{"a":"1","b":"2"}')], id="tabs"),
        pytest.param("a.csv", b"\xef\xbb\xbfa,b\r\n1,2\r\n", [FileRow(1, b'{"a":"1","b":"2"}')], id="Excel"),
        pytest.param(
            "a.csv", b'a,b\n"x\ny",2\n', [FileRow(1, b'{"a":"x\\ny","b":"2"}')], id="a line end in quotes"
        ),
        pytest.param("a.csv", b"a,b\n\n1\n", [FileRow(1, b'{"a":"1"}')], id="blank line, short row"),
        pytest.param(
            "a.csv",
            b"a\n1,2\n3\n",
            [FileRow(1, b"", "2 fields, but the header names 1"), FileRow(2, b'{"a":"3"}')],
            id="too many fields",
        ),
        pytest.param(
            "a.csv",
            b"a\nZo\xeb\nb\n",
            [FileRow(1, b"", "not UTF-8; save the file as UTF-8"), FileRow(2, b'{"a":"b"}')],
            id="not UTF-8",
        ),
        pytest.param("a.csv", b"a,b\n", [], id="a header only"),
        pytest.param("a.csv", b"a,b", [], id="a header without a line end"),
        pytest.param(
            "a.jsonl", b"\xef\xbb\xbf{}\n\n  {}  \n", [FileRow(1, b"{}"), FileRow(2, b"{}")], id="JSON lines"
        ),
    ],
)
def test_rows_are_read_as_people_save_them(tmp_path, name, content, rows):
    (tmp_path / name).write_bytes(content)
    assert list(rows_of(tmp_path / name)) == rows


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("a.xlsx", b"PK", id="a spreadsheet"),
        pytest.param("a.csv", b"a,a\n1,2\n", id="two columns of one name"),
        pytest.param("a.csv", b"a,\n1,2\n", id="a column without a name"),
    ],
)
def test_files_that_cannot_be_understood_are_refused_with_what_to_do(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WrongUse) as refusal:
        list(rows_of(tmp_path / name))
    assert refusal.value.fix
    assert not isinstance(refusal.value, Refused)
