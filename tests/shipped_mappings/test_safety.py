"""Every way to forge a signature or token of a shipped mapping fails, and the real one passes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import jwt
import pytest

from bridge.errors import Invalid, NotAuthentic
from bridge.models import Request, VerifyRule
from bridge.verify import signed, verify

# short secrets are made up here on purpose
pytestmark = pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")

SIGNING = {"hmac", "digest", "standard_webhooks"}

Forge = Callable[[Request, VerifyRule], Request | None]


def verified_header(rule: VerifyRule) -> str:
    return "authorization" if rule.scheme == "basic" else (rule.header or "").lower()


def covers_the_body(rule: VerifyRule) -> bool:
    """Say whether every byte of the body is signed, not only some of its fields."""
    signed_parts = ("{body}", "{body_base64}", "{sorted_form}")
    return rule.scheme in SIGNING and any(part in rule.signed for part in signed_parts)


def with_value(request: Request, rule: VerifyRule, change: Callable[[str], str]) -> Request | None:
    """Return the request with its signature or token changed, wherever it is."""
    header = verified_header(rule)
    if header:
        return replace(request, headers={**request.headers, header: change(request.headers[header])})
    if rule.query:
        return replace(request, query={**request.query, rule.query: change(request.query[rule.query])})
    return with_field(request, (rule.field or "").split("."), change, inside=rule.for_each is not None)


def with_field(request: Request, path: list[str], change: Callable[[str], str], *, inside: bool) -> Request:
    """Return the request with one field of its body changed, of the first entry where each is signed."""
    if "form" in request.headers["content-type"]:
        fields = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        return replace(request, body=urlencode({**fields, path[0]: change(fields[path[0]])}).encode())
    data = json.loads(request.body)
    node = next(value for value in data.values() if isinstance(value, list))[0] if inside else data
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = change(str(node[path[-1]]))
    return replace(request, body=json.dumps(data, ensure_ascii=False).encode())


def without_header(request: Request, rule: VerifyRule) -> Request | None:
    headers = {name: value for name, value in request.headers.items() if name != verified_header(rule)}
    if rule.body_field:
        return with_value(request, rule, lambda _text: "")
    return replace(request, headers=headers, query={})


def signed_with(secret: bytes) -> Forge:
    def forge(request: Request, rule: VerifyRule) -> Request | None:
        if rule.body_field and rule.scheme == "token":
            return with_value(request, rule, lambda _text: secret.decode())
        if rule.scheme == "jwt" and not secret:
            return None  # no library makes such a token
        return signed(request, replace(rule, secrets=(secret,)))

    return forge


def a_signed_field_changed(request: Request, rule: VerifyRule) -> Request | None:
    """Change a field of the body that the signature covers by name."""
    if not rule.read:
        return None
    name = next(iter(rule.read))
    return with_field(request, name.split("."), lambda text: text + "7", inside=rule.for_each is not None)


def a_token_that_nobody_signed(request: Request, rule: VerifyRule) -> Request | None:
    if rule.scheme != "jwt":
        return None
    seconds = int(request.received_at.timestamp())
    return with_value(request, rule, lambda _text: jwt.encode({"iat": seconds}, None, algorithm="none"))


def an_old_token(request: Request, rule: VerifyRule) -> Request | None:
    if rule.scheme != "jwt":
        return None
    return replace(request, received_at=request.received_at + timedelta(hours=1))


def one_byte_more(request: Request, rule: VerifyRule) -> Request | None:
    if not covers_the_body(rule):
        return None
    more = b"x" + request.body if rule.field else request.body + b" "
    return replace(request, body=more)


def one_byte_changed(request: Request, rule: VerifyRule) -> Request | None:
    middle = len(request.body) // 2
    changed = bytes([request.body[middle] ^ 1])
    body = request.body[:middle] + changed + request.body[middle + 1 :]
    return replace(request, body=body) if covers_the_body(rule) else None


def empty_body(request: Request, rule: VerifyRule) -> Request | None:
    return replace(request, body=b"") if rule.scheme in SIGNING or rule.body_field else None


def other_algorithm(request: Request, rule: VerifyRule) -> Request | None:
    other = "sha512" if rule.algorithm == "sha256" else "sha256"
    return signed(request, replace(rule, algorithm=other)) if rule.scheme in SIGNING else None  # type: ignore[arg-type]


def other_encoding(request: Request, rule: VerifyRule) -> Request | None:
    other = "hex" if rule.encoding == "base64" else "base64"
    return signed(request, replace(rule, encoding=other)) if rule.scheme in SIGNING else None  # type: ignore[arg-type]


def bare_hash_without_secret(request: Request, rule: VerifyRule) -> Request | None:
    if rule.scheme not in SIGNING:
        return None
    digest = hashlib.new(rule.algorithm, request.body).digest()
    text = digest.hex() if rule.encoding == "hex" else base64.b64encode(digest).decode()
    return with_value(request, rule, lambda _text: rule.prefix + text)


def signature_of_another_text(request: Request, rule: VerifyRule) -> Request | None:
    if rule.scheme not in SIGNING or rule.signed == "{secret}":
        return None
    return signed(
        request, replace(rule, signed="{body}." if "{secret}" not in rule.signed else "{secret}.{body}")
    )


def other_time(seconds: int) -> Forge:
    def forge(request: Request, rule: VerifyRule) -> Request | None:
        """Sign correctly, but long before or after it arrives: a replay, or a wrong clock."""
        if "{timestamp}" not in rule.signed:
            return None
        shift = timedelta(seconds=seconds * (rule.tolerance_seconds + 1))
        return replace(
            signed(replace(request, received_at=request.received_at + shift), rule),
            received_at=request.received_at,
        )

    return forge


def fresh_time_on_an_old_signature(request: Request, rule: VerifyRule) -> Request | None:
    """Keep the signature and move only the timestamp, as a replay would have to."""
    if not rule.timestamp_header:
        return None
    name = rule.timestamp_header.lower()
    moved = str(int(request.headers[name]) + 1)
    return replace(request, headers={**request.headers, name: moved})


def no_timestamp(request: Request, rule: VerifyRule) -> Request | None:
    if not rule.timestamp_header:
        return None
    headers = {n: v for n, v in request.headers.items() if n != rule.timestamp_header.lower()}
    return replace(request, headers=headers)


def other_url(request: Request, rule: VerifyRule) -> Request | None:
    return replace(request, url=request.url + "?x=1") if "{url}" in rule.signed else None


def other_method(request: Request, rule: VerifyRule) -> Request | None:
    return replace(request, method="PUT") if "{method}" in rule.signed else None


def token_in_another_place(request: Request, rule: VerifyRule) -> Request | None:
    if rule.scheme != "token":
        return None
    token = rule.secrets[0].decode()
    moved = without_header(request, rule)
    assert moved is not None
    if rule.query:
        return replace(moved, headers={**moved.headers, "authorization": f"Bearer {token}", "token": token})
    return replace(moved, query={"token": token, "x-token": token})


FORGERIES: dict[str, Forge] = {
    "no signature or token": without_header,
    "an empty signature or token": lambda request, rule: with_value(request, rule, lambda text: ""),
    "cut by one character": lambda request, rule: with_value(request, rule, lambda text: text[:-1]),
    "cut by the first character": lambda request, rule: with_value(request, rule, lambda text: text[1:]),
    "one character more": lambda request, rule: with_value(request, rule, lambda text: text + "0"),
    "last character changed": lambda request, rule: with_value(
        request, rule, lambda text: text[:-2] + ("0" if text[-2] != "0" else "1") + text[-1]
    ),
    "not ascii": lambda request, rule: with_value(request, rule, lambda text: "é" + text[1:]),
    "a placeholder": lambda request, rule: with_value(request, rule, lambda text: "no-secret-provided"),
    "another secret": signed_with(b"somebody-elses-guess"),
    "an empty secret": signed_with(b""),
    "the name of the secret": signed_with(b"${SECRET}"),
    "body with a byte more": one_byte_more,
    "body with a byte changed": one_byte_changed,
    "body emptied": empty_body,
    "another algorithm": other_algorithm,
    "another encoding": other_encoding,
    "a hash without the secret": bare_hash_without_secret,
    "a signature of another text": signature_of_another_text,
    "signed too long ago": other_time(-1),
    "signed in the future": other_time(1),
    "an old signature with a new time": fresh_time_on_an_old_signature,
    "a signature without its time": no_timestamp,
    "a signed field changed": a_signed_field_changed,
    "a JWT that nobody signed": a_token_that_nobody_signed,
    "a JWT of an hour ago": an_old_token,
    "another URL": other_url,
    "another method": other_method,
    "the token in another place": token_in_another_place,
}


def test_only_the_browser_form_is_open_to_everybody(senders):
    open_ones = {name for name in senders.names() if senders.mapping(name).receive.verify.scheme == "none"}
    assert open_ones == senders.open_to_everybody


def test_the_request_as_the_sender_signed_it_is_accepted(sample, senders):
    assert verify(sample.request, senders.mapping(sample.mapping).receive.verify).request is sample.request


def genuine_request(senders, name: str) -> Request:
    """Return a mapping's first sample with only the verified header."""
    return signed(next(iter(senders.samples_of(name))).request, senders.mapping(name).receive.verify)


def accepts(request: Request, rule: VerifyRule) -> bool:
    try:
        verify(request, rule)
    except NotAuthentic as refusal:
        assert rule.secrets[0].decode("latin-1") not in refusal.message + refusal.fix
        return False
    return True


def test_no_forged_request_is_accepted(shipped_name, senders):
    rule = senders.mapping(shipped_name).receive.verify
    if shipped_name in senders.open_to_everybody:
        assert rule == VerifyRule()
        return
    genuine = genuine_request(senders, shipped_name)
    forged = {name: request for name, forge in FORGERIES.items() if (request := forge(genuine, rule))}
    assert accepts(genuine, rule)
    assert len(forged) >= 10
    assert [name for name, request in forged.items() if accepts(request, rule)] == []


def test_every_forgery_is_tried_on_some_mapping(senders):
    tried = {
        forgery
        for forgery, forge in FORGERIES.items()
        for name in senders.names()
        if (rule := senders.mapping(name).receive.verify).scheme != "none"
        and forge(genuine_request(senders, name), rule) is not None
    }
    assert tried == set(FORGERIES)


def test_the_previous_secret_is_accepted_while_it_is_configured(sample, senders):
    rule = senders.mapping(sample.mapping).receive.verify
    if rule.scheme == "none":
        return
    rotated = replace(rule, secrets=(b"the-new-secret", rule.secrets[0]))
    assert verify(sample.request, rotated).request is sample.request
    with pytest.raises(NotAuthentic):
        verify(sample.request, replace(rule, secrets=(b"the-new-secret",)))


def test_a_mapping_whose_secret_is_not_set_is_not_loaded(shipped_name, senders):
    from bridge.mapping import load_mapping
    from bridge.meta_spec.rule_files import load_meta_spec

    if shipped_name in senders.open_to_everybody:
        return
    with pytest.raises(Invalid) as refusal:
        load_mapping(senders.folder / f"{shipped_name}.yaml", environment={}, spec=load_meta_spec())
    assert {finding.code for finding in refusal.value.findings} == {"unset_secret"}


def test_no_secret_is_shown_by_a_rule(shipped_name, senders):
    rule = senders.mapping(shipped_name).receive.verify
    shown = repr(rule) + repr(senders.mapping(shipped_name).receive)
    assert all(secret.decode("latin-1") not in shown for secret in rule.secrets)


def test_hmac_is_compared_in_constant_time():
    """The one thing a test cannot see from outside: no `==` between a proof and a secret in the schemes."""
    from bridge.verify import handshake, schemes

    for module in (schemes, handshake):
        source = Path(module.__file__).with_name(f"{module.__name__.rpartition('.')[2]}.py").read_text()
        assert "compare_digest" in source
        assert hmac.compare_digest.__name__ in source
