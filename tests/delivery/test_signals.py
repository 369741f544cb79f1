"""A process is asked to stop by a signal, and ends by itself when nobody asks."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

START = (
    "from bridge.delivery.signals import asked_to_stop\nstop = asked_to_stop()\nprint('ready', flush=True)\n"
)


def test_a_process_that_is_done_ends_although_nobody_asked_it_to():
    ran = subprocess.run([sys.executable, "-c", START], capture_output=True, timeout=60, check=True)
    assert ran.stdout == b"ready\n"


RELOAD = """\
import sys
from bridge.delivery.signals import Asked
asked = Asked(lambda: "gone" in sys.argv)
print("ready", flush=True)
asked.event.wait(60)
print(asked.to_stop)
"""


@pytest.mark.parametrize(
    ("arguments", "number", "ends"),
    [
        pytest.param([], signal.SIGHUP, b"False\n", id="a hangup asks for a reload"),
        pytest.param(["gone"], signal.SIGHUP, b"True\n", id="unless the terminal is gone"),
        pytest.param([], signal.SIGTERM, b"True\n", id="a stop ends it"),
    ],
)
def test_a_worker_tells_a_reload_from_a_stop(arguments, number, ends):
    """Under nohup too, where SIGHUP is ignored at first."""
    command = ["nohup", sys.executable, "-c", RELOAD, *arguments]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        assert process.stdout.read() == ends


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT], ids=lambda one: one.name)
def test_each_signal_that_asks_for_an_end_is_seen(number):
    waiting = [sys.executable, "-c", START + "print(stop.wait(60))"]
    with subprocess.Popen(waiting, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        assert process.stdout.read() == b"True\n"
    assert process.returncode == 0
