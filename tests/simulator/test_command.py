"""The command: what it rejects before it listens, and that it serves until it is stopped."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import urllib3
from click.testing import CliRunner

from bridge.cli.simulator import simulator
from bridge.errors import CannotOpen, WrongUse
from bridge.simulator import Simulator

COMMAND = Path(sys.executable).parent / "capi-bridge"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--bind", "nowhere"], "--bind: 'nowhere' is not an address", id="no port"),
        pytest.param(["--bind", "host:port"], "--bind: 'host:port' is not an address", id="port is a word"),
        pytest.param(["--dataset", "shop=token"], "--dataset: this is not ID=TOKEN", id="dataset is a word"),
        pytest.param(["--dataset", "123"], "--dataset: this is not ID=TOKEN", id="no token"),
        pytest.param(["--faults", "boom"], "faults: 'boom' is not a valid step", id="senseless faults"),
    ],
)
def test_wrong_use_is_a_sentence(arguments, message):
    result = CliRunner().invoke(simulator, arguments)
    assert isinstance(result.exception, WrongUse)
    assert result.exception.message == message


def test_a_taken_port_cannot_be_opened():
    with Simulator() as running:
        result = CliRunner().invoke(simulator, ["--bind", running.url.removeprefix("http://")])
    assert isinstance(result.exception, CannotOpen)


@pytest.mark.process
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_it_tells_where_it_listens_serves_and_ends_when_told(number):
    process = subprocess.Popen(
        [COMMAND, "simulator", "--bind", "127.0.0.1:0", "--faults", "500*2"],
        stderr=subprocess.PIPE,
        text=True,
    )
    guard = threading.Timer(30, process.kill)
    guard.start()
    try:
        line = process.stderr.readline()
        url = next(word for word in line.split() if word.startswith("http://"))
        answer = urllib3.request("GET", url + "/faults", retries=False, timeout=10)
        process.send_signal(number)
        assert process.wait() == 0
    finally:
        guard.cancel()
        process.kill()
        process.stderr.close()
    assert answer.json() == {"faults": ["500*2"]}
