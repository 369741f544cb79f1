"""Browsers of the console: one that nobody is signed in with, and the admin's."""

from __future__ import annotations

import html
import re

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from bridge.web.app import create_app
from tests.web.conftest import WebClient

SCRIPT = "<script>alert('x')</script>"


@pytest.fixture
def app(web: WebClient) -> WebClient:
    """A bridge with the usual mappings, which takes webhooks in both ways."""
    return web


@pytest.fixture
def browser(app) -> FlaskClient:
    """A browser on this machine that nobody is signed in with."""
    return create_app(app.context).test_client()


@pytest.fixture
def signed_in(browser) -> FlaskClient:
    response = browser.post("/console/session", data={"token": "admin-token"})
    assert (response.status_code, response.location) == (303, "/console/")
    return browser


def text_of(response: TestResponse) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", response.get_data(as_text=True)))
