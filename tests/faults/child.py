"""A bridge in a process of its own that dies, or is starved, where it is told to. Run by the tests beside it.

    child.py kill URL GRAPH_URL POINT NTH NUMBER   store, deliver; SIGKILL at the NTH failpoint of POINT
    child.py work URL GRAPH_URL                    deliver until told to stop
    child.py store URL NUMBER [LIMIT]              store; no file may grow beyond LIMIT bytes
    child.py powerless URL NUMBER                  store, without the rights of the superuser
    child.py door URL FIRST NUMBER                 store, trying again for as long as it is refused

Every line of output is the key of a webhook whose storing was acknowledged.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bridge.crypto import Cipher
from bridge.delivery.http_client import http_sender
from bridge.delivery.signals import asked_to_stop
from bridge.delivery.worker import Worker, delivery_context
from bridge.errors import CannotStore
from bridge.outbox import NewEvent, NewWebhook, Outbox, open_outbox
from bridge.settings import DeliverySettings, Destination, Settings

DATASET = "1234567890123456"
LEASE = timedelta(seconds=2)


def webhook(number: int) -> NewWebhook:
    """Make the same webhook for the same number, as a sender that tries again does."""
    now = datetime.now(UTC)
    event_time = int(now.timestamp()) - 60
    body = {
        "event_name": "Purchase",
        "event_time": event_time,
        "event_id": f"order-{number}",
        "action_source": "system_generated",
        "user_data": {"em": [hashlib.sha256(str(number).encode()).hexdigest()]},
        "custom_data": {"value": 1, "currency": "EUR"},
    }
    event = NewEvent(
        status="waiting",
        destination="main",
        dataset_id=DATASET,
        event_name="Purchase",
        event_id=f"order-{number}",
        event_time=event_time,
        body=json.dumps(body).encode(),
        accepted_until=event_time + 7 * 86_400,
    )
    return NewWebhook("shop", "r", str(number).encode(), 3600, now, None, "request", (event,))


def open_it(url: str, failpoint=lambda _point: None) -> Outbox:
    return open_outbox(url, cipher=Cipher(["a key for the tests only"]), failpoint=failpoint, busy_seconds=2)


def worker_on(outbox: Outbox, graph_url: str, failpoint=lambda _point: None, **others) -> Worker:
    settings = Settings(
        database_url="",
        graph_url=graph_url,
        mappings=(),
        destinations={"main": Destination("main", DATASET, "token")},
        demo=False,
        folder=Path(),
        secret_key_file=Path("key"),
        delivery=DeliverySettings(batch_size=20, timeout=timedelta(seconds=1), lease=LEASE),
    )
    send = http_sender(timedelta(seconds=1), 4)
    return Worker(delivery_context(outbox, settings, send=send, failpoint=failpoint, **others))


def store(outbox: Outbox, first: int, number: int) -> None:
    for key in range(first, first + number):
        outbox.add(webhook(key))
        print(key, flush=True)


def kill(url: str, graph_url: str, point: str, nth: str, number: str) -> None:
    passed = [0]

    def failpoint(name: str) -> None:
        passed[0] += name == point
        if passed[0] == int(nth):
            os.kill(os.getpid(), signal.SIGKILL)

    outbox = open_it(url, failpoint)
    store(outbox, 0, int(number))
    worker_on(outbox, graph_url, failpoint).run_once()


def work(url: str, graph_url: str) -> None:
    stop = asked_to_stop()
    print("ready", flush=True)
    worker_on(open_it(url), graph_url).run_forever(stop)


def starved(url: str, number: str, limit: str) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
    try_to_store(open_it(url), number)


def powerless(url: str, number: str) -> None:
    outbox = open_it(url)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65_534)
        os.setuid(65_534)
    try:
        outbox.counts()
        store(outbox, 0, 1)
    except CannotStore as refusal:
        print(f"refused: {refusal.message}", flush=True)
    sys.stdin.readline()
    store(outbox, 0, int(number))


def door(url: str, first: str, number: str) -> None:
    outbox = open_it(url)
    for key in range(int(first), int(first) + int(number)):
        while True:
            try:
                outbox.add(webhook(key))
            except CannotStore:
                time.sleep(0.05)
            else:
                print(key, flush=True)
                break


def try_to_store(outbox: Outbox, number: str) -> None:
    try:
        store(outbox, 0, int(number))
    except CannotStore as refusal:
        print(f"refused: {refusal.message}", file=sys.stderr)
        sys.exit(75)


if __name__ == "__main__":
    commands = {"kill": kill, "work": work, "store": starved, "powerless": powerless, "door": door}
    commands[sys.argv[1]](*sys.argv[2:])
