"""The frozen settings of one process, read once at start and handed to whoever needs them."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any, Literal

from bridge.finding import Finding

Network = IPv4Network | IPv6Network
SIMULATOR_URL = "http://127.0.0.1:8402"
META_URL = "https://graph.facebook.com"
SQLITE = "sqlite:///"
DEFAULT_GIVE_UP = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class TestEventCode:
    """A `test_event_code` and the moment it stops being used; None means it never stops by itself."""

    __test__ = False  # pytest collects classes called Test…

    code: str
    until: datetime | None = None

    def at(self, now: datetime) -> str | None:
        """Return the code while it is active."""
        return self.code if self.until is None or now < self.until else None


_SPANS = {1.0: "s", 60.0: "m", 3600.0: "h"}


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` in `seconds`, with bursts up to `count`."""

    count: int
    seconds: float

    @property
    def as_text(self) -> str:
        """Return the rate as it is written in the settings."""
        return f"{self.count}/{_SPANS.get(self.seconds) or f'{self.seconds:g}s'}"


@dataclass(frozen=True, slots=True)
class Callback:
    """Where the results of a mapping's events are posted, signed the Standard Webhooks way."""

    url: str
    secret: str = field(repr=False)
    previous_secret: str | None = field(default=None, repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return the secrets that sign, the current one first: both, while it is being changed."""
        return (self.secret, self.previous_secret) if self.previous_secret else (self.secret,)


@dataclass(frozen=True, slots=True)
class Destination:
    """One dataset at Meta and the token that may write to it."""

    name: str
    dataset_id: str
    access_token: str = field(repr=False)
    api_version: str = "v27.0"
    test_event_code: TestEventCode | None = None
    partner_agent: str | None = None
    app_secret: str | None = field(default=None, repr=False)
    token_expires: datetime | None = None

    @property
    def appsecret_proof(self) -> str | None:
        """Return the proof that a call comes from a server that knows the app secret (HMAC-SHA256, hex).

        Source: https://developers.facebook.com/docs/graph-api/guides/secure-requests
        """
        if self.app_secret is None:
            return None
        return hmac.new(self.app_secret.encode(), self.access_token.encode(), "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class Source:
    """One API that mappings may fetch from. URL and headers may hold secrets and are kept out of the repr.

    `give_up` is how long a record is tried for. `allow_private` lets the host have a private address,
    `insecure` lets the URL be plain http on this machine; the loader holds that.
    """

    name: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    rate: Rate = Rate(5, 1.0)
    give_up: timedelta = DEFAULT_GIVE_UP
    allow_private: bool = False
    insecure: bool = False


@dataclass(frozen=True, slots=True)
class MappingAlerts:
    """What is usual for the webhooks of one mapping; a `silent_after` of zero means that silence is fine."""

    held_share: float = 0.2
    silent_after: timedelta = timedelta(hours=6)
    missing_fields: bool = True
    match_drop: int = 20


@dataclass(frozen=True, slots=True)
class HookSettings:
    """What the operator, not the author of the mapping, decides for one endpoint under /hooks/."""

    test_event_code: TestEventCode | None = None
    on_result: Callback | None = None
    rate_limit: Rate | None = None
    alerts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ConsoleReader:
    """Somebody who may look at some destinations in the console, and change nothing."""

    name: str
    token: str = field(repr=False)
    destinations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """What the console may do; `edit` lets it write mapping files."""

    edit: bool = False


@dataclass(frozen=True, slots=True)
class CompanionSettings:
    """Which pages may send events to the endpoint for browsers, and what they may bring.

    `value` lets them bring amounts of money, which anybody can forge.
    """

    origins: frozenset[str]
    path: str = "/c"
    script: str = "/c.js"
    mapping: str = "browser"
    events: tuple[str, ...] = ("PageView", "ViewContent", "Lead")
    value: bool = False
    rate_per_address: Rate = Rate(10, 1.0)
    rate_per_visitor: Rate = Rate(60, 60.0)


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept once they are of no more use for delivery."""

    raw_webhooks: timedelta = timedelta(days=7)
    events: timedelta = timedelta(days=30)
    visits: timedelta = timedelta(days=90)
    visit_addresses: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """Bounds that protect the machine; over them the sender is asked to come back, and nothing is dropped."""

    max_body_bytes: int = 4_194_304
    queue_events: int = 1_000_000
    free_disk_bytes: int = 268_435_456
    read_timeout: timedelta = timedelta(seconds=30)
    rate_per_address: Rate | None = None
    rate_per_mapping: Rate | None = None


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """When an event is sent again after a failure that may be temporary, and when it is given up.

    A wait is drawn from 0 to a bound that begins with `first_wait` and doubles up to `longest_wait`. Without
    `give_up_after`, counted from the arrival of the webhook, an event is tried as long as Meta would take it.
    """

    first_wait: timedelta = timedelta(seconds=2)
    longest_wait: timedelta = timedelta(hours=1)
    give_up_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """How events travel to Meta. The lease must outlive the timeout; the loader holds that."""

    batch_size: int = 1000
    batch_wait: timedelta = timedelta(milliseconds=200)
    parallel: int = 4
    timeout: timedelta = timedelta(seconds=10)
    lease: timedelta = timedelta(seconds=60)
    retry: RetrySchedule = RetrySchedule()


@dataclass(frozen=True, slots=True)
class MailAlerts:
    """Who gets alerts by e-mail, and the server that takes them. The password is kept out of the repr."""

    to: tuple[str, ...]
    sender: str
    host: str
    port: int = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Alerts:
    """When a person is alerted, and where. Without a URL nobody is."""

    url: str | None = field(default=None, repr=False)
    style: Literal["json", "slack"] = "json"
    refused_share: float = 0.1
    oldest_waiting: timedelta = timedelta(hours=1)
    free_disk_bytes: int = 1_073_741_824
    test_mode: timedelta = timedelta(hours=2)
    every: timedelta = timedelta(hours=1)
    email: MailAlerts | None = None
    token_expires: timedelta = timedelta(days=14)
    webhooks: int = 100
    of_mapping: MappingAlerts = MappingAlerts()


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set. Secrets are kept out of the repr.

    `demo` says that events go to the built-in simulator, and are kept in a database of their own,
    `database_url`. `live_database_url` is where live events are kept, in a demo too. `secret_keys` are
    the keys for what is kept at rest, the current one first; when there are none, `secret_key_file`
    is made on the first start. `folder` is what relative paths in the file start from; `file` is that file,
    None when there is none.
    """

    database_url: str = field(repr=False)
    graph_url: str
    mappings: tuple[Path, ...]
    destinations: Mapping[str, Destination]
    demo: bool
    folder: Path
    secret_key_file: Path
    file: Path | None = None
    live_database_url: str = field(default="", repr=False)
    admin_token: str | None = field(default=None, repr=False)
    secret_keys: tuple[str, ...] = field(default=(), repr=False)
    public_url: str | None = None
    trusted_proxies: tuple[Network, ...] = ()
    profile: Literal["default", "live"] = "default"
    allow_test_event_code: bool = False
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "text"] = "auto"
    retention: Retention = Retention()
    limits: ServerLimits = ServerLimits()
    delivery: DeliverySettings = DeliverySettings()
    alerts: Alerts = Alerts()
    console: ConsoleSettings = ConsoleSettings()
    companion: CompanionSettings | None = None
    readers: Mapping[str, ConsoleReader] = field(default_factory=dict, repr=False)
    sources: Mapping[str, Source] = field(default_factory=dict)
    hooks: Mapping[str, HookSettings] = field(default_factory=dict)
    rules: Mapping[str, Literal["error", "warning"]] = field(default_factory=dict)
    warnings: tuple[Finding, ...] = ()

    @property
    def test_codes_allowed(self) -> bool:
        """Whether a test_event_code may be used at all; the live profile says no unless asked."""
        return self.profile != "live" or self.allow_test_event_code

    @property
    def data_folder(self) -> Path:
        """Return the folder beside the database, where the key and the files of running servers are."""
        return self.secret_key_file.parent

    def alerts_of(self, mapping: str) -> MappingAlerts:
        """Return what is usual for one mapping: what is set for it, or else for all."""
        return replace(self.alerts.of_mapping, **self.hook(mapping).alerts)

    def is_configured(self, destination: str, dataset_id: str) -> bool:
        """Whether a destination leads to this dataset now; events for another one are never sent there."""
        entry = self.destinations.get(destination)
        return entry is not None and entry.dataset_id == dataset_id

    def hook(self, mapping: str) -> HookSettings:
        """Return what is set for one mapping's endpoint."""
        return self.hooks.get(mapping, _NO_HOOK_SETTINGS)


_NO_HOOK_SETTINGS = HookSettings()


def demo_database(live_database_url: str) -> str:
    """Return where a demo keeps its events: a file of its own beside the live one.

    On PostgreSQL it is the same database; `bridge.outbox.purpose` lets nothing be mixed there.
    """
    if not live_database_url.startswith(SQLITE):
        return live_database_url
    file = Path(live_database_url.removeprefix(SQLITE))
    return SQLITE + str(file.with_name(f"{file.stem}.demo{file.suffix}"))
