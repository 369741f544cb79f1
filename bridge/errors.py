"""The exceptions that the bridge raises on purpose, as one family; `bridge.web` adds a few of its own.

    BridgeError
    ├── WrongUse            the person asked for something that makes no sense     exit 2
    ├── CannotOpen          a file, a port or a database cannot be opened          exit 3
    ├── Invalid             settings or a mapping have errors (a list of findings) exit 1
    ├── CannotDecrypt       no configured key decrypts what is stored
    ├── LeaseLost           another worker may have the events; nothing is written
    └── Refused             this one request cannot go on
        ├── UnreadableBody      not what its content type says        400
        ├── NotAuthentic        signature or token is wrong           401, without detail
        ├── UnknownMapping      no mapping of that name               404
        ├── TooLarge            over a documented bound               413
        ├── WrongContentType    a kind of body the mapping declines   415
        ├── WrongMethod         an HTTP method the mapping declines   405
        ├── TooManyRequests     over a rate limit                     429
        └── CannotStore         the outbox did not take it            503, try again

The shells turn the type into a status or an exit code by one table each; nothing else decides.
Messages are shown to strangers: no personal data, no secret, never the offending value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bridge.finding import Finding


class BridgeError(Exception):
    """Something that stops the work at hand, with a sentence for the person who can fix it.

    `code` is stable and machine readable; `fix` says what to do next and may be empty. Some errors have
    `findings`, which say more than the one sentence.
    """

    code = "error"
    findings: tuple[Finding, ...] = ()

    def __init__(self, message: str, *, fix: str = "", code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
        self.code = code or type(self).code

    def as_json(self) -> dict[str, Any]:
        """Return the error as commands show it (`--json`, `reload`); absent parts are null."""
        details = [finding.as_json() for finding in self.findings]
        return {"code": self.code, "message": self.message, "fix": self.fix or None, "details": details}


class WrongUse(BridgeError):
    """The command or call itself makes no sense."""

    code = "wrong_use"


class CannotOpen(BridgeError):
    """A file, port, server or database cannot be reached or opened."""

    code = "cannot_open"


class Invalid(BridgeError):
    """Settings or mappings have errors; `findings` lists all of them."""

    code = "invalid"

    def __init__(self, message: str, findings: Sequence[Finding], *, fix: str = "") -> None:
        super().__init__(message, fix=fix)
        self.findings = tuple(findings)


class CannotDecrypt(BridgeError):
    """A stored text cannot be decrypted: its key is not configured, or it was changed."""

    code = "cannot_unseal"


class LeaseLost(BridgeError):
    """The claim ran out and another worker may have its events; what this one learned is not written."""

    code = "lease_lost"


class Refused(BridgeError):
    """This request cannot go on; `findings` may say more than the one sentence."""

    code = "refused"

    def __init__(
        self, message: str, *, fix: str = "", code: str | None = None, findings: Sequence[Finding] = ()
    ) -> None:
        super().__init__(message, fix=fix, code=code)
        self.findings = tuple(findings)


class UnreadableBody(Refused):
    """The bytes are not what they claim to be (broken JSON, a cut form, a bad compression)."""

    code = "unreadable_body"


class NotAuthentic(Refused):
    """The sender did not prove who it is. The message is for the log, never for the answer."""

    code = "not_authentic"


class UnknownMapping(Refused):
    """No mapping of that name is active."""

    code = "unknown_mapping"


class TooLarge(Refused):
    """The body is over a documented bound (bytes, depth, nodes, inflated size)."""

    code = "too_large"


class WrongContentType(Refused):
    """The mapping does not accept this kind of body."""

    code = "wrong_content_type"


class WrongMethod(Refused):
    """The mapping takes no webhooks by this HTTP method; `allowed` names those it takes them by."""

    code = "method_not_allowed"

    def __init__(self, message: str, *, allowed: tuple[str, ...], fix: str = "") -> None:
        super().__init__(message, fix=fix)
        self.allowed = allowed


class TooManyRequests(Refused):
    """Over a rate limit; `retry_after_seconds` says when to come back."""

    code = "too_many_requests"

    def __init__(self, message: str, *, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class CannotStore(Refused):
    """The outbox could not make the webhook durable; the sender must try again."""

    code = "cannot_store"

    def __init__(self, message: str, *, retry_after_seconds: int = 5, fix: str = "") -> None:
        super().__init__(message, fix=fix)
        self.retry_after_seconds = retry_after_seconds
