"""The shipped mappings work: their own tests pass, and every real body becomes what its header file says."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from bridge.cli import commands
from bridge.errors import Invalid, Refused
from bridge.mapping import load_mapping
from bridge.mapping.sample_dates import redated
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.models import Verified
from bridge.pipeline import translate
from bridge.verify import signed

# people and numbers in the samples that belong to the seller, not to the buyer
OF_THE_SELLER = (
    "alex@example.com",  # a contact's owner
    "sales@example-shop.com",
    "pro@example.com",  # the host of a booking
    "host@example.com",
    "staff@example.com",
    "sam@dealer.example.com",  # the agent of a call
    "vendedor@empresa.example.com",  # the owner of a contact
    "dono@escola.example.com",  # the seller of a course
    "suporte@escola.example.com",
    "partner@affiliate.example.com",
    "example-company@pipedrivemail.com",
    "example-company+deal49@pipedrivemail.com",
)


def test_the_tests_inside_every_shipped_mapping_pass(senders):
    result = CliRunner().invoke(commands, ["test", str(senders.folder)])
    assert result.exit_code == 0, result.output
    assert re.search(r"(\d+) tests, 0 failed", result.output)


def test_no_shipped_mapping_has_an_error(senders):
    result = CliRunner().invoke(commands, ["check", str(senders.folder), "--format", "json"])
    findings = json.loads(result.stdout)["findings"]
    assert [finding for finding in findings if finding["severity"] == "error"] == []


def test_there_are_mappings_for_thirty_pairs_of_vendor_and_trigger(senders):
    assert len(senders.names()) >= 30


def test_a_shipped_mapping_has_everything_that_a_contribution_needs(contributed_name, senders):
    if lacks := senders.missing(contributed_name):
        pytest.fail("\n".join(lacks), pytrace=False)


def test_the_secrets_in_the_readme_are_those_of_the_mapping(shipped_name, senders):
    readme = (senders.folder / "README.md").read_text("utf-8")
    [row] = [line for line in readme.splitlines() if line.startswith(f"| [{shipped_name}](")]
    text = (senders.folder / f"{shipped_name}.yaml").read_text("utf-8")
    assert set(re.findall(r"\$\{(\w+)\}", text)) == set(re.findall(r"`([A-Z0-9_]+)`", row))


def test_a_sample_becomes_what_its_header_file_says(sample, senders):
    assert senders.outcome(senders.translated(sample)) == sample.outcome


def test_a_sample_that_comes_today_becomes_the_same(sample, senders):
    mapping = senders.mapping(sample.mapping)
    now = datetime(2031, 3, 5, 23, 59, 50, tzinfo=UTC)
    body = redated(sample.request.body, sample.request.received_at, now)
    today = signed(replace(sample.request, body=body, received_at=now), mapping.receive.verify)
    assert senders.outcome(senders.translated(sample, today)) == sample.outcome


def test_a_redelivery_is_the_same_webhook_and_two_samples_are_not(shipped_name, senders):
    mapping = senders.mapping(shipped_name)
    spec = load_meta_spec()
    keys = [translate(s.request, mapping, spec).repeat_key for s in senders.samples_of(shipped_name)]
    again = [translate(s.request, mapping, spec).repeat_key for s in senders.samples_of(shipped_name)]
    assert keys == again
    assert len(set(keys)) == len(keys)


def test_a_redelivery_gives_the_same_event_ids(sample, senders):
    first, second = (
        [event.data["event_id"] for event in senders.translated(sample, request).events if event.data]
        for request in (sample.request, replace(sample.request, url=sample.request.url))
    )
    assert first == second


def test_no_two_samples_of_the_demo_give_one_event(senders):
    seen: dict[tuple[str, str], str] = {}
    for sample in senders.samples():
        translation = senders.translated(sample)
        for event in translation.events:
            if event.verdict == "ready" and event.data:
                identity = (event.data["event_name"], event.data["event_id"])
                assert seen.setdefault(identity, sample.name) == sample.name


@pytest.mark.parametrize("value", OF_THE_SELLER)
def test_nobody_of_the_seller_is_ever_sent(value, senders):
    from bridge.normalize import normalize_value

    hashed = normalize_value("em", value).sent
    for sample in senders.samples():
        translation = senders.translated(sample)
        assert hashed not in json.dumps([event.data for event in translation.events], default=str)


def test_the_switchboard_of_a_contacts_company_is_not_the_contacts_phone(senders):
    from bridge.normalize import normalize_value

    hashed = normalize_value("ph", "5550100199", "US").sent
    for sample in senders.samples_of("hubspot-contact"):
        [event] = translate(sample.request, senders.mapping(sample.mapping), load_meta_spec()).events
        assert hashed not in json.dumps(event.data, default=str)


def test_every_answer_that_a_sample_needs_is_recorded(sample, senders):
    assert senders.translated(sample).calls == ()


def test_a_shipped_mapping_whose_source_is_not_set_up_stays_out_of_use(shipped_name, senders):
    mapping = senders.mapping(shipped_name)
    options = {"environment": senders.environment(), "spec": load_meta_spec()}
    if not mapping.fetch:
        load_mapping(mapping.file, sources=(), **options)
        return
    with pytest.raises(Invalid) as refused:
        load_mapping(mapping.file, sources=(), **options)
    assert {finding.code for finding in refused.value.findings} == {"unknown_source"}


def test_a_sender_that_never_tries_again_gets_a_200_for_our_own_mistakes(shipped_name, senders):
    receive = senders.mapping(shipped_name).receive
    expected = "hold" if receive.sent_by == "server" else "answer"
    assert receive.on_problem == expected


def test_no_body_of_another_sender_breaks_a_mapping(shipped_name, senders):
    mapping = senders.mapping(shipped_name)
    spec = load_meta_spec()
    for sample in senders.samples():
        try:
            translation = translate(Verified(sample.request), mapping, spec)
        except Refused:
            continue  # a kind of body this mapping does not take
        assert all(event.verdict != "ready" or event.data for event in translation.events)
