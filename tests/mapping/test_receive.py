"""The receive block: rules for senders, secrets from the environment, handshakes, test codes, reports."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest

from bridge.errors import CannotOpen
from bridge.mapping import load_mapping
from bridge.mapping.compiler import receive
from bridge.models import Receive, VerifyRule
from bridge.secret_files import SecretsOfMappings, UnusableFile, read_secret_file

ENVIRONMENT = {"TEXT": "a secret", "OLD": "an old one", "HEX": "00ff", "BASE64": "whsec_AAE=", "BLANK": ""}


def test_without_a_block_everybody_may_send_and_problems_are_held(load):
    assert load("").receive == Receive()


@pytest.mark.parametrize(
    ("verify", "expected"),
    [
        pytest.param(
            '{scheme: hmac, header: X-Signature, secret: "${TEXT}"}',
            VerifyRule(scheme="hmac", header="X-Signature", secrets=(b"a secret",)),
            id="hmac, everything else by default",
        ),
        pytest.param(
            '{scheme: hmac, header: X-S, secret: "${TEXT}", previous_secret: "${OLD}", algorithm: sha1,'
            ' encoding: base64, prefix: v1=, format: "t={timestamp},v1={signature}",'
            ' signed: "{timestamp}.{body}", timestamp_unit: milliseconds, tolerance: 1 minute}',
            VerifyRule(
                scheme="hmac",
                header="X-S",
                secrets=(b"a secret", b"an old one"),
                algorithm="sha1",
                encoding="base64",
                prefix="v1=",
                format="t={timestamp},v1={signature}",
                signed="{timestamp}.{body}",
                timestamp_unit="milliseconds",
                tolerance_seconds=60,
            ),
            id="hmac, everything said",
        ),
        pytest.param(
            '{scheme: hmac, header: X, secret: "${HEX}", secret_encoding: hex}',
            VerifyRule(scheme="hmac", header="X", secrets=(b"\x00\xff",)),
            id="a secret in hex",
        ),
        pytest.param(
            '{scheme: hmac, header: X, secret: "${BASE64}", secret_encoding: base64}',
            VerifyRule(scheme="hmac", header="X", secrets=(b"\x00\x01",)),
            id="a secret in base64",
        ),
        pytest.param(
            '{scheme: basic, user: shop, secret: "${TEXT}"}',
            VerifyRule(scheme="basic", user="shop", secrets=(b"a secret",)),
            id="basic",
        ),
        pytest.param("{scheme: none}", VerifyRule(scheme="none"), id="none"),
    ],
)
def test_the_verify_block_becomes_a_rule(load, verify, expected):
    assert load(f"receive: {{verify: {verify}}}\n", environment=ENVIRONMENT).receive.verify == expected


def test_a_token_in_the_body_is_read_without_the_request(load):
    rule = load(
        'receive: {verify: {scheme: token, field: auth.token, secret: "${TEXT}"}}\n', environment=ENVIRONMENT
    )
    read = rule.receive.verify.body_field
    assert [read({"auth": {"token": 42}}), read({"auth": "x"}), read([])] == ["42", None, None]


def test_a_secret_never_shows(load):
    mapping = load(
        'receive: {verify: {scheme: hmac, header: X, secret: "${TEXT}"}}\n', environment=ENVIRONMENT
    )
    assert "a secret" not in repr(mapping)


@pytest.mark.parametrize(
    ("secret", "code"),
    [
        pytest.param("written-into-the-file", "secret_in_file", id="written into the file"),
        pytest.param("${BLANK}", "unset_secret", id="empty"),
        pytest.param("${NOWHERE}", "unset_secret", id="not set"),
        pytest.param("pre-${TEXT}", "secret_in_file", id="partly written"),
    ],
)
def test_a_secret_that_cannot_be_used_is_an_error_that_does_not_show_it(problems, secret, code):
    (finding,) = problems(
        f'receive: {{verify: {{scheme: hmac, header: X, secret: "{secret}"}}}}\n', environment=ENVIRONMENT
    )
    assert finding.code == code
    assert "written-into" not in finding.message + finding.fix


def test_a_secret_may_stand_in_a_file_of_its_own(load, tmp_path):
    (tmp_path / "hook.secret").write_text("a secret\n")
    verify = '{scheme: hmac, header: X, secret: "${file:hook.secret}", previous_secret: "${TEXT}"}'
    environment = SecretsOfMappings({"TEXT": "the one before"}, tmp_path)
    rule = load(f"receive: {{verify: {verify}}}\n", environment=environment).receive.verify
    assert rule.secrets == (b"a secret", b"the one before")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(None, "cannot be read (No such file or directory)", id="missing"),
        pytest.param(b" \n", "is empty", id="empty"),
        pytest.param(b"\xff\xfe", "is not text", id="not text"),
        pytest.param(b"x" * 70_000, "is too large", id="too large"),
    ],
)
def test_a_secret_file_that_cannot_be_used_is_named_with_the_reason(problems, tmp_path, content, why):
    file = tmp_path / "hook.secret"
    if content is not None:
        file.write_bytes(content)
    (finding,) = problems(
        'receive: {verify: {scheme: hmac, header: X, secret: "${file:hook.secret}"}}\n',
        environment=SecretsOfMappings({}, tmp_path),
    )
    assert (finding.code, finding.message) == ("unusable_file", f"the file {file} {why}")


@pytest.mark.parametrize("name", ["pipe", "folder"])
def test_a_secret_is_never_read_from_what_may_have_no_end(tmp_path, name):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UnusableFile, match="is not a regular file"):
        read_secret_file(tmp_path / name)


def test_where_secrets_are_optional_nobody_can_match_the_one_that_is_missing(load):
    text = 'receive: {verify: {scheme: hmac, header: X, secret: "${NOWHERE}"}}\n'
    first, second = load(text, secrets="optional"), load(text, secrets="optional")
    assert [finding.code for finding in first.warnings] == ["unset_secret"]
    assert len(first.receive.verify.secrets[0]) == 32
    assert first.receive.verify.secrets != second.receive.verify.secrets


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        pytest.param("{sent_by: server}", "hold", id="a server is not bothered"),
        pytest.param("{sent_by: automation}", "answer", id="an automation tool is told"),
        pytest.param("{sent_by: browser}", "answer", id="a browser is told"),
        pytest.param("{sent_by: browser, on_problem: hold}", "hold", id="the author decides"),
    ],
)
def test_who_is_told_about_problems(load, block, expected):
    assert load(f"receive: {block}\n").receive.on_problem == expected


@pytest.mark.parametrize(
    ("written", "origins"),
    [
        pytest.param("https://www.example.com", {"https://www.example.com"}, id="one"),
        pytest.param("[https://a.example, 'http://b.ex']", {"https://a.example", "http://b.ex"}, id="two"),
        pytest.param("HTTPS://WWW.Example.com:443", {"https://www.example.com"}, id="as browsers send it"),
        pytest.param("http://localhost:3000", {"http://localhost:3000"}, id="a port of its own"),
        pytest.param("'http://[::1]:3000'", {"http://[::1]:3000"}, id="an IPv6 address"),
    ],
)
def test_the_websites_whose_pages_may_read_answers(load, written, origins):
    receive = load(f"receive: {{sent_by: browser, origins: {written}}}\n").receive
    assert receive.origins == origins


@pytest.mark.parametrize(
    ("written", "suggestion"),
    [
        pytest.param("www.example.com", None, id="no scheme"),
        pytest.param("'*'", None, id="any website"),
        pytest.param("'https://*.example.com'", None, id="any subdomain"),
        pytest.param("ftp://www.example.com", None, id="no website"),
        pytest.param("https://jane@www.example.com", None, id="a user"),
        pytest.param("https://www.example.com/", "https://www.example.com", id="a slash at the end"),
        pytest.param("[https://a.example, https://b.example/shop]", "https://b.example", id="a page"),
    ],
)
def test_what_is_no_origin_is_reported(problems, written, suggestion):
    (finding,) = problems(f"receive: {{sent_by: browser, origins: {written}}}\n")
    assert (finding.code, finding.suggestion) == ("no_origin", suggestion)


def test_bounds_of_receiving(load):
    receive = load("receive: {accept: json, max_size: 512 KiB, repeat_window: 2 days}\n").receive
    assert (receive.accept, receive.max_size_bytes, receive.repeat_window_seconds) == (
        frozenset({"json"}),
        524_288,
        172_800,
    )


def test_a_handshake_compares_and_answers(load, webhook):
    rule = load(
        "receive:\n  handshake:\n    on: get\n"
        '    expect: {$query.hub.mode: subscribe, $query.hub.verify_token: "${TEXT}"}\n'
        "    answer: $query.hub.challenge\n",
        environment=ENVIRONMENT,
    ).receive.handshake
    arrived = webhook({}, query={"hub.mode": "subscribe", "hub.verify_token": "t", "hub.challenge": "123"})
    assert rule.on == "get"
    assert [(read(arrived), wanted) for read, wanted in rule.expect] == [
        ("subscribe", "subscribe"),
        ("t", "a secret"),
    ]
    assert rule.answer(arrived) == "123"


NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "now", "expected"),
    [
        pytest.param("TEST1", NOW, "TEST1", id="always"),
        pytest.param("{code: TEST1, until: 2026-11-22}", NOW, "TEST1", id="before its end"),
        pytest.param("{code: TEST1, until: 2026-11-20}", NOW, None, id="after its end"),
    ],
)
def test_a_test_event_code_is_in_force_for_a_while(load, written, now, expected):
    assert load(f"test_event_code: {written}\n").test_event_code.at(now) == expected


def test_a_test_event_code_counts_from_the_change_of_the_file(tmp_path, spec):
    file = tmp_path / "m.yaml"
    file.write_text(
        "version: 1\nevent_name: Lead\naction_source: website\ntest_event_code: {code: T, for: 30m}\n"
    )
    os.utime(file, (NOW.timestamp(), NOW.timestamp()))
    code = load_mapping(file, environment={}, spec=spec).test_event_code
    assert code == receive.TestCode("T", int(NOW.timestamp()) + 1_800)
    assert [code.at(NOW + timedelta(minutes=29)), code.at(NOW + timedelta(minutes=30))] == ["T", None]


def test_reports_of_results_have_an_address_and_a_secret(load):
    mapping = load(
        'on_result: {url: "https://crm.example/done", secret: "${TEXT}"}\n', environment=ENVIRONMENT
    )
    assert (mapping.on_result.url, mapping.on_result.secrets) == ("https://crm.example/done", (b"a secret",))


def test_a_file_that_cannot_be_read_is_said_so(tmp_path, spec):
    with pytest.raises(CannotOpen, match="no-such-file"):
        load_mapping(tmp_path / "no-such-file.yaml", environment={}, spec=spec)
