"""The second step of the pipeline: what a verified request says, as plain data."""

from __future__ import annotations

from bridge.body.reader import read_body
from bridge.models import Receive, Verified, Webhook


def parse(verified: Verified, receive: Receive) -> Webhook:
    """Read the body of a verified request as its mapping allows.

    Raises `UnreadableBody` (with line, column, likely cause and fix), `TooLarge` or
    `WrongContentType`, and nothing else, whatever the bytes are.
    """
    request = verified.request
    body = read_body(request, receive.accept, receive.max_size_bytes, receive.max_values)
    return Webhook(request, body.data, body.notes)
