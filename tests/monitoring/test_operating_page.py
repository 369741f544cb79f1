"""What the pages about operating promise is there: metrics, commands, settings, the unit, the example."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from bridge.cli import commands
from bridge.settings import load_settings
from bridge.settings.options import every_option
from tests.web.conftest import start

__all__ = ["start"]

TOP = Path(__file__).parents[2]
PAGE = (TOP / "docs" / "operating.md").read_text()


def test_every_metric_is_on_the_page_and_no_other(start):
    web = start()
    web.post("/hooks/lead", {"id": 1, "mail": "jane@example.com"})
    metrics = web.context.metrics
    metrics.call("main", "delivered", 0.1)
    metrics.delivered("main", test=False, seconds_since_webhook=[0.5])
    metrics.refused("main", 100, None, 1)
    exposed = set(re.findall(r"^# TYPE (\w+)", web.client.get("/metrics").text, re.MULTILINE))
    documented = set(re.findall(r"`(bridge_\w+)`", PAGE))
    # a destination must be paused for this one, and these two say when a counter began
    assert documented - exposed == {"bridge_paused"}
    assert {name for name in exposed - documented if not name.endswith("_created")} == set()


@pytest.mark.parametrize("line", re.findall(r"^capi-bridge ([^\n#]+)", PAGE, re.MULTILINE))
def test_every_command_on_the_page_can_be_given(line):
    words = [word for word in line.split() if not word.startswith(("-", ">"))]
    command, path = commands, []
    for word in words:
        found = command.get_command(None, word) if hasattr(command, "get_command") else None
        if found is None:
            break
        command = found
        path.append(word)
    assert path
    known = CliRunner().invoke(commands, [*path, "--help"]).output
    for option in re.findall(r"--[a-z-]+", line):
        assert option in known, (option, path)


def test_every_setting_on_the_page_exists():
    names = {name for name, _ in every_option()}
    named = set(re.findall(r"`((?:limits|alerts|keys|delivery|retention)\.[a-z_]+)`", PAGE))
    assert named <= names


@pytest.mark.parametrize("example", re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
def test_every_example_of_settings_loads(tmp_path, example):
    (tmp_path / "bridge.yaml").write_text(example.replace("…", "x"))
    assert load_settings(None, {}, folder=tmp_path)


def test_the_unit_starts_the_bridge_and_gives_it_time_to_stop():
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read(TOP / "deploy" / "capi-bridge.service")
    service = unit["Service"]
    assert service["ExecStart"].split()[1] == "serve"
    assert int(service["TimeoutStopSec"]) > 60
    assert service["KillMode"] == "mixed"
