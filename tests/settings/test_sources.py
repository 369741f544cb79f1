"""The block `sources:`: hosts and secrets of the APIs that mappings may fetch from."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.errors import Invalid
from bridge.settings import Rate, Source, load_settings


@pytest.fixture
def load(tmp_path):
    def load_it(text, environment=None):
        (tmp_path / "bridge.yaml").write_text(text)
        return load_settings(None, environment or {}, folder=tmp_path).sources

    return load_it


def findings(load, text):
    with pytest.raises(Invalid) as caught:
        load(text)
    return [(finding.code, finding.message) for finding in caught.value.findings]


def test_without_sources_nothing_is_fetched(load):
    assert load("log_level: info\n") == {}


def test_a_source_needs_no_more_than_its_url(load):
    assert load("sources: {crm: {url: 'https://api.example.com/v2/'}}") == {
        "crm": Source("crm", "https://api.example.com/v2", {}, Rate(5, 1), timedelta(hours=24))
    }


def test_every_part_of_a_source_is_read(load):
    found = load(
        """
        sources:
          crm:
            url: https://api.example.com/v2
            headers: {x-api-token: "${CRM_TOKEN}", Accept: application/vnd.api+json}
            rate: 190/10s
            give_up: 2h
            allow_private: yes
          close:
            url: https://api.example.org
            basic: {user: "${CRM_TOKEN}"}
          local:
            url: http://localhost:8080
            insecure: yes
        """,
        {"CRM_TOKEN": "t0ken"},
    )
    assert found == {
        "crm": Source(
            "crm",
            "https://api.example.com/v2",
            {"x-api-token": "t0ken", "Accept": "application/vnd.api+json"},
            Rate(190, 10),
            timedelta(hours=2),
            allow_private=True,
        ),
        "close": Source("close", "https://api.example.org", {"Authorization": "Basic dDBrZW46"}),
        "local": Source("local", "http://localhost:8080", insecure=True),
    }


def test_a_secret_stays_out_of_the_repr(load):
    text = "sources: {crm: {url: https://a.example/rest/s3cret, headers: {Authorization: Bearer s3cret}}}"
    assert "s3cret" not in repr(load(text))


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.com",
        "http://10.0.0.1",
        "ftp://api.example.com",
        "https://user:password@api.example.com",
        "https://api.example.com?key=1",
        "https://api.example.com#x",
        "https://",
        "https://api.example.com/v2/../v1",
        "https://api.example.com:port",
        "https://api.example.com:99999",
        "https://bücher.example",
        "https://api.example.com\\\\@evil.example",
        "api.example.com",
    ],
)
def test_a_url_that_is_not_safe_is_an_error_that_does_not_repeat_it(load, url):
    [(code, message)] = findings(load, f"sources: {{crm: {{url: '{url}'}}}}")
    assert code == "wrong_type"
    assert message == (
        "sources.crm.url must be a URL that starts with https:// (http:// only on this machine),"
        " without user name and query"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "{url: http://127.0.0.1}",
            (
                "insecure_source",
                "sources.crm.url starts with http://, and what is sent there can be read on its way",
            ),
            id="http without a word",
        ),
        pytest.param("{rate: 5/s}", ("missing_key", "sources.crm.url is not set"), id="no URL"),
        pytest.param(
            "{url: https://a.example, headers: {Host: b.example}}",
            ("reserved_header", "sources.crm.headers: Host is set by the bridge itself"),
            id="another host",
        ),
        pytest.param(
            "{url: https://a.example, headers: {X-Key: a, x-key: b}}",
            ("header_twice", "sources.crm: the header x-key is set twice"),
            id="one header twice",
        ),
        pytest.param(
            "{url: https://a.example, headers: {authorization: a}, basic: {user: b}}",
            ("header_twice", "sources.crm: the header Authorization is set twice"),
            id="two keys",
        ),
        pytest.param(
            '{url: https://a.example, headers: {X-Key: "a\\r\\nX-Other: b"}}',
            (
                "wrong_type",
                "sources.crm.headers.X-Key must be printable ASCII text; keep secrets out of the file"
                " with ${NAME}",
            ),
            id="two lines in a header",
        ),
        pytest.param(
            "{url: https://a.example, basic: {password: b}}",
            ("missing_key", "sources.crm.basic.user is not set"),
            id="a password of nobody",
        ),
        pytest.param(
            "{url: https://a.example, give_up: 8d}",
            (
                "wrong_type",
                "sources.crm.give_up must be a time from 1m to 7d, the age up to which Meta accepts events",
            ),
            id="longer than Meta waits",
        ),
        pytest.param(
            "{url: https://a.example, rate: 0/s}",
            ("wrong_type", "sources.crm.rate must be a rate such as 50/s, 150/30s or 600/m"),
            id="no calls at all",
        ),
    ],
)
def test_a_mistake_is_an_error(load, text, expected):
    assert findings(load, f"sources:\n  crm: {text}\n") == [expected]


@pytest.mark.parametrize(
    ("text", "rate"),
    [("8/s", Rate(8, 1)), ("600/m", Rate(600, 60)), ("190/10s", Rate(190, 10)), ("20 / 2 s", Rate(20, 2))],
)
def test_a_rate_may_count_in_any_stretch_of_time(load, text, rate):
    assert load(f"sources: {{crm: {{url: https://a.example, rate: {text}}}}}")["crm"].rate == rate
