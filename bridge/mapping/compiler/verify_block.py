"""The `verify` block: how senders prove who they are, with secrets and public keys resolved."""

from __future__ import annotations

import base64
import binascii
import re
import secrets as randomness
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from bridge.mapping.compiler.context import Compiling
from bridge.mapping.language.node_types import BadText, text
from bridge.mapping.language.reader import Entries, Entry, Loading, block_of, value_of
from bridge.mapping.runtime.scope import MISSING, Scope, text_of
from bridge.models import Request, SortedForm, VerifyRule, Webhook
from bridge.positioned_yaml import Block, Scalar
from bridge.secret_files import UnusableFile
from bridge.spelling import closest

_SECRET = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*|file:[^}]+)\}")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_SIGNED_WORDS = ("body", "timestamp", "url", "method", "secret", "body_base64", "sorted_form")
_OF_REQUEST = ("$headers.", "$query.")

# scheme -> (what it needs, what it may have beside)
_HOW = frozenset(
    {"encoding", "prefix", "format", "signed", "timestamp_header", "timestamp_unit", "tolerance"}
)
_WHERE = frozenset({"header", "query", "field"})
_SIGNED = _HOW | _WHERE | {"algorithm", "for_each", "sorted_form"}
_SECRETS = frozenset({"secret", "previous_secret", "secret_encoding"})
_KEYS = frozenset({"key", "previous_key"})
_SCHEMES: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "hmac": (frozenset({"secret"}), _SIGNED | _SECRETS),
    "digest": (frozenset({"secret"}), _SIGNED | _SECRETS),
    "rsa": (frozenset({"key"}), _HOW | _KEYS | {"header", "query", "algorithm", "sorted_form"}),
    "ed25519": (frozenset({"key"}), _HOW | _KEYS | {"header", "query", "sorted_form"}),
    "jwt": (
        frozenset({"algorithm"}),
        _SECRETS | _KEYS | _WHERE | {"algorithm", "prefix", "signed_body", "tolerance"},
    ),
    "standard_webhooks": (frozenset({"secret"}), _SECRETS | {"tolerance", "header"}),
    "token": (frozenset({"secret"}), _SECRETS | _WHERE | {"prefix"}),
    "basic": (frozenset({"user", "secret"}), _SECRETS | {"user"}),
    "none": (frozenset(), frozenset()),
}
_HASHES = frozenset({"sha256", "sha1", "sha512"})
_JWT_ALGORITHMS = {"hs256": "secret", "rs256": "key", "es256": "key"}
# scheme, or algorithm of a JWT -> the kind of its public key
_KIND_OF_KEY = {"rsa": "rsa", "rs256": "rsa", "es256": "ec", "ed25519": "ed25519"}


def compile_verify(compiling: Compiling, entry: Entry | None) -> VerifyRule:
    """Return how senders prove who they are."""
    entries = block_of(entry)
    scheme = value_of(entries, "scheme", None)
    if entry is None or scheme is None:
        return VerifyRule()
    loading = compiling.loading
    _check_scheme(loading, entry, entries, scheme)
    each = _path(compiling, entries.get("for_each"))
    inside = compiling.below(entries["for_each"].node.text, each) if each else compiling  # type: ignore[union-attr]
    signed = _signed(loading, entries.get("signed"), scheme)
    return VerifyRule(
        scheme=scheme,
        secrets=_secrets(loading, entries),
        header=value_of(entries, "header", None),
        query=value_of(entries, "query", None),
        body_field=_reading(_path(inside, entries.get("field"))),
        field=getattr(entries["field"].node, "text", None) if "field" in entries else None,
        user=value_of(entries, "user", None),
        algorithm=value_of(entries, "algorithm", "sha256"),
        encoding=value_of(entries, "encoding", "hex"),
        prefix=value_of(entries, "prefix", ""),
        format=_format(loading, entries.get("format")),
        signed=signed,
        timestamp_header=value_of(entries, "timestamp_header", None),
        timestamp_unit=value_of(entries, "timestamp_unit", None),
        tolerance_seconds=value_of(entries, "tolerance", 300),
        keys=_keys(loading, entries, value_of(entries, "algorithm", "") if scheme == "jwt" else scheme),
        read=_fields_of(inside, entries.get("signed"), signed),
        for_each=_items(each) if each else None,
        sorted_form=_sorted_form(loading, entries, signed),
        signed_body=value_of(entries, "signed_body", False),
    )


# --- what belongs together ---------------------------------------------------------------------------


def _check_scheme(loading: Loading, entry: Entry, entries: Entries, scheme: str) -> None:
    needed, allowed = _SCHEMES[scheme]
    written = {key.text for key, _ in entry.node.entries} if isinstance(entry.node, Block) else set(entries)
    for name in sorted(needed - written):
        loading.error(entry.node, "missing_key", f"the scheme {scheme} needs {name}", f"add {name}")
    _check_place(loading, entry, scheme, written, signed_body=value_of(entries, "signed_body", False))
    if scheme == "digest" and "signed" not in written:
        fix = 'add signed, such as "{secret}{body}"'
        loading.error(entry.node, "missing_key", "the scheme digest needs signed", fix)
    for name in entries:
        if name != "scheme" and name not in allowed:
            message = f"{name} has no effect with the scheme {scheme}"
            loading.error(entries[name].key, "option_alone", message, "remove it, or use another scheme")
    _check_algorithm(loading, entry, entries, scheme)
    _check_time(loading, entries)


def _check_place(
    loading: Loading, entry: Entry, scheme: str, written: set[str], *, signed_body: bool
) -> None:
    allowed = _SCHEMES[scheme][1] if scheme != "standard_webhooks" else frozenset()
    places = [place for place in ("header", "query", "field") if place in allowed]
    if places and not signed_body and not written & set(places):
        wanted = f"{', '.join(places[:-1])} or {places[-1]}"
        loading.error(
            entry.node, "missing_key", f"the scheme {scheme} needs {wanted}", "say where the signature is"
        )
    if scheme in {"hmac", "digest", "rsa", "ed25519"} and len(written & _WHERE) > 1:
        fix = "keep only one of header, query and field"
        loading.error(entry.node, "option_alone", "a signature can only be in one place", fix)


def _check_algorithm(loading: Loading, entry: Entry, entries: Entries, scheme: str) -> None:
    algorithm = entries.get("algorithm")
    if algorithm is None or algorithm.value is None:
        return
    known = _JWT_ALGORITHMS.keys() if scheme == "jwt" else _HASHES
    if algorithm.value not in known:
        fix = f"use {' or '.join(sorted(known))}"
        loading.error(
            algorithm.node, "unknown_word", f"{algorithm.value} cannot be used with the scheme {scheme}", fix
        )
    wanted = _JWT_ALGORITHMS.get(algorithm.value) if scheme == "jwt" else None
    if wanted and wanted not in entries:
        message = f"a JWT with {algorithm.value} needs {wanted}"
        loading.error(entry.node, "missing_key", message, f'add {wanted}: "${{NAME}}"')
    for name in sorted(
        (_KEYS if wanted == "secret" else _SECRETS if wanted else frozenset()) & entries.keys()
    ):
        message = f"{name} has no effect with {algorithm.value}"
        loading.error(entries[name].key, "option_alone", message, "remove it, or use another algorithm")


def _check_time(loading: Loading, entries: Entries) -> None:
    signed = entries.get("signed")
    uses_time = signed is not None and isinstance(signed.value, str) and "{timestamp}" in signed.value
    has_time = "timestamp_header" in entries or "{timestamp}" in str(value_of(entries, "format", ""))
    if uses_time and signed is not None and not has_time:
        message = "signed contains {timestamp}, but no line says where the timestamp is"
        fix = "add timestamp_header, or a format with {timestamp}"
        loading.error(signed.node, "missing_key", message, fix)


# --- texts with placeholders ---------------------------------------------------------------------------


def _format(loading: Loading, entry: Entry | None) -> str | None:
    """Return the form of the header; it holds one signature, or several with {signatures}."""
    written = _checked(loading, entry, ("signature", "signatures", "timestamp"))
    if entry is not None and written is not None and not re.search(r"\{signatures?\}", written):
        loading.error(entry.node, "missing_key", "format needs {signature}", "put {signature} into it")
    return written


def _signed(loading: Loading, entry: Entry | None, scheme: str) -> str:
    """Return what was signed; a word of no list is a field of the body, unless it looks misspelt."""
    written: str = entry.value if entry and entry.value is not None else "{body}"
    if entry is None:
        return written
    for name in _PLACEHOLDER.findall(written):
        suggestion = closest(name, _SIGNED_WORDS)
        if name not in _SIGNED_WORDS and (suggestion or not name.strip()):
            _unknown_word(loading, entry, name, _SIGNED_WORDS, suggestion)
    in_sorted_form = "{sorted_form}" in written  # its pairs may hold the secret
    if scheme == "digest" and "{secret}" not in written and not in_sorted_form:
        loading.error(entry.node, "missing_key", "signed needs {secret}", "put {secret} into it")
    return written


def _checked(loading: Loading, entry: Entry | None, known: tuple[str, ...]) -> str | None:
    """Return a text of verify whose placeholders are all known."""
    if entry is None or entry.value is None:
        return None
    written: str = entry.value
    for name in _PLACEHOLDER.findall(written):
        if name not in known:
            _unknown_word(loading, entry, name, known, closest(name, known))
    return written


def _unknown_word(
    loading: Loading, entry: Entry, name: str, known: tuple[str, ...], suggestion: str | None
) -> None:
    allowed = ", ".join(f"{{{word}}}" for word in known)
    loading.error(entry.node, "unknown_word", f"{{{name}}} is not known here", f"use {allowed}", suggestion)


def _fields_of(compiling: Compiling, entry: Entry | None, signed: str) -> Mapping[str, Callable[[Any], Any]]:
    """Return a reader for every field of the body that `signed` names."""
    names = [name for name in _PLACEHOLDER.findall(signed) if name.strip() and name not in _SIGNED_WORDS]
    fields = [name for name in names if not name.startswith(_OF_REQUEST)]
    if entry is None or not isinstance(entry.node, Scalar):
        return {}
    compiled = {name: compiling.path(entry.node, name) for name in fields}
    return {name: reading for name, path in compiled.items() if path and (reading := _reading(path.locate))}


def _sorted_form(loading: Loading, entries: Entries, signed: str) -> SortedForm | None:
    entry = entries.get("sorted_form")
    if (entry is None) is ("{sorted_form}" not in signed):
        block = block_of(entry)
        pair = _checked(loading, block.get("pair"), ("name", "value", "secret")) or SortedForm().pair
        skips_empty = value_of(block, "empty", "keep") == "skip"
        without = frozenset(value_of(block, "without", ()))
        return SortedForm(pair, value_of(block, "join", ""), without, skips_empty) if entry else None
    if entry is None:
        node, fix = entries["signed"].node, "add sorted_form with pair and join below verify"
        loading.error(node, "missing_key", "{sorted_form} needs the block sorted_form", fix)
    else:
        fix = 'write {sorted_form} into signed, such as signed: "{url}{sorted_form}"'
        loading.error(entry.key, "option_alone", "sorted_form is not used by signed", fix)
    return None


# --- fields of the body --------------------------------------------------------------------------------


def _path(compiling: Compiling, entry: Entry | None) -> Any:
    """Return what finds a field in the body, None when there is no such line."""
    if entry is None:
        return None
    if not isinstance(entry.node, Scalar):
        message = f"{entry.key.text} must be one path"
        compiling.loading.error(entry.node, "wrong_shape", message, "write the path of a field of the body")
        return None
    compiled = compiling.path(entry.node, entry.node.text)
    return compiled.locate if compiled else None


def _reading(locate: Any) -> Callable[[Any], Any] | None:
    if locate is None:
        return None

    def read(data: Any) -> Any:
        found = locate.read(_data_only(data))
        return None if found is MISSING else text_of(found)

    return read


def _items(locate: Any) -> Callable[[Any], Any]:
    def read(data: Any) -> Any:
        found = locate.read(_data_only(data))
        return found if isinstance(found, list) else []

    return read


_NO_REQUEST = Request("POST", "", {}, {}, b"", None, datetime.fromtimestamp(0, UTC))


def _data_only(data: Any) -> Scope:
    """Return a scope of a body without its request: proofs are read before anything is believed."""
    return Scope(Webhook(_NO_REQUEST, data), "")


# --- secrets and keys ------------------------------------------------------------------------------------


def _secrets(loading: Loading, entries: Entries) -> tuple[bytes, ...]:
    encoding = value_of(entries, "secret_encoding", "text")
    found = (
        read_secret(loading, entries[name], encoding)
        for name in ("secret", "previous_secret")
        if name in entries
    )
    return tuple(secret for secret in found if secret)


def _keys(loading: Loading, entries: Entries, kind: str) -> tuple[Any, ...]:
    """Return the public keys; one of the wrong kind (a secret for RSA) is an error of the file."""
    keys = []
    for name in ("key", "previous_key"):
        written = read_secret(loading, entries[name]) if name in entries else None
        if written is None or kind not in _KIND_OF_KEY:
            continue
        from bridge.public_keys import public_key  # 1 MB; few senders sign with a private key

        found = public_key(written, _KIND_OF_KEY[kind])
        if found is not None:
            keys.append(found)
        elif loading.secrets == "required":
            message = f"{name} is not a public key of type {_KIND_OF_KEY[kind]}"
            fix = "paste the public key that the sender publishes, in PEM format"
            loading.error(entries[name].node, "bad_secret", message, fix)
    return tuple(keys)


def read_secret(loading: Loading, entry: Entry, encoding: str = "text") -> bytes | None:
    """Return a secret from the environment or a file of its own; it is never written into the mapping."""
    try:
        written = text(entry.node, loading.grammar["verify"].keys["secret"])
    except BadText as bad:
        loading.error(entry.node, bad.code, f"{entry.key.text} {bad.message}", 'write "${NAME}"')
        return None
    match = _SECRET.fullmatch(written.strip())
    if match is None:
        fix = 'put it into an environment variable and write "${NAME}", or into a file: "${file:PATH}"'
        loading.error(
            entry.node, "secret_in_file", f"{entry.key.text} must not be written into the mapping", fix
        )
        return None
    try:
        secret = loading.environment[match[1]]
    except UnusableFile as unusable:
        return _missing(
            loading, entry, "unusable_file", unusable.problem, "check its path, and who may read it"
        )
    except KeyError:
        secret = ""
    if not secret:
        fix = (
            f"add a line {match[1]}=… to .env (a running server takes it up with `capi-bridge reload`), "
            "or set the environment variable"
        )
        return _missing(loading, entry, "unset_secret", f"{match[1]} is not set", fix)
    try:
        return _DECODE[encoding](secret)
    except (ValueError, binascii.Error):
        message = f"{match[1]} is not {encoding}"
        loading.error(entry.node, "bad_secret", message, "correct it, or change secret_encoding")
        return None


def _missing(loading: Loading, entry: Entry, code: str, message: str, fix: str) -> bytes | None:
    """Report a secret that is not there; where secrets are optional, use one that nobody can match."""
    note = loading.error if loading.secrets == "required" else loading.warning
    note(entry.node, code, message, fix)
    return None if loading.secrets == "required" else randomness.token_bytes(32)


_DECODE: dict[str, Callable[[str], bytes]] = {
    "text": lambda secret: secret.encode(),
    "hex": bytes.fromhex,
    "base64": lambda secret: base64.b64decode(secret.removeprefix("whsec_"), validate=True),
}
