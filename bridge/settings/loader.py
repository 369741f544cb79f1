"""From a file and the environment to one frozen Settings, or to the list of everything that is wrong.

The environment wins over the file, the file over the defaults. No file at all is a working set-up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bridge.errors import CannotOpen, Invalid
from bridge.finding import Finding
from bridge.meta_spec.shipped_files import shipped
from bridge.mode import DEMO_DATASET_ID
from bridge.positioned_yaml import Node, read_yaml
from bridge.settings.models import (
    META_URL,
    SIMULATOR_URL,
    SQLITE,
    Alerts,
    Callback,
    CompanionSettings,
    ConsoleReader,
    ConsoleSettings,
    DeliverySettings,
    Destination,
    HookSettings,
    MailAlerts,
    MappingAlerts,
    Retention,
    RetrySchedule,
    ServerLimits,
    Settings,
    TestEventCode,
    demo_database,
)
from bridge.settings.options import OF_MAPPING, SETTINGS, every_option
from bridge.settings.parser import Reading, Spot, Values, read_section
from bridge.settings.source_block import read_sources
from bridge.settings.types import DATASET, TOKEN, is_of
from bridge.spelling import closest

FILE_NAME = "bridge.yaml"
DEMO_DESTINATION = Destination("main", DEMO_DATASET_ID, "simulator")
_NEVER_SAVED = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class _Source:
    """The file that was read: its tree, where relative paths start, and when it was last saved."""

    file: Path | None
    node: Node | None
    folder: Path
    saved_at: datetime


def load_settings(
    config: Path | None, environment: Mapping[str, str], *, folder: Path | None = None
) -> Settings:
    """Read the settings; `config` wins over CAPI_BRIDGE_CONFIG, and that over bridge.yaml in `folder`.

    Raises CannotOpen when a file that was asked for is not there, and Invalid with every finding.
    """
    reading, source, settings = _read(config, environment, folder or Path.cwd())
    if any(finding.severity == "error" for finding in reading.findings):
        name = source.file.name if source.file else "the environment"
        raise Invalid(f"the settings in {name} have errors", reading.findings)
    return settings


def data_folder_of(config: Path | None, environment: Mapping[str, str]) -> Path:
    """Return where a server keeps its data, even when its settings have errors for whoever reads them here.

    A shell rarely has the secrets that the server was started with. Raises CannotOpen as `load_settings`.
    """
    return _read(config, environment, Path.cwd())[2].data_folder


def _read(
    config: Path | None, environment: Mapping[str, str], folder: Path
) -> tuple[Reading, _Source, Settings]:
    reading = Reading(environment)
    _doubt_unknown_variables(reading)
    source = _open(reading, config, environment, folder)
    reading.folder = source.folder
    return reading, source, _settings(reading, read_section(reading, source.node, SETTINGS), source)


def _doubt_unknown_variables(reading: Reading) -> None:
    """Warn of variables that look like settings and are none: a misspelled token would go unnoticed."""
    known = {
        "CAPI_BRIDGE_CONFIG",
        *(option.environment for _, option in every_option() if option.environment),
    }
    for name in sorted(reading.environment):
        if name.startswith("CAPI_BRIDGE_") and name not in known:
            message = f"the environment variable {name} is not a setting"
            fix = "see docs/settings.md"
            meant = closest(name, known)
            reading.findings.append(Finding("warning", "unknown_variable", message, fix, suggestion=meant))


def _open(reading: Reading, config: Path | None, environment: Mapping[str, str], folder: Path) -> _Source:
    named = environment.get("CAPI_BRIDGE_CONFIG")
    asked_for = config or (Path(named) if named else None)
    file = asked_for or folder / FILE_NAME
    try:
        source = file.read_bytes()
        saved_at = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    except OSError as error:
        if asked_for is None and isinstance(error, FileNotFoundError):
            return _Source(None, None, folder, _NEVER_SAVED)
        raise CannotOpen(f"{file}: cannot be read ({error.strerror})", fix="check the path") from error
    node, findings = read_yaml(source, str(file))
    reading.findings += findings
    return _Source(file, node, file.parent.absolute(), saved_at)


def _settings(reading: Reading, values: Values, source: _Source) -> Settings:
    destinations = _destinations(reading, values.pop("destinations"), source)
    demo = not destinations
    live_database_url = _database_url(values.pop("database_url", SQLITE + "data/bridge.db"), source.folder)
    keys = values.pop("keys")
    settings = Settings(
        database_url=demo_database(live_database_url) if demo else live_database_url,
        live_database_url=live_database_url,
        graph_url=values.pop("graph_url", SIMULATOR_URL if demo else META_URL),
        mappings=_mapping_folders(reading, values.pop("mappings", None), source.folder, demo=demo),
        destinations=destinations or {"main": DEMO_DESTINATION},
        demo=demo,
        folder=source.folder,
        file=source.file,
        secret_key_file=_beside_database(live_database_url, source.folder) / "secret.key",
        admin_token=keys.get("admin"),
        secret_keys=keys.get("secret", ()),
        readers=_readers(reading, keys.get("readers", {}), destinations),
        console=ConsoleSettings(**values.pop("console")),
        companion=_companion(values.pop("companion", {})),
        retention=Retention(**values.pop("retention")),
        limits=ServerLimits(**values.pop("limits")),
        delivery=_delivery(reading, values.pop("delivery")),
        alerts=_alerts(values.pop("alerts")),
        rules={code: rule["severity"] for code, rule in values.pop("rules").items() if rule},
        sources=read_sources(reading, values.pop("sources")),
        hooks={name: _hook(reading, hook, source) for name, hook in values.pop("hooks").items()},
        warnings=tuple(finding for finding in reading.findings if finding.severity == "warning"),
        **values,
    )
    _refuse_test_codes_when_live(reading, settings)
    return settings if not demo else _doubt_a_live_demo(settings)


def _doubt_a_live_demo(settings: Settings) -> Settings:
    """Warn of a live profile without a dataset: nothing starts with it, but a mapping can be tried."""
    if settings.profile != "live":
        return settings
    message = "the profile is live, but no dataset is configured"
    fix = "set META_DATASET_ID and META_ACCESS_TOKEN, or destinations: in bridge.yaml"
    doubt = Finding("warning", "no_dataset", message, fix, path="$.profile")
    return replace(settings, warnings=(*settings.warnings, doubt))


def _destinations(reading: Reading, given: Mapping[str, Values], source: _Source) -> dict[str, Destination]:
    destinations = {
        name: Destination(**{**values, "name": name, "test_event_code": _test_code(reading, values, source)})
        for name, values in given.items()
        if {"dataset_id", "access_token"} <= values.keys()
    }
    if given:
        return destinations
    return _destination_of_environment(reading)


def _destination_of_environment(reading: Reading) -> dict[str, Destination]:
    """Make destination `main` of META_DATASET_ID and META_ACCESS_TOKEN; only one of them is an error."""
    names = ("META_DATASET_ID", "META_ACCESS_TOKEN")
    dataset_id, access_token = (reading.environment.get(name, "").strip() for name in names)
    if bool(dataset_id) != bool(access_token):
        missing, present = names if not dataset_id else reversed(names)
        message = f"{present} is set and {missing} is not"
        meant = closest(missing, [name for name in reading.environment if name not in names])
        reading.wrong(Spot("destinations.main"), "unset_variable", message, f"set {missing} too", meant)
    if not (dataset_id and access_token):
        return {}
    for name, text, kind in (
        ("META_DATASET_ID", dataset_id, DATASET),
        ("META_ACCESS_TOKEN", access_token, TOKEN),
    ):
        if not is_of(kind, text):
            message = f"{name} must be {kind.wants}"
            reading.wrong(Spot("destinations.main"), "wrong_type", message, "copy it from Events Manager")
    code = reading.environment.get("META_TEST_EVENT_CODE", "").strip()
    test_code = TestEventCode(code) if code else None
    return {"main": Destination("main", dataset_id, access_token, test_event_code=test_code)}


def _test_code(reading: Reading, values: Values, source: _Source) -> TestEventCode | None:
    given = values.get("test_event_code") or {}
    if "code" not in given:
        return None
    until = given.get("until")
    if "for" in given:
        end = source.saved_at + given["for"]
        until = min(end, until) if until else end
    return TestEventCode(given["code"], until)


def _hook(reading: Reading, values: Values, source: _Source) -> HookSettings:
    callback = values.get("on_result") or {}
    return HookSettings(
        test_event_code=_test_code(reading, values, source),
        on_result=Callback(**callback) if {"url", "secret"} <= callback.keys() else None,
        rate_limit=values.get("rate_limit"),
        alerts=values.get("alerts") or {},
    )


def _alerts(values: Values) -> Alerts:
    of_mapping = MappingAlerts(**{name: values.pop(name) for name in OF_MAPPING if name in values})
    email = values.pop("email", None)
    mail = MailAlerts(**email) if email and {"to", "sender", "host"} <= email.keys() else None
    return Alerts(**values, email=mail, of_mapping=of_mapping)


def _companion(values: Values) -> CompanionSettings | None:
    if not values.get("origins"):
        return None
    return CompanionSettings(**{**values, "origins": frozenset(values["origins"])})


def _readers(
    reading: Reading, given: Mapping[str, Values], destinations: Mapping[str, Destination]
) -> dict[str, ConsoleReader]:
    readers = {
        name: ConsoleReader(name=name, **values)
        for name, values in given.items()
        if {"token", "destinations"} <= values.keys()
    }
    for reader in readers.values():
        for name in reader.destinations:
            if name not in destinations:
                path = f"keys.readers.{reader.name}.destinations"
                message = f"{path}: there is no destination {name}"
                fix = f"use one of {', '.join(destinations) or 'the names under destinations:'}"
                reading.wrong(Spot(path), "unknown_destination", message, fix)
    return readers


def _delivery(reading: Reading, values: Values) -> DeliverySettings:
    delivery = DeliverySettings(**{**values, "retry": RetrySchedule(**values.get("retry", {}))})
    if delivery.lease < delivery.timeout + timedelta(seconds=5):
        reading.wrong(
            Spot("delivery.lease"),
            "lease_too_short",
            "delivery.lease must be at least 5 s longer than delivery.timeout",
            "with a shorter one two workers could send the same event",
        )
    return delivery


def _refuse_test_codes_when_live(reading: Reading, settings: Settings) -> None:
    if settings.test_codes_allowed:
        return
    named: list[tuple[str, Any]] = [
        *((f"destinations.{name}", entry) for name, entry in settings.destinations.items()),
        *((f"hooks.{name}", entry) for name, entry in settings.hooks.items()),
    ]
    for path, entry in named:
        if entry.test_event_code:
            reading.wrong(
                Spot(f"{path}.test_event_code"),
                "test_code_in_live_profile",
                f"{path}.test_event_code is set and the profile is live",
                "remove it, or set allow_test_event_code: yes",
            )


def _mapping_folders(
    reading: Reading, given: tuple[str, ...] | None, folder: Path, *, demo: bool
) -> tuple[Path, ...]:
    """Return the folders; without one of their own, a demo has the shipped mappings, and live has none."""
    if given is None:
        own = folder / "mappings"
        return (shipped("mappings"),) if demo and not own.is_dir() else (own,)
    folders = tuple(folder / name for name in given)
    for name, path in zip(given, folders, strict=True):
        if not path.is_dir():
            reading.findings.append(
                Finding("error", "no_such_folder", f"mappings: there is no folder {name}", path="$.mappings")
            )
    return folders


def _database_url(url: str, folder: Path) -> str:
    if not url.startswith(SQLITE) or url == SQLITE + ":memory:":
        return url
    return SQLITE + str(folder / url.removeprefix(SQLITE))


def _beside_database(url: str, folder: Path) -> Path:
    return Path(url.removeprefix(SQLITE)).parent if url.startswith(SQLITE) else folder / "data"
