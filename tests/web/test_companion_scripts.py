"""The scripts that websites load: built from companion/, small, and loaded by the tags that are printed."""

from __future__ import annotations

import gzip
import hashlib
import html
import json
import re
from pathlib import Path

import pytest

from bridge.settings.models import CompanionSettings
from bridge.web.companion.scripts import current, versions
from bridge.web.companion.tags import TagWishes, tags
from tests.node_packages import installed, run_script
from tests.web.test_companion import MAPPING, SETTINGS, report, stored_events

TOP = Path(__file__).parents[2]
SOURCES = TOP / "companion"
STATIC = TOP / "bridge/web/companion/static"
MOST_BYTES = 2_000  # gzipped


def test_the_committed_scripts_are_what_the_sources_build(tmp_path):
    ran = run_script(SOURCES / "build.cjs", installed(SOURCES), str(tmp_path))
    assert ran.returncode == 0, ran.stderr
    fix = "the sources in companion/ have changed: run `make companion` and commit what it writes"
    for built in tmp_path.iterdir():
        assert built.read_bytes() == (STATIC / built.name).read_bytes(), fix


def test_the_script_is_small(capsys):
    sizes = {
        name: len(gzip.compress(current(name).text.encode(), mtime=0)) for name in ("companion", "consent")
    }
    with capsys.disabled():
        print(f"\nscripts that websites load, gzipped: {sizes}")
    assert sizes["companion"] <= MOST_BYTES


@pytest.mark.parametrize("name", ["companion", "consent"])
def test_the_script_runs_no_text_and_names_no_host(name):
    text = current(name).text
    assert not re.search(r"\beval\b|\bFunction\(|innerHTML|document\.write|https?://", text)


def test_every_version_of_npm_is_pinned_and_every_download_is_checked():
    asked = json.loads((SOURCES / "package.json").read_text())["devDependencies"]
    lock = json.loads((SOURCES / "package-lock.json").read_text())["packages"]
    assert all(version[0].isdigit() for version in asked.values())
    assert {name for name, entry in lock.items() if name and "integrity" not in entry} == set()


def test_every_version_is_named_after_its_content():
    for file, script in versions().items():
        digest = hashlib.sha256(script.text.encode()).hexdigest()[:16]
        assert file == f"{script.name}.{digest}.js"


def test_a_wsgi_server_serves_script_and_endpoint_too(start):
    web = start({"browser": MAPPING}, settings=SETTINGS.format(more=""))
    assert web.client.get("/c.js").text == current("companion").text
    assert (report(web).status_code, stored_events(web)) == (204, [("Lead", "waiting")])


# --- the tags ----------------------------------------------------------------------------------------


def attributes(tag: str) -> dict[str, str]:
    found = re.findall(r' ([a-z-]+)(?:="([^"]*)")?', tag.removesuffix("></script>"))
    return {name: html.unescape(value) for name, value in found}


FIXED = {
    "src": f"/c.{current('companion').digest}.js",
    "integrity": current("companion").integrity,
    "crossorigin": "anonymous",
    "async": "",
}


@pytest.mark.parametrize(
    ("settings", "wishes", "expected"),
    [
        pytest.param({}, TagWishes(), FIXED, id="usual"),
        pytest.param({}, TagWishes(is_fixed=False), {"src": "/c.js", "async": ""}, id="latest"),
        pytest.param(
            {},
            TagWishes(
                "https://t.example.com", is_fixed=False, is_granted=True, page_view=True, form_event="Lead"
            ),
            {
                "src": "https://t.example.com/c.js",
                "data-consent": "granted",
                "data-page-view": "",
                "data-form-event": "Lead",
                "async": "",
            },
            id="every option",
        ),
        pytest.param(
            {"path": "/t/visit", "script": "/t/shop.js"},
            TagWishes(is_fixed=False),
            {"src": "/t/shop.js", "data-to": "/t/visit", "async": ""},
            id="the endpoint is elsewhere",
        ),
    ],
)
def test_a_tag_says_what_was_asked_for(settings, wishes, expected):
    companion = CompanionSettings(frozenset({"https://www.example.com"}), **settings)
    (tag,) = tags(companion, wishes)
    assert attributes(tag) == expected


def test_a_banner_is_read_by_a_second_tag():
    companion = CompanionSettings(frozenset({"https://www.example.com"}))
    _, second = tags(companion, TagWishes(is_fixed=False, reads_banner=True))
    assert attributes(second) == {"src": "/c-consent.js", "data-covers-meta": "", "async": ""}
