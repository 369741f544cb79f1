"""Part `imports`: rows a second of `capi-bridge import`, from a CSV file into a new SQLite store.

Each row is the sale of a shop with seven fields of a person; all of them are mapped, cleaned, hashed, checked
and stored as webhooks are. The start of the command is part of it.
"""

from __future__ import annotations

import csv
import os
import subprocess
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from benchmarks import purchase, servers
from benchmarks.figures import Figure, figure
from benchmarks.intake import check_nothing_is_lost
from benchmarks.rounds import in_rounds

PART = "imports"
ROUNDS = 5
ROWS = 20_000
COLUMNS = ("order", "sold_at", "total", "email", "phone", "first", "last", "city", "zip", "country")
MAPPING = """version: 1
description: Sales of a shop, for the benchmark
send_to: main
receive: {sent_by: server, on_problem: hold}
event_name: Purchase
action_source: physical_store
event_id: sale-{order}
event_time: sold_at
user_data:
  {email: email, phone: phone, first_name: first, last_name: last, city: city, zip: zip, country: country}
custom_data: {value: total, order_id: order}
defaults: {currency: EUR}
"""


def measure(*, rounds: int = ROUNDS) -> list[Figure]:
    """Return rows per second."""
    series = in_rounds({"import": import_once}, rounds)["import"]
    return [figure(PART, "import of a CSV", "rows/s", series, f"{ROWS:,} rows, the start included")]


def import_once(rows: int = ROWS) -> float:
    """Import a file into a new store; return rows per second."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        servers.prepare(folder, "http://127.0.0.1:9")
        (folder / "mappings" / "sales.yaml").write_text(MAPPING)
        write_sales(folder / "sales.csv", rows)
        command = [str(servers.BIN / "capi-bridge"), "import", "sales.csv", "--mapping", "sales"]
        environment = {**os.environ, "BENCH_SECRET": purchase.SECRET}
        started = time.perf_counter()
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
        spent = time.perf_counter() - started
        check_nothing_is_lost(folder / "bridge.db", rows)
    return rows / spent


def write_sales(file: Path, rows: int) -> None:
    """Write a file of sales, each of another person."""
    with file.open("w", newline="") as stream:
        sales = csv.writer(stream)
        sales.writerow(COLUMNS)
        sales.writerows(_sale(number) for number in range(1, rows + 1))


def _sale(number: int) -> tuple[object, ...]:
    sold_at = (purchase.NOW - timedelta(hours=1, seconds=number % 3600)).isoformat()
    person = (f"jane{number}@example.com", f"+1416555{number % 10_000:04d}", "Jane", f"Doe{number}")
    return (number, sold_at, f"{number % 500}.95", *person, "New York", f"{10_000 + number % 80_000}", "US")
