"""The tags that a website puts into its pages to load the companion."""

from __future__ import annotations

from html import escape
from typing import NamedTuple

from bridge.settings.models import CompanionSettings
from bridge.web.companion.scripts import current, script_path


class TagWishes(NamedTuple):
    """What somebody wants of the tags.

    `url` is where pages reach the bridge; empty where the website passes the paths on. `is_fixed` names
    one version with its digest. `form_event` is the event of a form that is sent.
    """

    url: str = ""
    is_fixed: bool = True
    is_granted: bool = False
    page_view: bool = False
    form_event: str | None = None
    reads_banner: bool = False


def tags(companion: CompanionSettings, wishes: TagWishes) -> list[str]:
    """Return the tags, in the order in which they belong into a page."""
    options = {
        "data-to": None if _is_beside(companion) else wishes.url + companion.path,
        "data-consent": "granted" if wishes.is_granted else None,
        "data-page-view": "" if wishes.page_view else None,
        "data-form-event": wishes.form_event,
    }
    found = [_tag(companion, "companion", wishes, options)]
    if wishes.reads_banner:
        found.append(_tag(companion, "consent", wishes, {"data-covers-meta": ""}))
    return found


def _is_beside(companion: CompanionSettings) -> bool:
    """Return whether the script finds the endpoint by its own URL: /c.js beside /c."""
    return companion.script == f"{companion.path}.js"


def _tag(companion: CompanionSettings, name: str, wishes: TagWishes, options: dict[str, str | None]) -> str:
    script = current(name)
    path = script_path(companion, name, script.digest if wishes.is_fixed else None)
    fixed = {"integrity": script.integrity, "crossorigin": "anonymous"} if wishes.is_fixed else {}
    attributes = {"src": wishes.url + path, **fixed, **options, "async": ""}
    written = (
        f' {attribute}="{escape(value)}"' if value else f" {attribute}"
        for attribute, value in attributes.items()
        if value is not None
    )
    return f"<script{''.join(written)}></script>"
