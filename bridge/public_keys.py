"""Public keys of senders, and signatures made with the private ones: RSA and Ed25519 over what was signed."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

_KINDS: Final = {
    "rsa": rsa.RSAPublicKey,
    "ec": ec.EllipticCurvePublicKey,
    "ed25519": ed25519.Ed25519PublicKey,
}
_HASHES: Final[dict[str, Callable[[], hashes.HashAlgorithm]]] = {
    "sha256": hashes.SHA256,
    "sha1": hashes.SHA1,
    "sha512": hashes.SHA512,
}
_BARE_KEY_BYTES: Final = 32  # RFC 8032
_SMALLEST_RSA_BITS: Final = 2048  # NIST SP 800-131A


def public_key(written: bytes, kind: str) -> Any | None:
    """Return a public key of one kind (rsa, ec, ed25519); None for anything else, such as a shared secret.

    Takes PEM, also on one line with escaped line breaks, as environments hold it, and the bare 32 bytes of
    an Ed25519 key in hex or base64. The mapping fixes the kind, so no sender can choose another.
    """
    text = written.strip().replace(b"\\n", b"\n")
    key = _of_pem(text) if text.startswith(b"-----") else _bare_ed25519(text) if kind == "ed25519" else None
    if not isinstance(key, _KINDS[kind]):
        return None
    return None if isinstance(key, rsa.RSAPublicKey) and key.key_size < _SMALLEST_RSA_BITS else key


def _of_pem(text: bytes) -> Any | None:
    try:
        return load_pem_public_key(text)
    except ValueError:
        return None


def _bare_ed25519(text: bytes) -> ed25519.Ed25519PublicKey | None:
    key = _decoded(text.decode("ascii", "replace"), "hex") or _decoded(
        text.decode("ascii", "replace"), "base64"
    )
    if key is None or len(key) != _BARE_KEY_BYTES:
        return None
    return ed25519.Ed25519PublicKey.from_public_bytes(key)


def is_signed_by(
    keys: Iterable[Any], signatures: Iterable[str], signed: bytes, encoding: str, algorithm: str
) -> bool:
    """Say whether one of the keys made one of the signatures over exactly these bytes."""
    given = [raw for text in signatures if (raw := _decoded(text, encoding))]
    return any(_is_genuine(key, raw, signed, algorithm) for key in keys for raw in given)


def _is_genuine(key: Any, signature: bytes, signed: bytes, algorithm: str) -> bool:
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, signed, padding.PKCS1v15(), _HASHES[algorithm]())
        else:
            key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def _decoded(text: str, encoding: str) -> bytes | None:
    try:
        return bytes.fromhex(text) if encoding == "hex" else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None
