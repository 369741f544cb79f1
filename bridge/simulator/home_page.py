"""The page a person sees at `/`: what was received, what was rejected, what is about to fail. No script."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TypeVar

import orjson

from bridge.plurals import counted
from bridge.simulator.inbox import Inbox, ReceivedEvent, RejectedRequest

_SHOWN = 200
_Kept = TypeVar("_Kept")
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Simulator: {events}</title><style>
:root {{ color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }}
body {{ margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }}
table {{ border-collapse: collapse; width: 100%; margin-bottom: 2rem; }}
th, td {{ text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid #8884; }}
pre {{ margin: .3rem 0; overflow-x: auto; font-size: .85rem; }}
.test {{ background: #ffd54f; color: #222; border-radius: .2rem; padding: 0 .4rem; }}
.again {{ background: #ef9a9a; color: #222; border-radius: .2rem; padding: 0 .4rem; }}
</style></head><body>
<h1>Stand-in for Meta’s events endpoint</h1>
<p>Nothing that arrives here reaches Meta. {events} ({tests} of them for testing)
in {requests}, {refused} rejected. <a href="/received">Everything as JSON</a></p>
<p>Faults to come: {faults}</p>
<h2>Accepted events, newest first</h2>
<table><tr><th>When</th><th>Dataset</th><th>Event</th><th>Id</th><th>What was sent</th></tr>
{event_rows}</table>
<h2>Rejected requests, newest first</h2>
<table><tr><th>When</th><th>Dataset</th><th>Status</th><th>Code</th><th>Message</th></tr>
{rejected_rows}</table>
</body></html>
"""


def render(inbox: Inbox, faults: Sequence[str]) -> bytes:
    """Return the whole page; everything received is escaped."""
    counts = inbox.counts()
    return _PAGE.format(
        events=counted(counts["events"], "event"),
        tests=counts["test_events"],
        requests=counted(counts["requests"], "request"),
        refused=counts["refused"],
        faults=escape(", ".join(faults) or "none"),
        event_rows=_rows(map(_event_row, _newest(inbox.events())), "Nothing yet."),
        rejected_rows=_rows(map(_rejected_row, _newest(inbox.rejected())), "None."),
    ).encode()


def _newest(kept: Sequence[_Kept]) -> Sequence[_Kept]:
    return kept[: -_SHOWN - 1 : -1]


def _rows(rows: Iterable[str], nothing: str) -> str:
    return "\n".join(rows) or f'<tr><td colspan="5">{nothing}</td></tr>'


def _event_row(received: ReceivedEvent) -> str:
    marks = ""
    if received.test_event_code:
        marks += f' <span class="test">test {escape(received.test_event_code)}</span>'
    if received.times > 1:
        marks += f' <span class="again">{received.times} times</span>'
    body = orjson.dumps(received.event, option=orjson.OPT_INDENT_2).decode()
    return _row(
        escape(received.received_at),
        escape(received.dataset_id),
        escape(str(received.event["event_name"])) + marks,
        escape(str(received.event.get("event_id", "none"))),
        f"<details><summary>show</summary><pre>{escape(body)}</pre></details>",
    )


def _rejected_row(rejected: RejectedRequest) -> str:
    code = "" if rejected.code is None else f"{rejected.code}/{rejected.subcode or '-'}"
    return _row(
        escape(rejected.received_at),
        escape(rejected.dataset_id),
        str(rejected.status),
        code,
        escape(rejected.message),
    )


def _row(*cells: str) -> str:
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
