"""Where the link of `capi-bridge console` leads: to the URL that was given, configured or is served here."""

from __future__ import annotations

import pytest

from bridge.server.running import announced
from tests.cli.conftest import SETTINGS

PUBLIC = SETTINGS.format(graph_url="http://127.0.0.1:1") + "public_url: https://hooks.example.com\n"


@pytest.mark.parametrize(
    ("bind", "base"),
    [
        pytest.param("127.0.0.1:8123", "http://127.0.0.1:8123", id="loopback"),
        pytest.param("0.0.0.0:8123", "http://127.0.0.1:8123", id="every address"),
        pytest.param("[::]:8123", "http://127.0.0.1:8123", id="every address of IPv6"),
        pytest.param("[::1]:8123", "http://[::1]:8123", id="loopback of IPv6"),
        pytest.param("bridge.local:8123", "http://bridge.local:8123", id="a name"),
        pytest.param("worker-4711", "http://127.0.0.1:8000", id="a worker listens nowhere"),
    ],
)
def test_the_link_leads_to_the_server_that_runs_here(folder, bind, base):
    with announced(folder.path / "data", bind):
        assert folder.run("console").out.startswith(f"{base}/console/sign-in?link=")


def test_a_url_that_is_given_or_configured_comes_first(folder):
    folder.settings(PUBLIC)
    with announced(folder.path / "data", "127.0.0.1:8123"):
        assert folder.run("console").out.startswith("https://hooks.example.com/console/sign-in?link=")
        given = folder.run("console", "--url", "https://other.example/", "--json").json
    assert given["url"].startswith("https://other.example/console/sign-in?link=")


def test_a_link_that_no_server_answers_is_told(folder):
    told = "No server with these settings was found on this machine: start it with `capi-bridge serve`"
    assert told in folder.run("console").err
    assert told not in folder.run("console", "--url", "https://other.example/").err
    with announced(folder.path / "data", "127.0.0.1:8123"):
        assert told not in folder.run("console").err


def test_what_is_not_a_url_is_refused(folder):
    ran = folder.run("console", "--url", "bridge.example.com")
    assert (ran.code, ran.out, ran.err) == (2, "", "--url: 'bridge.example.com' is not a URL")
