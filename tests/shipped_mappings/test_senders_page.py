"""docs/senders.md is true: its examples load, and it lists every cause of malformed JSON."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bridge.body.json_diagnosis import CAUSES
from bridge.mapping import load_mapping
from bridge.meta_spec.rule_files import load_meta_spec

PAGE = (Path(__file__).parents[2] / "docs" / "senders.md").read_text("utf-8")
ENVIRONMENT = {"SECRET": "hush", "APP_SECRET": "hush", "VERIFY_TOKEN": "hush"}
RULES = sorted(set(re.findall(r"`(\{scheme: .*?\})`", PAGE)))
ADDITIONS = sorted(set(re.findall(r"add `([a-z_]+: [^`]+)`", PAGE)))


def key_for(rule: str) -> str:
    kind = rsa.generate_private_key(65537, 2048) if "rs256" in rule else ed25519.Ed25519PrivateKey.generate()
    return kind.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def load(source: str, environment=ENVIRONMENT):
    environment = environment | {"SECRET": "00ff"}
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
    environment = ENVIRONMENT | {"SENDERS_PUBLIC_KEY": key_for(rule)}
    verify = load(mapping_with(rule), environment).receive.verify
    assert verify.secrets or verify.keys


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
        "ed25519",
        "jwt",
    }
    assert len(ADDITIONS) == 4


@pytest.mark.parametrize("example", re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
def test_an_example_of_the_page_loads(example):
    receive = load(example).receive
    assert receive.handshake is not None or receive.methods == {"get"}


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.code)
def test_the_page_knows_every_cause_of_broken_json(cause):
    assert f"| {cause.message.rstrip('.')} | {cause.fix} |" in PAGE
