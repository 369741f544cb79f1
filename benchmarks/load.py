"""Puts load on a server with wrk, every webhook different."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks import purchase

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Answered:
    """What wrk saw in one window."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    bad: int
    broken: int

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds

    def plus(self, other: Answered) -> Answered:
        """Return what two at the same time saw; of the times, the longer ones."""
        return Answered(
            self.requests + other.requests,
            max(self.seconds, other.seconds),
            max(self.p50_ms, other.p50_ms),
            max(self.p99_ms, other.p99_ms),
            self.bad + other.bad,
            self.broken + other.broken,
        )


def is_there() -> bool:
    """Return whether wrk can be used; install it from Debian if possible."""
    if shutil.which("wrk"):
        return True
    if os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "install", "-y", "-qq", "wrk"], check=False, capture_output=True)
    if shutil.which("wrk"):
        return True
    print("  skipped: wrk is not installed (Debian, Ubuntu: apt-get install wrk)")
    return False


def write_bodies(file: Path, count: int, *, first: int = 1, signed: bool = False) -> Path:
    """Write `count` orders that all differ, one per line."""
    with file.open("wb") as lines:
        for number in range(first, first + count):
            body = purchase.numbered(number)
            if signed:
                lines.write(
                    hmac.new(purchase.SECRET.encode(), body, hashlib.sha256).hexdigest().encode() + b"\t"
                )
            lines.write(body + b"\n")
    return file


def wrk(url: str, bodies: Path, *, connections: int, seconds: int) -> Answered:
    """Run wrk for a while, with as many threads as connections allow, two at most."""
    threads = min(2, connections)
    command = ["wrk", "-t", str(threads), "-c", str(connections), "-d", f"{seconds}s", "--timeout", "10s"]
    ran = subprocess.run(
        [*command, "-s", str(HERE / "post.lua"), url],
        env={**os.environ, "BENCH_BODIES": str(bodies), "BENCH_THREADS": str(threads)},
        capture_output=True,
        text=True,
        check=True,
    )
    line = next(line for line in ran.stdout.splitlines() if line.startswith("RESULT "))
    return Answered(**json.loads(line.removeprefix("RESULT ")))
