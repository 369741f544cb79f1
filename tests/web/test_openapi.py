"""The description of the HTTP API is what every OpenAPI tool expects."""

from __future__ import annotations

from openapi_spec_validator import validate

from bridge.web.openapi import document
from bridge.web.routes import COMPANION, ROUTES


def test_the_description_follows_the_openapi_specification():
    validate(document((*ROUTES, *COMPANION)))


def test_every_endpoint_for_the_administrator_says_so():
    described = document(ROUTES)["paths"]
    assert {(route.method.lower(), route.path) for route in ROUTES if route.access} == {
        (method, path)
        for path, operations in described.items()
        for method, operation in operations.items()
        if operation.get("security") == [{"admin": []}]
    }
