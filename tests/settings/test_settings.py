"""Settings: environment over file over default, and every mistake at once with its place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bridge.bootstrap import open_meta_spec
from bridge.errors import CannotOpen, Invalid, WrongUse
from bridge.meta_spec.shipped_files import shipped
from bridge.settings import (
    META_URL,
    SIMULATOR_URL,
    Rate,
    Settings,
    TestEventCode,
    load_demo_settings,
    load_settings,
)
from bridge.settings.environment import read_env_file
from bridge.settings.options import every_option, settings_schema

DATASET = {"META_DATASET_ID": "1234567890", "META_ACCESS_TOKEN": "token"}
DESTINATION = "destinations: {main: {dataset_id: 123, access_token: token}}\n"


def load(folder: Path, text: str | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    if text is not None:
        (folder / "bridge.yaml").write_text(text)
    return load_settings(None, environment or {}, folder=folder)


def mistakes(
    folder: Path, text: str, environment: Mapping[str, str] | None = None
) -> list[tuple[object, ...]]:
    with pytest.raises(Invalid) as caught:
        load(folder, text, environment)
    return [
        (
            f.position.line if f.position else None,
            f.position.column if f.position else None,
            f.code,
            f.suggestion,
        )
        for f in caught.value.findings
    ]


def test_no_file_at_all_is_a_demo_that_sends_to_the_simulator(tmp_path):
    settings = load(tmp_path)

    assert settings.demo
    assert settings.graph_url == SIMULATOR_URL
    assert list(settings.destinations) == ["main"]
    assert settings.database_url == f"sqlite:///{tmp_path}/data/bridge.demo.db"
    assert settings.live_database_url == f"sqlite:///{tmp_path}/data/bridge.db"
    assert settings.secret_key_file == tmp_path / "data" / "secret.key"
    assert settings.mappings[0].name == "mappings"


def test_a_demo_needs_no_secret_and_takes_none(tmp_path):
    (tmp_path / "bridge.yaml").write_text(
        "profile: live\n"
        "destinations:\n"
        "  main: {dataset_id: '${META_DATASET_ID}', access_token: '${META_ACCESS_TOKEN}'}\n"
        "  shop: {dataset_id: 42, access_token: '${META_SHOP_TOKEN}',\n"
        "         test_event_code: '${META_TEST_EVENT_CODE:-}'}\n"
    )
    secrets = {"META_SHOP_TOKEN": "of-the-shop", "META_TEST_EVENT_CODE": "TEST1"}

    demo = load_demo_settings(None, secrets, folder=tmp_path)

    assert (demo.demo, demo.profile, demo.graph_url) == (True, "default", SIMULATOR_URL)
    assert {(d.dataset_id, d.access_token, d.test_event_code) for d in demo.destinations.values()} == {
        ("1000000000000000", "1000000000000000", None)
    }
    assert demo.database_url == f"sqlite:///{tmp_path}/data/bridge.demo.db"


def test_a_demo_has_the_shipped_mappings_until_the_folder_has_its_own(tmp_path):
    assert load_demo_settings(None, {}, folder=tmp_path).mappings == (shipped("mappings"),)
    (tmp_path / "mappings").mkdir()
    assert load_demo_settings(None, {}, folder=tmp_path).mappings == (tmp_path / "mappings",)


def test_the_environment_alone_makes_a_destination(tmp_path):
    settings = load(tmp_path, environment={**DATASET, "META_TEST_EVENT_CODE": "TEST1"})

    assert not settings.demo
    assert settings.graph_url == META_URL
    [main] = settings.destinations.values()
    assert (main.name, main.dataset_id, main.access_token) == ("main", "1234567890", "token")
    assert main.test_event_code == TestEventCode("TEST1", None)


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        pytest.param({}, "META_TOKEN is not set", id="not set"),
        pytest.param({"META_TOKEN": ""}, "META_TOKEN is empty", id="set to nothing"),
    ],
)
def test_a_variable_that_is_missing_is_never_suggested_for_itself(tmp_path, environment, says):
    (tmp_path / "bridge.yaml").write_text(
        "destinations: {main: {dataset_id: 42, access_token: '${META_TOKEN}'}}"
    )
    with pytest.raises(Invalid) as caught:
        load(tmp_path, environment=environment)
    [finding] = caught.value.findings
    assert (says in finding.message, finding.suggestion) == (True, None)
    assert finding.fix.startswith("add a line META_TOKEN=… to .env, or set the environment variable; ")


@pytest.mark.parametrize("name", DATASET, ids=DATASET)
def test_a_dataset_without_its_token_is_a_mistake_and_so_is_the_reverse(tmp_path, name):
    with pytest.raises(Invalid) as caught:
        load(tmp_path, environment={name: DATASET[name]})
    assert [finding.code for finding in caught.value.findings] == ["unset_variable"]


def test_a_variable_that_is_misspelled_is_named_beside_the_one_that_is_missing(tmp_path):
    with pytest.raises(Invalid) as caught:
        load(tmp_path, environment={"META_DATASET_ID": "1234567890123456", "META_ACESS_TOKEN": "x"})
    [finding] = caught.value.findings
    assert (finding.message, finding.suggestion) == (
        "META_DATASET_ID is set and META_ACCESS_TOKEN is not",
        "META_ACESS_TOKEN",
    )


def test_environment_wins_over_file_and_file_over_default(tmp_path):
    text = DESTINATION + "graph_url: http://file.example\nkeys: {admin: of-file}\n"

    assert load(tmp_path, DESTINATION).graph_url == META_URL
    assert load(tmp_path, text).graph_url == "http://file.example"
    both = load(
        tmp_path, text, {"CAPI_BRIDGE_GRAPH_URL": "http://env.example/", "CAPI_BRIDGE_ADMIN_TOKEN": "of-env"}
    )
    assert (both.graph_url, both.admin_token) == ("http://env.example", "of-env")


def test_every_part_of_a_file_is_read(tmp_path):
    (tmp_path / "own").mkdir()
    settings = load(
        tmp_path,
        """
database_url: postgresql://user:pw@db/bridge
mappings: [own]
public_url: https://hooks.example.com
trusted_proxies: [10.0.0.0/8, 192.0.2.1]
destinations:
  main: {dataset_id: "${ID}", access_token: "${TOKEN}", api_version: v26.0, partner_agent: shopkit-1}
  other: {dataset_id: 9, access_token: "${NONE:-fallback}"}
hooks:
  leads: {rate_limit: 5/m, on_result: {url: "https://crm.example/r?k=1", secret: whsec_abc}}
keys: {admin: a, secret: [new-key-0123456789, old-key-0123456789]}
retention: {raw_webhooks: 12h, events: 2w}
limits: {max_body_bytes: 64 KiB, queue_events: 10, rate_per_address: 100/s}
delivery: {batch_size: 50, parallel: 2, timeout: 5s, lease: 30s}
alerts: {url: https://alerts.example/x, style: slack, refused_share: 5%}
log_format: text
""",
        {"ID": "77", "TOKEN": "t"},
    )

    assert settings.mappings == (tmp_path / "own",)
    assert [str(network) for network in settings.trusted_proxies] == ["10.0.0.0/8", "192.0.2.1/32"]
    assert settings.destinations["main"].dataset_id == "77"
    assert settings.destinations["main"].api_version == "v26.0"
    assert settings.destinations["other"].access_token == "fallback"
    assert settings.hook("leads").rate_limit == Rate(5, 60.0)
    assert settings.hook("leads").on_result.url == "https://crm.example/r?k=1"
    assert settings.hook("unknown").on_result is None
    assert settings.secret_keys == ("new-key-0123456789", "old-key-0123456789")
    assert settings.retention.raw_webhooks == timedelta(hours=12)
    assert settings.limits.max_body_bytes == 65_536
    assert settings.delivery.timeout == timedelta(seconds=5)
    assert settings.alerts.refused_share == 0.05
    assert settings.log_format == "text"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("grph_url: http://x.example\n", [(1, 1, "unknown_key", "graph_url")], id="unknown key"),
        pytest.param("retention: {event: 3d}\n", [(1, 13, "unknown_key", "events")], id="unknown key inside"),
        pytest.param("retention: {events: 3 dayz}\n", [(1, 21, "wrong_type", None)], id="no duration"),
        pytest.param("retention: 7d\n", [(1, 12, "wrong_type", None)], id="a block is wanted"),
        pytest.param("graph_url: [a, b]\n", [(1, 12, "wrong_type", None)], id="one value is wanted"),
        pytest.param("graph_url: ftp://x\n", [(1, 12, "wrong_type", None)], id="no web address"),
        pytest.param("keys: {admin: '${NOPE}'}\n", [(1, 15, "unset_variable", None)], id="unset variable"),
        pytest.param(
            "destinations: {main: {dataset_id: 1}}\n", [(1, 22, "missing_key", None)], id="missing token"
        ),
        pytest.param(
            "destinations:\n  main:\n", [(2, 3, "missing_key", None)] * 2, id="a destination that is empty"
        ),
        pytest.param("destinations: {a b: {}}\n", [(1, 16, "bad_name", None)], id="a name with a blank"),
        pytest.param("delivery: {lease: 10s}\n", [(1, 12, "lease_too_short", None)], id="short lease"),
        pytest.param("mappings: nowhere\n", [(None, None, "no_such_folder", None)], id="no such folder"),
        pytest.param("a: b: c\n", [(1, 5, "unquoted_colon", None)], id="not YAML"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path, text, expected):
    found = mistakes(tmp_path, text)
    if expected[0][2] == "unquoted_colon":  # the wording of YAML mistakes is tested where YAML is read
        assert len(found) == 1
        assert found[0][0] == 1
    else:
        assert found == expected


def test_all_mistakes_are_told_at_once(tmp_path):
    text = """\
databse_url: sqlite:///x.db
destinations:
  main: {dataset_id: "${META_DATASET_ID}", access_token: "${META_ACCESS_TOKEN}", api_version: 25}
retention: {raw_webhooks: soon}
"""
    assert mistakes(tmp_path, text, {"META_DATASET_IDS": "1"}) == [
        (1, 1, "unknown_key", "database_url"),
        (3, 22, "unset_variable", "META_DATASET_IDS"),
        (3, 58, "unset_variable", None),
        (3, 95, "wrong_type", None),
        (4, 27, "wrong_type", None),
    ]


def test_no_mistake_repeats_a_value_because_it_may_be_a_secret(tmp_path):
    text = "graph_url: hunter2\nkeys: [hunter2]\nretention: {events: hunter2}\nalerts: {url: hunter2}\n"
    with pytest.raises(Invalid) as caught:
        load(tmp_path, text, {"CAPI_BRIDGE_DATABASE_URL": "hunter2"})
    assert len(caught.value.findings) == 5
    assert "hunter2" not in repr(caught.value.findings) + str(caught.value)


def test_secrets_stay_out_of_the_repr(tmp_path):
    text = (
        "destinations: {main: {dataset_id: 1, access_token: hunter2}}\n"
        "keys: {admin: hunter2, secret: hunter2}\nalerts: {url: 'http://hunter2.example'}\n"
        "hooks: {x: {on_result: {url: 'http://a.example', secret: hunter2}}}\n"
        "database_url: postgresql://u:hunter2@h/d\n"
    )
    assert "hunter2" not in repr(load(tmp_path, text))


@pytest.mark.parametrize("asked", ["argument", "environment"])
def test_a_file_that_was_asked_for_must_be_there(tmp_path, asked):
    missing = tmp_path / "other.yaml"
    with pytest.raises(CannotOpen, match=r"other\.yaml"):
        if asked == "argument":
            load_settings(missing, {}, folder=tmp_path)
        else:
            load_settings(None, {"CAPI_BRIDGE_CONFIG": str(missing)}, folder=tmp_path)


def test_paths_in_a_file_start_from_its_folder(tmp_path):
    (tmp_path / "etc" / "maps").mkdir(parents=True)
    (tmp_path / "etc" / "b.yaml").write_text("mappings: maps\ndatabase_url: sqlite:///d/b.db\n")
    settings = load_settings(tmp_path / "etc" / "b.yaml", {}, folder=tmp_path)
    assert settings.mappings == (tmp_path / "etc" / "maps",)
    assert settings.live_database_url == f"sqlite:///{tmp_path}/etc/d/b.db"


def test_a_test_code_for_half_an_hour_counts_from_when_the_file_was_saved(tmp_path):
    text = (
        "destinations: {main: {dataset_id: 1, access_token: t, test_event_code: {code: TEST5, for: 30m}}}\n"
    )
    code = load(tmp_path, text).destinations["main"].test_event_code
    saved = datetime.fromtimestamp((tmp_path / "bridge.yaml").stat().st_mtime, UTC)

    assert code.at(saved + timedelta(minutes=29)) == "TEST5"
    assert code.at(saved + timedelta(minutes=30)) is None


def test_a_test_code_ends_at_the_earlier_of_its_two_ends(tmp_path):
    text = "hooks: {x: {test_event_code: {code: T, for: 9w, until: '2026-01-02T00:00:00+02:00'}}}\n"
    assert load(tmp_path, text).hook("x").test_event_code.until == datetime(2026, 1, 1, 22, tzinfo=UTC)


def test_an_empty_test_code_is_no_test_mode(tmp_path):
    text = "destinations: {main: {dataset_id: 1, access_token: t, test_event_code: '${CODE:-}'}}\n"
    assert load(tmp_path, text).destinations["main"].test_event_code is None


@pytest.mark.parametrize(
    ("extra", "is_refused"),
    [("", False), ("profile: live\n", True), ("profile: live\nallow_test_event_code: yes\n", False)],
    ids=["default profile", "live profile", "live profile that was asked"],
)
def test_the_live_profile_refuses_a_test_code_unless_asked(tmp_path, extra, is_refused):
    text = "destinations: {main: {dataset_id: 1, access_token: t, test_event_code: TEST5}}\n" + extra
    if is_refused:
        assert mistakes(tmp_path, text) == [(1, 55, "test_code_in_live_profile", None)]
    else:
        assert load(tmp_path, text).destinations["main"].test_event_code == TestEventCode("TEST5")


def test_the_schema_is_a_schema_and_takes_the_example_of_the_page(tmp_path):
    schema = json.loads((Path(__file__).parents[2] / "schemas" / "settings.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    page = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
    example = page.split("```yaml\n")[1].split("```")[0]
    jsonschema.validate(yaml.safe_load(example), schema)
    names = {
        "META_DATASET_ID": "1",
        "META_ACCESS_TOKEN": "t",
        "CAPI_BRIDGE_ADMIN_TOKEN": "a",
        "RESULT_SECRET": "s",
    }
    assert load(tmp_path, example, names).hook("shop-orders").rate_limit == Rate(50, 1.0)


def test_every_option_is_in_the_schema_and_on_the_page():
    page = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
    names = [name for name, _ in every_option()]
    assert len(names) > 40
    assert [name for name in names if f"`{name}`" not in page] == []
    assert set(settings_schema()["properties"]) >= {name.split(".")[0] for name in names}


@given(text=st.text(max_size=60))
def test_whatever_stands_in_the_file_settings_or_findings_come_out(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp("any")
    try:
        settings = load(folder, text)
    except Invalid as error:
        assert error.findings
    else:
        assert settings.destinations


def test_a_rule_can_be_made_stricter_and_a_wrong_one_is_told_with_the_one_that_was_meant(tmp_path):
    stricter = load(tmp_path, "rules: {website_without_user_agent: error}\n")
    assert open_meta_spec(stricter).rules["website_without_user_agent"].severity == "error"
    assert open_meta_spec(load(tmp_path, "")).rules["website_without_user_agent"].severity == "warning"

    with pytest.raises(WrongUse) as caught:
        open_meta_spec(load(tmp_path, "rules: {website_without_user_agnt: error}\n"))
    assert "website_without_user_agent" in caught.value.fix
    assert mistakes(tmp_path, "rules: {website_without_user_agent: loud}\n") == [(1, 37, "wrong_type", None)]


def test_a_variable_that_looks_like_a_setting_and_is_none_is_doubted(tmp_path):
    [doubt] = load(tmp_path, environment={"CAPI_BRIDGE_ADMIN_TOKN": "x", "PATH": "y"}).warnings
    assert (doubt.code, doubt.suggestion) == ("unknown_variable", "CAPI_BRIDGE_ADMIN_TOKEN")


def test_a_dollar_sign_in_an_env_file_stands_for_itself(tmp_path):
    file = tmp_path / ".env"
    file.write_text("LEAD_SECRET='a-$token'\nOTHER=${LEAD_SECRET}-x\n")
    assert read_env_file(file) == {"LEAD_SECRET": "a-$token", "OTHER": "${LEAD_SECRET}-x"}
