"""`capi-bridge companion`: a tag to paste, or what is missing."""

from __future__ import annotations

import pytest

LISTED = "companion: {origins: [https://www.example.com]}\n"


@pytest.mark.parametrize(
    ("settings", "arguments", "code", "text"),
    [
        pytest.param(LISTED, ["--latest"], 0, '<script src="/c.js" async></script>', id="latest"),
        pytest.param(LISTED, ["--latest", "--json"], 0, '"tags": [', id="JSON"),
        pytest.param(LISTED, [], 0, "there is no mapping browser", id="no mapping"),
        pytest.param("", [], 2, "no website is named", id="not configured"),
        pytest.param(LISTED, ["--form-event", "Purchase"], 2, "not in companion.events", id="not allowed"),
    ],
)
def test_the_command_prints_a_tag_or_says_what_is_missing(folder, settings, arguments, code, text):
    (folder.path / "mappings").mkdir()
    folder.settings(settings)
    ran = folder.run("companion", *arguments)
    assert (ran.code, text in ran.out + ran.err) == (code, True), ran


@pytest.mark.parametrize(
    ("settings", "finding"),
    [
        pytest.param("companion: {path: /x}\n", "companion.origins is not set", id="no origins"),
        pytest.param(
            "companion: {origins: [www.example.com]}\n", "companion.origins must be", id="no origin"
        ),
        pytest.param("companion: {origins: [https://a.de/shop]}\n", "companion.origins must be", id="a page"),
        pytest.param(
            "companion: {origins: [https://a.de], path: /api/c}\n", "companion.path must be", id="taken"
        ),
        pytest.param(
            "companion: {origins: [https://a.de], script: /c}\n", "companion.script must be", id="no .js"
        ),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(folder, settings, finding):
    folder.settings(settings)
    assert finding in folder.run("check").out


ANOTHER = "version: 1\nevent_name: Lead\naction_source: website\nuser_data: {email: email}\n"


@pytest.mark.parametrize(
    ("mapping", "finding"),
    [
        pytest.param(None, "there is no mapping browser, so no event of a page is taken", id="none"),
        pytest.param(ANOTHER, "does not say sent_by: companion", id="another one"),
        pytest.param(ANOTHER + "receive: {sent_by: companion}\n", None, id="the right one"),
    ],
)
def test_check_and_the_command_say_when_no_mapping_takes_events(folder, mapping, finding):
    (folder.path / "mappings").mkdir()
    if mapping:
        (folder.path / "mappings" / "browser.yaml").write_text(mapping)
    folder.settings(LISTED)
    for said in (folder.run("check").out, folder.run("companion").err):
        assert ("no event of a page is taken" in said, (finding or "") in said) == (bool(finding), True)


def test_a_slash_behind_an_origin_is_no_page(folder):
    folder.settings("companion: {origins: ['https://WWW.example.com:443/']}\n")
    assert folder.run("companion", "--latest").code == 0
