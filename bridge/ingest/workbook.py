"""Excel files: the rows of the first visible sheet, with every cell as the text a person would type."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from types import ModuleType
from typing import Any, BinaryIO

from bridge.errors import WrongUse

MOST_UNPACKED_BYTES = 1_073_741_824
_DIGITS_KEPT = 1e15  # Excel keeps 15 digits of a number


def sheet_of(stream: BinaryIO) -> tuple[str, list[Sequence[Any]]]:
    """Return the name and all rows of the sheet that a person sees first. Raises WrongUse."""
    calamine = _library()
    _require_bounded(stream)
    try:
        with calamine.load_workbook(stream) as workbook:
            sheets = workbook.sheets_metadata
            visible = [sheet for sheet in sheets if sheet.visible == calamine.SheetVisibleEnum.Visible]
            name = (visible or sheets)[0].name
            return name, workbook.get_sheet_by_name(name).to_python(skip_empty_area=False)
    except calamine.PasswordError as error:
        raise WrongUse("the file has a password", fix="save it without one") from error
    except (calamine.CalamineError, IndexError, OSError) as error:
        raise WrongUse("not readable as an Excel file", fix="save it again as .xlsx, or as CSV") from error


def _library() -> ModuleType:
    try:
        import python_calamine
    except ImportError as error:
        fix = "pip install 'capi-bridge[excel]', or save the file as CSV"
        raise WrongUse("reading Excel files needs an extra", fix=fix) from error
    return python_calamine


def _require_bounded(stream: BinaryIO) -> None:
    """Refuse a small file that would unpack to gigabytes."""
    if zipfile.is_zipfile(stream):
        stream.seek(0)
        with zipfile.ZipFile(stream) as packed:
            unpacked = sum(part.file_size for part in packed.infolist())
        if unpacked > MOST_UNPACKED_BYTES:
            raise WrongUse("the Excel file is too large", fix="save the sheet as CSV")
    stream.seek(0)


def cell_text(cell: Any) -> str:
    """Return what a cell says. A number that is too long for Excel keeps the look of one that lost digits."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return _number_text(cell)
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, date | time):
        return cell.isoformat()
    return str(cell)


def _number_text(number: float) -> str:
    if not number.is_integer():
        return repr(number)
    return f"{number:.5E}" if abs(number) >= _DIGITS_KEPT else str(int(number))


def numbered(rows: Sequence[Sequence[Any]]) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that says something, with the number that Excel shows beside it."""
    for number, cells in enumerate(rows, 1):
        texts = [cell_text(cell).strip() for cell in cells]
        if any(texts):
            yield number, texts
