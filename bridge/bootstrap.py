"""Opens what a process works with: the migrated database, the outbox, the rules, the mappings."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import date, datetime
from pathlib import Path

from bridge.crypto import Cipher, key_from_file
from bridge.errors import CannotOpen, WrongUse
from bridge.finding import Finding
from bridge.ingest.entries import code_of_destination, code_of_hook
from bridge.lint.check import load_checked
from bridge.mapping import MappingFolder
from bridge.mapping.samples import sample_secrets
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.meta_spec.spec import MetaSpec, with_severities
from bridge.outbox import Bounds, Outbox, open_outbox, upgrade
from bridge.outbox.purpose import mark_purpose, refuse_demo_beside_live
from bridge.secret_files import SecretsOfMappings
from bridge.settings import Settings
from bridge.spelling import closest
from bridge.validate.graph_version import version_note

_SQLITE = "sqlite:///"


def prepare(settings: Settings, *, apart: bool = False, accept_new_key: bool | None = None) -> None:
    """Migrate the database, mark what it is for, and make the key for what is kept at rest.

    Raises CannotOpen when it cannot be opened, or when a demo would meet live events.

    `apart` keeps what that imports out of this process; see `upgrade`. A key that does not fit the stored
    webhooks raises CannotOpen when `accept_new_key` is False, before another one is made in its place; True
    accepts it for this start and all later ones, and None does not ask.
    """
    if settings.demo:
        _refuse_to_demo(settings)
    upgrade(settings.database_url, apart=apart)
    mark_purpose(settings.database_url, "demo" if settings.demo else "live")
    if accept_new_key is False:
        require_stored_key(settings)
    is_new = bool(accept_new_key) and key_problem(settings) is not None
    cipher = cipher_of(settings)
    if is_new:
        with closing(open_outbox(settings.database_url, cipher=cipher)) as outbox:
            outbox.accept_key()


def require_stored_key(settings: Settings) -> None:
    """Raise CannotOpen when stored webhooks were encrypted with a key that is not configured."""
    if problem := key_problem(settings):
        raise CannotOpen(problem.message, fix=problem.fix)


def key_problem(settings: Settings) -> Finding | None:
    """Return what to say when stored webhooks need a key that is not configured. Makes no key."""
    has_key = bool(settings.secret_keys) or settings.secret_key_file.exists()
    cipher = cipher_of(settings) if has_key else Cipher([_NO_KEY])
    with closing(open_outbox(settings.database_url, cipher=cipher)) as outbox:
        return KEY_PROBLEM if outbox.lacks_key() else None


_NO_KEY = "no key is configured"
KEY_PROBLEM = Finding(
    "error",
    "secret_key_missing",
    "stored webhooks were encrypted with a secret key that is not configured",
    "put secret.key back, or add the old key after the new one in CAPI_BRIDGE_SECRET_KEY, with a comma; "
    "to give those webhooks up (their held events can no longer be replayed), start once with "
    "--accept-new-key",
)


def _refuse_to_demo(settings: Settings) -> None:
    """Raise CannotOpen when somebody meant to go live, or is live already: leads must not end in a demo."""
    if settings.profile == "live":
        raise CannotOpen(
            "the profile is live, but no dataset is configured",
            fix="set META_DATASET_ID and META_ACCESS_TOKEN, or destinations: in bridge.yaml",
        )
    refuse_demo_beside_live(settings.live_database_url)


def cipher_of(settings: Settings) -> Cipher:
    """Return the cipher of these settings; its key is made and stored when there is none yet."""
    return Cipher(settings.secret_keys or [key_from_file(settings.secret_key_file)])


def open_store(settings: Settings) -> Outbox:
    """Return the outbox; the connection is made when first used."""
    limits = settings.limits
    bounds = Bounds(queue_events=limits.queue_events, free_disk_bytes=limits.free_disk_bytes)
    return open_outbox(settings.database_url, cipher=cipher_of(settings), bounds=bounds)


def open_meta_spec(settings: Settings) -> MetaSpec:
    """Return the rules, as strict as the settings want them."""
    spec = load_meta_spec()
    if not settings.rules:
        return spec
    try:
        return with_severities(spec, settings.rules)
    except KeyError as error:
        code = str(error.args[0])
        meant = closest(code, [rule.code for rule in spec.rules.values() if rule.area == "event"])
        fix = f"did you mean {meant}?" if meant else "see the page of rules"
        raise WrongUse(f"rules.{code}: there is no such rule to choose", fix=fix) from error


def open_mappings(settings: Settings, environment: Mapping[str, str]) -> MappingFolder:
    """Return the active mappings; `problems()` lists what is wrong with the others.

    In a demo nothing can reach Meta, and the made-up secrets that the samples are signed with stand in
    for those that are not set, so that every shipped mapping can be tried at once.
    """
    made_up = sample_secrets(settings.mappings) if settings.demo else {}
    return MappingFolder(
        settings.mappings,
        environment=SecretsOfMappings({**made_up, **environment}, settings.folder),
        spec=open_meta_spec(settings),
        destinations=settings.destinations,
        sources=settings.sources,
        load=load_checked,
    )


def version_notes(settings: Settings, today: date) -> list[tuple[str, Finding]]:
    """Return a warning for each destination whose Graph API version ends soon, or has ended."""
    spec = load_meta_spec()
    notes = [
        (destination.name, version_note(destination.api_version, today, spec))
        for destination in settings.destinations.values()
    ]
    return [(name, finding) for name, finding in notes if finding]


def database_bytes(settings: Settings) -> int | None:
    """Return how large the database file is, with what was written to it last; None on a server."""
    if not settings.database_url.startswith(_SQLITE):
        return None
    file = Path(settings.database_url.removeprefix(_SQLITE))
    parts = (file, file.with_name(f"{file.name}-wal"))
    return sum(part.stat().st_size for part in parts if part.is_file())


def free_disk_bytes(settings: Settings) -> int | None:
    """Return what is free where the database lies, when it lies on this machine."""
    if not settings.database_url.startswith(_SQLITE):
        return None
    try:
        return shutil.disk_usage(Path(settings.database_url.removeprefix(_SQLITE)).parent).free
    except OSError:
        return None


def codes_in_force(settings: Settings, mappings: MappingFolder, now: datetime) -> Iterator[tuple[str, str]]:
    """Find every active test_event_code: of a destination, or of a mapping by its file or the settings."""
    for name in settings.destinations:
        if code := code_of_destination(settings, name, now):
            yield f"destination {name}", code
    in_files = {mapping.name: mapping.test_event_code for mapping in mappings.mappings()}
    for name in sorted({*settings.hooks, *in_files}):
        in_file = in_files.get(name) if settings.test_codes_allowed else None
        if code := (in_file and in_file.at(now)) or code_of_hook(settings, name, now):
            yield f"mapping {name}", code
