"""Files as senders: resumable, one report line for each refused row, nothing fed twice. On both databases."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import openpyxl
import pytest

from bridge.errors import CannotStore, Refused, WrongUse
from bridge.ingest import import_file as importing
from bridge.ingest.import_file import ImportContext
from bridge.ingest.import_rows import FileReading, FileRow, reading_of, style_of
from bridge.ingest.workbook import MOST_UNPACKED_BYTES
from bridge.mapping import load_mapping
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.outbox import Bounds, Query
from bridge.settings import load_settings

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PAID_AT = datetime(2026, 11, 20, 10, 0)  # noqa: DTZ001 - a cell of Excel has no time zone
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


def read(file: Path, encoding: str | None = None) -> FileReading:
    with file.open("rb") as stream:
        return reading_of(stream, style_of(file), encoding)


def rows_of(file: Path, encoding: str | None = None) -> list[FileRow]:
    reading = read(file, encoding)
    with file.open("rb") as stream:
        return list(reading.rows(stream))


def import_file(file, outbox, around, report):
    return importing.import_file(file, read(file), outbox, replace(around, file_name=file.name), report)


def dry_run(file, around, report):
    return importing.dry_run(file, read(file), around, report)


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
    assert [json.loads(line)["row"] for line in report.read_text().splitlines()] == [2, 3]
    assert "example.com" not in report.read_text()
    assert outbox.counts().received == 1_203


def test_the_same_file_again_does_nothing_and_other_rows_of_it_are_duplicates(outbox, around, tmp_path):
    file, report = csv_file(tmp_path, 20), tmp_path / "report.jsonl"
    import_file(file, outbox, around, report)
    assert import_file(file, outbox, around, report).counts == {"done_before": 21}
    longer = csv_file(tmp_path, 25)
    assert import_file(longer, outbox, around, report).counts == {"duplicate": 20, "waiting": 5}


class Killed(BaseException):
    """Stand in for a kill: nothing of ours runs after it."""


def test_killed_at_any_row_and_started_again_the_result_is_the_same(outbox, around, tmp_path):
    file, report = csv_file(tmp_path, 30, bad=30), tmp_path / "report.jsonl"

    def die(row):
        if row >= 13:
            raise Killed

    slow = replace(around, per_second=4)
    with pytest.raises(Killed):
        import_file(file, outbox, replace(slow, progress=die), report)
    with report.open("a") as lines:  # a portion was reported, but its commit did not come
        lines.write('{"row": 14, "status": "held"}\n{"row": 15, "sta')
    assert import_file(file, outbox, slow, report).counts == {"done_before": 13, "held": 18}
    assert [json.loads(line)["row"] for line in report.read_text().splitlines()] == list(range(2, 32))
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
        (3, "waiting", ["event_id", "repeat_key"]),
        (4, "waiting", ["event_id", "user_data.external_id", "repeat_key"]),
        (5, "waiting", ["user_data.external_id"]),
        (6, "waiting", ["event_id", "repeat_key"]),
        (7, "waiting", ["event_id", "repeat_key"]),
        (8, "waiting", ["user_data.external_id"]),
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
    assert (line["row"], line["status"]) == (3, "unreadable")
    assert [record.event_id for record in outbox.find(Query())] == ["till-3", "till-820982911946154508"]


NO_SUCH = "characters that the file's encoding does not have; save the file as UTF-8"


@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        pytest.param("a.csv", b"a,b\n1,2\n", [FileRow(2, b'{"a":"1","b":"2"}')], id="commas"),
        pytest.param("a.csv", b"a;b\n1,5;2\n", [FileRow(2, b'{"a":"1,5","b":"2"}')], id="semicolons"),
        pytest.param(
            "a.csv",
            b'"a, b and c";d\n1;2\n',
            [FileRow(2, b'{"a, b and c":"1","d":"2"}')],
            id="commas in a name",
        ),
        pytest.param(
            "a.csv", b"sep=|\na|b\n1|2\n", [FileRow(3, b'{"a":"1","b":"2"}')], id="Excel says which"
        ),
        pytest.param("a.tsv", b"a\tb\n1\t2\n", [FileRow(2, b'{"a":"1","b":"2"}')], id="tabs"),
        pytest.param("a.csv", b"\xef\xbb\xbfa,b\r\n1,2\r\n", [FileRow(2, b'{"a":"1","b":"2"}')], id="Excel"),
        pytest.param(
            "a.csv",
            b'a,b\n"x\ny",2\n3,4\n',
            [FileRow(2, b'{"a":"x\\ny","b":"2"}'), FileRow(4, b'{"a":"3","b":"4"}')],
            id="a line end in quotes",
        ),
        pytest.param("a.csv", b"a,b\n\n1\n", [FileRow(3, b'{"a":"1"}')], id="blank line, short row"),
        pytest.param("a.csv", b"a;b\n;\n1;2\n ;\n", [FileRow(3, b'{"a":"1","b":"2"}')], id="empty cells"),
        pytest.param(
            "a.csv",
            b"a\n1,2\n3\n",
            [FileRow(2, b"", "2 fields, but the header names 1"), FileRow(3, b'{"a":"3"}')],
            id="too many fields",
        ),
        pytest.param(
            "a.csv",
            b'a,b\n1,"x\n2,y\n',
            [FileRow(2, b"", "not readable as CSV (unexpected end of data)")],
            id="a quote that is never closed",
        ),
        pytest.param(
            "a.csv", "a\nZoë\n".encode("cp1252"), [FileRow(2, '{"a":"Zoë"}'.encode())], id="Windows-1252"
        ),
        pytest.param(
            "a.csv", "a\r\nZoë\r\n".encode("utf-16"), [FileRow(2, '{"a":"Zoë"}'.encode())], id="UTF-16"
        ),
        pytest.param(
            "a.csv",
            "a;b\nZoë;x\n".encode("utf-16-le"),
            [FileRow(2, '{"a":"Zoë","b":"x"}'.encode())],
            id="UTF-16 without a mark",
        ),
        pytest.param(
            "a.csv",
            "a\nZoë\nJürgen\n".encode() + b"Zo\xeb\n",
            [
                FileRow(2, '{"a":"Zoë"}'.encode()),
                FileRow(3, '{"a":"Jürgen"}'.encode()),
                FileRow(4, b"", NO_SUCH),
            ],
            id="one row that is not UTF-8",
        ),
        pytest.param("a.csv", b"a,b\n", [], id="a header only"),
        pytest.param("a.csv", b"a,b", [], id="a header without a line end"),
        pytest.param("a.csv", b"", [], id="nothing at all"),
        pytest.param(
            "a.jsonl", b"\xef\xbb\xbf{}\n\n  {}  \n", [FileRow(1, b"{}"), FileRow(3, b"{}")], id="JSON lines"
        ),
        pytest.param(
            "a.jsonl",
            '{"a": "Zoë"}\n'.encode("cp1252"),
            [FileRow(1, '{"a": "Zoë"}'.encode())],
            id="old JSON lines",
        ),
    ],
)
def test_rows_are_read_as_people_save_them(tmp_path, name, content, rows):
    (tmp_path / name).write_bytes(content)
    assert rows_of(tmp_path / name) == rows


@pytest.mark.parametrize(
    ("text", "encoding", "named"),
    [
        pytest.param("id;imię\n1;Łukasz\n", "cp1250", "windows-1250", id="Polish"),
        pytest.param("id;имя\n1;Иван\n", "cp1251", "cp1251", id="Russian"),
        pytest.param("id;ad\n1;Ayşe Muğla\n", "cp1254", "cp1254", id="Turkish"),
        pytest.param("id;名\n1;田中\n", "shift_jis", "shift_jis", id="Japanese"),
        pytest.param("id;name\n1;Zoë\n", "utf-16-le", "UTF-16-LE", id="UTF-16"),
        pytest.param("id;name\n1;Zoë\n", "utf-8", "utf-8", id="UTF-8"),
    ],
)
def test_an_encoding_can_be_named(tmp_path, text, encoding, named):
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    columns, values = (line.split(";") for line in text.splitlines())
    assert [json.loads(row.body) for row in rows_of(tmp_path / "a.csv", named)] == [
        dict(zip(columns, values, strict=True))
    ]


@pytest.mark.parametrize(
    ("content", "encoding", "said"),
    [
        pytest.param(b"a;b\nx;y\n", None, "columns separated by semicolons, read as UTF-8", id="UTF-8"),
        pytest.param(
            "a,b\nZoë,y\n".encode("cp1252"),
            None,
            "columns separated by commas, read as Windows-1252 (it is not UTF-8)",
            id="a guess",
        ),
        pytest.param(
            "a\tb\n".encode("utf-16"),
            None,
            "columns separated by tabs, read as UTF-16",
            id="Excel's Unicode text",
        ),
        pytest.param(b"a,b\n", "cp1250", "columns separated by commas, read as CP1250", id="named"),
    ],
)
def test_how_a_file_was_understood_is_told(tmp_path, content, encoding, said):
    file = tmp_path / "a.csv"
    file.write_bytes(content)
    with file.open("rb") as stream:
        assert read(file, encoding).in_words(stream) == said
        assert stream.read() == content


def workbook(file: Path, rows: list[list[object]], **others: list[list[object]]) -> Path:
    book = openpyxl.Workbook()
    book.active.title = "Leads"
    for cells in rows:
        book.active.append(cells)
    for name, cells_of in others.items():
        sheet = book.create_sheet(name, 0)
        sheet.sheet_state = "hidden"
        for cells in cells_of:
            sheet.append(cells)
    book.save(file)
    return file


def test_the_rows_of_an_excel_file_are_texts_with_the_numbers_that_excel_shows(tmp_path):
    file = workbook(
        tmp_path / "a.xlsx",
        [
            [],
            ["id", "mail", "paid", "day", "total", "vip", None],
            [1, "a@example.com", PAID_AT, date(2026, 11, 20), 9.5, True],
            [None, None],
            [820982911946154508, " b@example.com ", None, None, 12, False],
        ],
        Lists=[["hidden"]],
    )
    assert [(row.number, json.loads(row.body)) for row in rows_of(file)] == [
        (
            3,
            {
                "id": "1",
                "mail": "a@example.com",
                "paid": "2026-11-20 10:00:00",
                "day": "2026-11-20",
                "total": "9.5",
                "vip": "true",
            },
        ),
        (
            5,
            {
                "id": "8.20983E+17",
                "mail": "b@example.com",
                "paid": "",
                "day": "",
                "total": "12",
                "vip": "false",
            },
        ),
    ]
    with file.open("rb") as stream:
        assert read(file).in_words(stream) == "the sheet Leads"


def test_an_excel_file_becomes_events_like_a_csv_file(outbox, around, tmp_path):
    rows = [["receipt", "paid_at", "mail", "total"], ["1", PAID_AT, "a@example.com", 9.5]]
    file, report = workbook(tmp_path / "till.xlsx", [*rows, ["2", None, None, 1]]), tmp_path / "report.jsonl"
    assert import_file(file, outbox, around, report).counts == {"waiting": 1, "held": 1}
    assert [json.loads(line)["row"] for line in report.read_text().splitlines()] == [3]


@pytest.mark.parametrize(
    ("name", "content", "encoding"),
    [
        pytest.param("a.xlsx", b"PK", None, id="no spreadsheet"),
        pytest.param("a.xlsx", b"", None, id="an empty spreadsheet"),
        pytest.param("a.doc", b"PK", None, id="another kind of file"),
        pytest.param("a.csv", b"a,a\n1,2\n", None, id="two columns of one name"),
        pytest.param("a.csv", b"a,\n1,2\n", None, id="a column without a name"),
        pytest.param("a.csv", b"a\n1\n", "klingon", id="an encoding that is none"),
        pytest.param("a.csv", b"a\n1\n", "punycode", id="a codec that is no encoding"),
        pytest.param("a.xlsx", b"PK", "cp1252", id="an encoding for a spreadsheet"),
        pytest.param(
            "a.csv", "id;имя\n1;Иван\n".encode("cp1251"), None, id="Cyrillic without a word about it"
        ),
        pytest.param(
            "a.csv", "id;name\n1;Małgorzata\n".encode("cp1250"), None, id="Polish without a word about it"
        ),
    ],
)
def test_files_that_cannot_be_understood_are_refused_with_what_to_do(tmp_path, name, content, encoding):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WrongUse) as refusal:
        rows_of(tmp_path / name, encoding)
    assert refusal.value.fix
    assert not isinstance(refusal.value, Refused)


def test_a_spreadsheet_that_would_unpack_to_gigabytes_is_refused(tmp_path):
    file = tmp_path / "a.xlsx"
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed,
        packed.open("sheet", "w", force_zip64=True) as part,
    ):
        for _ in range(MOST_UNPACKED_BYTES // 16_777_216 + 1):
            part.write(bytes(16_777_216))
    with pytest.raises(WrongUse, match="too large"):
        rows_of(file)


# --- a row that was corrected ------------------------------------------------------------------------

TILL = "receipt;paid_at;mail;total\n"


def statuses(outbox):
    return sorted((record.status, record.event_id or "") for record in outbox.find(Query()))


def test_a_corrected_row_settles_the_held_event_of_its_earlier_form(outbox, around, tmp_path):
    file, report = tmp_path / "till.csv", tmp_path / "report.jsonl"
    file.write_text(TILL + "1;2026-11-20 10:00;a@example.com;9,50\n2;2026-11-20 10:00;;9,50\n")
    import_file(file, outbox, around, report)
    file.write_text(TILL + "1;2026-11-20 10:00;a@example.com;9,50\n2;2026-11-20 10:00;b@example.com;9,50\n")
    summary = import_file(file, outbox, around, report)
    assert (summary.counts, summary.replaced) == ({"duplicate": 1, "waiting": 1}, 1)
    assert statuses(outbox) == [("discarded", "till-2"), ("waiting", "till-1"), ("waiting", "till-2")]
    (gone,) = outbox.find(Query(statuses=frozenset({"discarded"})))
    assert (gone.reason or "").startswith("a corrected row took its place: ")


def test_a_row_without_an_id_is_the_same_in_the_same_line_while_most_of_it_is_unchanged(
    outbox, around, tmp_path
):
    source = MAPPING.replace(b"event_id: till-{receipt}\n", b"")
    mapping = load_mapping(
        tmp_path / "till.yaml", environment={}, spec=around.spec, destinations={"main"}, source=source
    )
    unnamed = replace(around, mapping=mapping)
    file, report = tmp_path / "till.csv", tmp_path / "report.jsonl"
    file.write_text(TILL + "1;2026-11-20 10:00;;9,50\n2;2026-11-20 10:00;;8,00\n")
    assert import_file(file, outbox, unnamed, report).counts == {"held": 2}

    file.write_text(TILL + "7;2026-11-19 10:00;c@example.com;9,50\n8;2026-11-19 11:00;d@example.com;8,00\n")
    assert import_file(file, outbox, unnamed, report).replaced == 0, "another week has other people"
    other = tmp_path / "other.csv"
    other.write_text(TILL + "1;2026-11-20 10:00;e@example.com;9,50\n")
    assert import_file(other, outbox, unnamed, report).replaced == 0, "another file has other rows"
    file.write_text(TILL + "1;2026-11-20 10:00;a@example.com;9,50\n2;2026-11-20 10:00;;8,00\n")
    corrected = import_file(file, outbox, unnamed, report)
    assert (corrected.replaced, corrected.counts) == (1, {"waiting": 1, "held": 1})
    assert outbox.counts().by_status["held"] == 1


def test_with_a_repeat_key_a_corrected_row_is_mapped_again_in_place(outbox, around, tmp_path):
    source = MAPPING + b"receive: {repeat_key: receipt}\n"
    mapping = load_mapping(
        tmp_path / "till.yaml", environment={}, spec=around.spec, destinations={"main"}, source=source
    )
    keyed = replace(around, mapping=mapping)
    file, report = tmp_path / "till.csv", tmp_path / "report.jsonl"
    file.write_text(TILL + "2;2026-11-20 10:00;;9,50\n")
    import_file(file, outbox, keyed, report)
    file.write_text(TILL + "2;2026-11-20 10:00;b@example.com;9,50\n")
    import_file(file, outbox, keyed, report)
    assert statuses(outbox) == [("waiting", "till-2")]


def test_a_dry_run_counts_who_can_be_matched_and_names_a_row_to_look_at(around, tmp_path):
    summary = dry_run(csv_file(tmp_path, 10, bad=4), around, tmp_path / "report")
    assert summary.matchable == {"events": 10, "with_email": 6}
    assert summary.sample is not None
    assert summary.sample.number == 6
