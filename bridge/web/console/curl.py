"""A webhook as a command for a shell, without secrets: it shows what would come of it, and stores nothing."""

from __future__ import annotations

import shlex


def curl_of(url: str, body: str) -> str:
    """Return the command. Headers and query are left out: they may hold the sender's signature or token."""
    parts = [
        f"curl {shlex.quote(url)}",
        '-H "Authorization: Bearer $CAPI_BRIDGE_ADMIN_TOKEN"',
        "-H 'Content-Type: application/json'",
        f"--data-raw {shlex.quote(body)}",
    ]
    return " \\\n  ".join(parts)
