"""What a mapping said is found again by its revision; on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.delivery.process import keep_revisions
from bridge.mapping import MappingFolder
from bridge.outbox.mapping_revisions import MOST_OF_A_MAPPING, MappingRevision

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LEAD = "version: 1\nevent_name: Lead\naction_source: system_generated\nuser_data: {email: email}\n"


@pytest.fixture
def mappings(tmp_path: Path, spec) -> Callable[[str], MappingFolder]:
    def write(text: str) -> MappingFolder:
        (tmp_path / "lead.yaml").write_text(text, encoding="utf-8")
        return MappingFolder([tmp_path], environment={}, spec=spec)

    return write


def test_every_revision_that_was_in_use_is_kept_once_and_listed_newest_first(outbox, mappings):
    first, second = LEAD, f"# für Zoë\n{LEAD}"
    kept = keep_revisions(outbox, mappings(first), frozenset(), NOW)
    assert keep_revisions(outbox, mappings(first), kept, NOW + timedelta(hours=1)) == kept
    folder = mappings(second)
    keep_revisions(outbox, folder, kept, NOW + timedelta(hours=2))
    keep_revisions(outbox, folder, frozenset(), NOW + timedelta(hours=3))  # another process

    [(_, old)] = kept
    new = folder.get("lead").revision
    assert outbox.revisions.of("lead") == [
        MappingRevision(new, NOW + timedelta(hours=2)),
        MappingRevision(old, NOW),
    ]
    assert (outbox.revisions.text("lead", old), outbox.revisions.text("lead", new)) == (first, second)
    assert (outbox.revisions.text("lead", "nope"), outbox.revisions.of("other")) == (None, [])


def test_a_file_that_was_saved_again_is_never_kept_under_the_wrong_revision(mappings, tmp_path):
    stale = mappings(LEAD).get("lead")
    (tmp_path / "lead.yaml").write_text(f"{LEAD}# changed a moment ago\n")
    assert stale.saved_text() is None
    (tmp_path / "lead.yaml").unlink()
    assert stale.saved_text() is None


def test_of_many_revisions_the_newest_are_kept(outbox):
    for number in range(MOST_OF_A_MAPPING + 5):
        outbox.revisions.keep("lead", f"r{number}", b"text", NOW + timedelta(minutes=number))
    outbox.revisions.keep("other", "r0", b"text", NOW)
    kept = [revision for revision, _ in outbox.revisions.of("lead")]
    assert (len(kept), kept[0], kept[-1]) == (MOST_OF_A_MAPPING, f"r{MOST_OF_A_MAPPING + 4}", "r5")
    assert len(outbox.revisions.of("other")) == 1
