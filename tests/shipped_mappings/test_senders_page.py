"""docs/senders.md is true: its examples load, and it lists every cause of malformed JSON."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bridge.body.json_diagnosis import CAUSES
from bridge.mapping import load_mapping
from bridge.meta_spec.rule_files import load_meta_spec

PAGE = (Path(__file__).parents[2] / "docs" / "senders.md").read_text("utf-8")
ENVIRONMENT = {"SECRET": "hush", "APP_SECRET": "hush", "VERIFY_TOKEN": "hush"}
RULES = sorted(set(re.findall(r"`(\{scheme: .*?\})`", PAGE)))
ADDITIONS = sorted(set(re.findall(r"add `([a-z_]+: [^`]+)`", PAGE)))


def load(source: str):
    environment = ENVIRONMENT | {"SECRET": "00ff"}
    return load_mapping(
        Path("page.yaml"), environment=environment, spec=load_meta_spec(), source=source.encode()
    )


def mapping_with(verify: str) -> str:
    return (
        f"version: 1\nreceive:\n  verify: {verify}\n"
        "event_name: Lead\naction_source: other\nuser_data: {email: email}\n"
    )


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_of_the_page_can_be_copied(rule):
    assert load(mapping_with(rule)).receive.verify.secrets


@pytest.mark.parametrize("addition", ADDITIONS)
def test_an_addition_of_the_page_can_be_copied(addition):
    rule = '{scheme: hmac, header: X-Sig, secret: "${SECRET}", ' + addition + "}"
    assert load(mapping_with(rule)).receive.verify.scheme == "hmac"


def test_the_page_shows_every_scheme():
    assert {re.match(r"\{scheme: (\w+)", rule)[1] for rule in RULES} == {
        "hmac",
        "digest",
        "standard_webhooks",
        "token",
        "basic",
    }
    assert len(ADDITIONS) == 4


def test_the_handshake_of_the_page_can_be_copied():
    examples = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    [handshake] = [example for example in examples if "handshake:" in example]
    assert load(handshake).receive.handshake is not None


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.code)
def test_the_page_knows_every_cause_of_broken_json(cause):
    assert f"| {cause.message.rstrip('.')} | {cause.fix} |" in PAGE
