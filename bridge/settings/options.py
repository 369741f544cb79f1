"""Every setting there is: name, kind, default, environment variable and one sentence.

This table is the only list. The loader, `schemas/settings.schema.json` and `docs/settings.md` are all
made from it, so none of them can know a setting the others do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bridge.settings import types
from bridge.settings.types import Kind


@dataclass(frozen=True, slots=True)
class Option:
    """One value; `many` also takes a list of them. `default` is what the page of settings prints."""

    kind: Kind
    help: str
    default: str = ""
    environment: str | None = None
    many: bool = False
    required: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A block of options. `named` blocks hold one such block for each name the author chooses.

    `scalar` names the option that plain text in place of the block sets. `by_mapping`: the names are those of
    mappings, which may be in folders.
    """

    help: str
    options: Mapping[str, Option | Section]
    named: bool = False
    scalar: str | None = None
    by_mapping: bool = False


# What is usual for the webhooks of a mapping: said for all of them, and for one.
OF_MAPPING: dict[str, Option | Section] = {
    "held_share": Option(types.SHARE, "Share of the last webhooks that are held.", "20%"),
    "silent_after": Option(
        types.DURATION, "Silence at a time when webhooks usually come; 0s: silence is fine.", "6h"
    ),
    "missing_fields": Option(types.SWITCH, "Watch for fields that stop arriving.", "yes"),
    "match_drop": Option(
        types.whole(1, 100), "By how many points of 100 the match strength of events falls.", "20"
    ),
}

TEST_CODE = Section(
    "Sends events to Test Events as well. Meta does not discard them.",
    {
        "code": Option(types.TEST_CODE, "The code that Events Manager shows; none when empty."),
        "for": Option(types.DURATION, "How long it is used, from the moment the file was last saved."),
        "until": Option(types.MOMENT, "The moment after which it is no longer used."),
    },
    scalar="code",
)

DESTINATIONS = Section(
    "The datasets at Meta, each under a name that mappings use in `send_to`.",
    {
        "dataset_id": Option(types.DATASET, "The dataset (pixel) id, digits.", required=True),
        "access_token": Option(types.TOKEN, "The token that may write to the dataset.", required=True),
        "app_secret": Option(
            types.SECRET, "The secret of the token's app: calls then carry appsecret_proof."
        ),
        "api_version": Option(types.VERSION, "The Graph API version to speak.", "v27.0"),
        "test_event_code": TEST_CODE,
        "partner_agent": Option(types.AGENT, "Identifies a registered partner platform to Meta."),
        "token_expires": Option(types.MOMENT, "When the token expires, so that you are told in time."),
    },
    named=True,
)

HOOKS = Section(
    "What the operator decides for one endpoint under /hooks/, by the mapping's name.",
    {
        "test_event_code": TEST_CODE,
        "rate_limit": Option(types.RATE, "More than this is answered 429 with Retry-After."),
        "on_result": Section(
            "A URL that is notified of what became of each event, signed by Standard Webhooks.",
            {
                "url": Option(types.CALLBACK_URL, "Where to post.", required=True),
                "secret": Option(types.SECRET, "The signing secret (`whsec_…`).", required=True),
                "previous_secret": Option(
                    types.SECRET, "The secret before, which signs too while it is being changed."
                ),
            },
        ),
        "alerts": Section("What is usual here, where it differs from `alerts:`.", OF_MAPPING),
    },
    named=True,
    by_mapping=True,
)

SOURCES = Section(
    "The APIs that `fetch:` in mappings may call, each under a name; host and secret are set here only.",
    {
        "url": Option(types.SOURCE_URL, "Where every path of a mapping starts from.", required=True),
        "headers": Section(
            "Headers of every call, such as the key of the API.",
            {"value": Option(types.HEADER_TEXT, "The text of the header.", required=True)},
            named=True,
            scalar="value",
        ),
        "basic": Section(
            "User name and password, where the API wants HTTP basic authentication.",
            {
                "user": Option(types.SECRET, "The user name, or the key of the API.", required=True),
                "password": Option(types.SECRET, "The password; empty when there is none."),
            },
        ),
        "rate": Option(types.RATE, "The most calls, of all nodes together.", "5/s"),
        "give_up": Option(types.GIVE_UP, "How long a record is tried for.", "24h"),
        "allow_private": Option(types.SWITCH, "Lets the host have a private IP address.", "no"),
        "insecure": Option(types.SWITCH, "Lets `url` be http://, on this machine only.", "no"),
    },
    named=True,
)

RULES = Section(
    "How strict a rule is that Meta documents but does not enforce, by its code (see rules.md).",
    {
        "severity": Option(
            types.one_of("error", "warning"),
            "An error holds the event, a warning lets it pass.",
            required=True,
        )
    },
    named=True,
    scalar="severity",
)

COMPANION = Section(
    "The script and the endpoint for the pages of your website; without this block there are none.",
    {
        "origins": Option(
            types.ORIGIN,
            "The websites whose pages may send events, such as https://www.example.com.",
            many=True,
            required=True,
        ),
        "path": Option(types.BEACON_PATH, "The path of the endpoint.", "/c"),
        "script": Option(types.SCRIPT_PATH, "The path of the script.", "/c.js"),
        "mapping": Option(types.TEXT, "The mapping of the events.", "browser"),
        "events": Option(
            types.EVENT_NAME, "The events that are taken.", "PageView, ViewContent, Lead", many=True
        ),
        "value": Option(
            types.SWITCH, "Takes `value` and `currency` from pages; anybody can forge them.", "no"
        ),
        "rate_per_address": Option(types.RATE, "The most from one IP address.", "10/s"),
        "rate_per_visitor": Option(types.RATE, "The most from one visitor.", "60/m"),
    },
)

READERS = Section(
    "People who may look at some destinations in the console, and change nothing; each under a name.",
    {
        "token": Option(types.SECRET, "The token they sign in with.", required=True),
        "destinations": Option(types.TEXT, "What they see, by name.", many=True, required=True),
    },
    named=True,
)

SETTINGS = Section(
    "bridge.yaml",
    {
        "database_url": Option(
            types.DATABASE,
            "Where webhooks and events are kept.",
            "sqlite:///data/bridge.db",
            "CAPI_BRIDGE_DATABASE_URL",
        ),
        "graph_url": Option(
            types.URL,
            "Where events are sent; the simulator when no dataset is set.",
            "https://graph.facebook.com",
            "CAPI_BRIDGE_GRAPH_URL",
        ),
        "mappings": Option(
            types.TEXT,
            "The folder, or folders, with mapping files; without it the shipped ones.",
            "mappings",
            "CAPI_BRIDGE_MAPPINGS",
            many=True,
        ),
        "public_url": Option(
            types.URL,
            "The URL senders use, when a proxy is in front; signatures may cover it.",
            "",
            "CAPI_BRIDGE_PUBLIC_URL",
        ),
        "trusted_proxies": Option(
            types.NETWORK,
            "Proxies whose X-Forwarded-For and X-Forwarded-Proto are trusted.",
            "",
            "CAPI_BRIDGE_TRUSTED_PROXIES",
            many=True,
        ),
        "profile": Option(
            types.one_of("default", "live"),
            "`live` refuses every test_event_code unless allow_test_event_code is set.",
            "default",
            "CAPI_BRIDGE_PROFILE",
        ),
        "allow_test_event_code": Option(types.SWITCH, "Lets the live profile use a test_event_code.", "no"),
        "log_level": Option(
            types.one_of("debug", "info", "warning", "error"),
            "The least important log line that is written.",
            "info",
            "CAPI_BRIDGE_LOG_LEVEL",
        ),
        "log_format": Option(
            types.one_of("auto", "json", "text"),
            "How log lines look; auto: text on a terminal, else JSON.",
            "auto",
            "CAPI_BRIDGE_LOG_FORMAT",
        ),
        "destinations": DESTINATIONS,
        "sources": SOURCES,
        "companion": COMPANION,
        "hooks": HOOKS,
        "rules": RULES,
        "keys": Section(
            "Keys of the bridge itself.",
            {
                "admin": Option(
                    types.SECRET, "The token for /api, /dry-run and /validate.", "", "CAPI_BRIDGE_ADMIN_TOKEN"
                ),
                "secret": Option(
                    types.SECRET,
                    "Encrypts what is kept at rest; the current one first, older ones after it.",
                    "made and stored with mode 0600 on first start",
                    "CAPI_BRIDGE_SECRET_KEY",
                    many=True,
                ),
                "readers": READERS,
            },
        ),
        "console": Section(
            "The console at /console/.",
            {"edit": Option(types.SWITCH, "Lets the console write mapping files.", "no")},
        ),
        "retention": Section(
            "How long things are kept.",
            {
                "raw_webhooks": Option(types.DURATION, "Webhooks as they arrived, encrypted.", "7d"),
                "events": Option(types.DURATION, "Events in a final state.", "30d"),
                "visits": Option(types.DURATION, "Visits of the website, since they were last seen.", "90d"),
                "visit_addresses": Option(types.DURATION, "Their IP addresses and user agents.", "7d"),
            },
        ),
        "limits": Section(
            "Bounds that protect the machine.",
            {
                "max_body_bytes": Option(types.SIZE, "The largest body that any endpoint reads.", "4 MiB"),
                "queue_events": Option(
                    types.whole(1, 1_000_000_000), "Waiting events, over which 503 is answered.", "1000000"
                ),
                "free_disk_bytes": Option(types.SIZE, "Free disk, under which 503 is answered.", "256 MiB"),
                "read_timeout": Option(types.DURATION, "How long a request may take to arrive.", "30s"),
                "rate_per_address": Option(types.RATE, "Webhooks from one IP address."),
                "rate_per_mapping": Option(types.RATE, "Webhooks for each mapping."),
            },
        ),
        "delivery": Section(
            "How events are sent to Meta.",
            {
                "batch_size": Option(types.whole(1, 1000), "The most events in one call.", "1000"),
                "batch_wait": Option(types.DURATION, "The longest that a batch waits to be filled.", "200ms"),
                "parallel": Option(types.whole(1, 64), "The most calls at the same time.", "4"),
                "timeout": Option(types.DURATION, "How long Meta may take to answer.", "10s"),
                "lease": Option(types.DURATION, "How long a worker owns what it claimed.", "60s"),
                "retry": Section(
                    "When an event is sent again after a failure that may be temporary.",
                    {
                        "first_wait": Option(types.DURATION, "The longest wait before the second try.", "2s"),
                        "longest_wait": Option(types.DURATION, "What the doubling waits end at.", "1h"),
                        "give_up_after": Option(
                            types.DURATION,
                            "Counted from the webhook's arrival; usually as long as Meta takes the event.",
                        ),
                    },
                ),
            },
        ),
        "alerts": Section(
            "When a person is alerted.",
            {
                "url": Option(types.CALLBACK_URL, "Where alerts are posted.", "", "CAPI_BRIDGE_ALERT_URL"),
                "style": Option(types.one_of("json", "slack"), "The shape of the body.", "json"),
                "refused_share": Option(types.SHARE, "Share of events that Meta rejects in an hour.", "10%"),
                "oldest_waiting": Option(types.DURATION, "Age of the oldest waiting event.", "1h"),
                "free_disk_bytes": Option(types.SIZE, "Free disk.", "1 GiB"),
                "test_mode": Option(types.DURATION, "How long a test_event_code may be in use.", "2h"),
                "every": Option(types.DURATION, "The same alert is repeated no sooner than this.", "1h"),
                "email": Section(
                    "Alerts by e-mail.",
                    {
                        "to": Option(types.TEXT, "The address, or addresses.", many=True, required=True),
                        "sender": Option(types.TEXT, "The address they come from.", required=True),
                        "host": Option(types.TEXT, "The SMTP server.", required=True),
                        "port": Option(types.whole(1, 65_535), "Its port.", "587"),
                        "security": Option(
                            types.one_of("starttls", "tls", "none"),
                            "How the connection is secured.",
                            "starttls",
                        ),
                        "user": Option(types.TEXT, "The user name at the server."),
                        "password": Option(types.SECRET, "The password at the server."),
                    },
                ),
                "token_expires": Option(types.DURATION, "How long before a token expires.", "14d"),
                "webhooks": Option(
                    types.whole(20, 1_000), "How many webhooks of a mapping are looked at.", "100"
                ),
                **OF_MAPPING,
            },
        ),
    },
)


def every_option(section: Section = SETTINGS, prefix: str = "") -> list[tuple[str, Option]]:
    """Return each option with its dotted name, in the order of the table."""
    found: list[tuple[str, Option]] = []
    for name, entry in section.options.items():
        if isinstance(entry, Option):
            found.append((prefix + name, entry))
        else:
            found += every_option(entry, f"{prefix}{name}.{'<name>.' if entry.named else ''}")
    return found


def settings_schema(section: Section = SETTINGS) -> dict[str, Any]:
    """Return the JSON Schema of a section, for editors that check while one types."""
    shape: dict[str, Any] = {
        "type": "object",
        "description": section.help,
        "properties": {name: _entry_schema(entry) for name, entry in section.options.items()},
        "required": [n for n, e in section.options.items() if isinstance(e, Option) and e.required],
        "additionalProperties": False,
    }
    if section.named:
        inner = {"anyOf": [{"type": "string"}, shape]} if section.scalar else shape
        return {"type": "object", "description": section.help, "additionalProperties": inner}
    return shape


def _entry_schema(entry: Option | Section) -> dict[str, Any]:
    if isinstance(entry, Section):
        shape = settings_schema(entry)
        short = entry.scalar and not entry.named
        return {"anyOf": [{"type": ["string", "null"]}, shape]} if short else shape
    value = {**entry.kind.schema, "description": f"{entry.help} Must be {entry.kind.wants}."}
    reference = {"type": "string", "pattern": r"\$\{"}
    shapes = [value, reference] if value.get("type") != "string" else [value]
    if entry.many:
        shapes.append({"type": "array", "items": dict(value)})
    return shapes[0] if len(shapes) == 1 else {"anyOf": shapes}
