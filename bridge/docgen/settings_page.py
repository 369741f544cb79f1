"""Makes `docs/settings.md` and `schemas/settings.schema.json` from the table of options."""

from __future__ import annotations

import json

from bridge.settings.options import SETTINGS, Option, Section, settings_schema

_INTRODUCTION = """\
# Settings

The bridge reads one file, `bridge.yaml`. Nobody needs one to try things: with no file at all the bridge
runs as a demo, keeps its data in `data/bridge.demo.db` and sends to a built-in simulator instead of Meta.

Where the file is looked for: `--config FILE`, then the environment variable `CAPI_BRIDGE_CONFIG`, then
`bridge.yaml` in the folder the bridge is started in. Paths inside the file start from the file's folder.

When there are several values, the environment variable wins over the file, and the file over the default.

```yaml
database_url: sqlite:///data/bridge.db
destinations:
  main:
    dataset_id: "${META_DATASET_ID}"
    access_token: ${META_ACCESS_TOKEN}
    test_event_code: {code: "${META_TEST_EVENT_CODE:-}", for: 30m}
keys:
  admin: ${CAPI_BRIDGE_ADMIN_TOKEN}
retention: {raw_webhooks: 7d, events: 30d}
hooks:
  shop-orders:
    rate_limit: 50/s
    on_result: {url: https://crm.example/results, secret: "${RESULT_SECRET}"}
```

`${NAME}` stands for an environment variable; one that is not set is an error. `${NAME:-other}` takes
`other` instead, and `${NAME:-}` takes nothing. `${file:/run/secrets/meta_token}` stands for what is
in a file, as Docker, Kubernetes and systemd hand over secrets; a relative path starts at the folder of
the settings. Secrets belong into the environment or such files, never into `bridge.yaml` itself.

Every mistake is reported at once, with its line and column: an unknown key (and the one that was probably
meant), a value of the wrong kind, a variable that is not set.

Without any file, `META_DATASET_ID` and `META_ACCESS_TOKEN` make a destination named `main`, and
`META_TEST_EVENT_CODE` puts it into test mode.

## Test mode

A `test_event_code` can be set for a destination, for one mapping (under `hooks`), or be asked for by the
sender of one webhook. `for: 30m` ends it half an hour after the file was last saved, so a restart does not
prolong it; `until:` names the moment. Test and live events never share a call to Meta.

**Meta does not discard test events.** They show in Test Events and they count. So a code that is left
behind is marked clearly: in every answer, in the log, on `/readyz`, in `/metrics`, and by an alert when it
lasts. With `profile: live` a code is refused unless `allow_test_event_code: yes` is set.

## Every setting

"""


def page() -> str:
    """Return the page of all settings."""
    return _INTRODUCTION + "\n".join(_tables(SETTINGS, "")) + "\n"


def schema() -> str:
    """Return the JSON Schema that editors check `bridge.yaml` with."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "bridge.yaml"}
    return json.dumps(head | settings_schema(), indent=2, ensure_ascii=False) + "\n"


def _tables(section: Section, prefix: str) -> list[str]:
    rows = [
        _row(prefix + name, entry) for name, entry in section.options.items() if isinstance(entry, Option)
    ]
    lines = (
        ["| setting | what it is | default | environment |", "|---|---|---|---|", *rows, ""] if rows else []
    )
    for name, entry in section.options.items():
        if isinstance(entry, Section):
            inner = f"{prefix}{name}.{'<name>.' if entry.named else ''}"
            lines += [f"### `{inner.rstrip('.')}`", "", _about(entry), "", *_tables(entry, inner)]
    return lines


def _about(section: Section) -> str:
    short = f" Plain text here means `{section.scalar}`." if section.scalar else ""
    return section.help + short


def _row(name: str, option: Option) -> str:
    default = "*required*" if option.required else f"`{option.default}`" if option.default else ""
    several = " A list is taken too." if option.many else ""
    variable = f"`{option.environment}`" if option.environment else ""
    return f"| `{name}` | {option.help} Must be {option.kind.wants}.{several} | {default} | {variable} |"
