"""A file that was chosen in a form of the console, read in memory: nothing of it is written to the disk."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import IO, Any, NamedTuple

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header

from bridge.errors import UnreadableBody
from bridge.web.request import HttpRequest

_MOST_FIELD_BYTES = 65_536
_MOST_PARTS = 20


class Upload(NamedTuple):
    """The fields of a form, and the file that was chosen in it; without a name when there was none."""

    fields: Mapping[str, str]
    file_name: str
    content: bytes


def upload_of(request: HttpRequest, field: str) -> Upload:
    """Return what a form with one file was sent with. Raises UnreadableBody for another body."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    parser = FormDataParser(_in_memory, _MOST_FIELD_BYTES, silent=False, max_form_parts=_MOST_PARTS)
    try:
        _, fields, files = parser.parse(BytesIO(request.body), kind, len(request.body), options)
    except (ValueError, RequestEntityTooLarge) as error:
        raise UnreadableBody("the form cannot be read", fix="reload the page and try again") from error
    chosen = files.get(field)
    if chosen is None:
        return Upload(fields.to_dict(), "", b"")
    return Upload(fields.to_dict(), chosen.filename or "", chosen.stream.read())


def _in_memory(*_about: Any, **_more: Any) -> IO[bytes]:
    return BytesIO()
