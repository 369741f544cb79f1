"""Part `loading`: 500 mappings loaded, one of them changed, and the memory they take in a server.

The mappings are the shipped ones under other names. Times are CPU time of the loading thread.
"""

from __future__ import annotations

import itertools
import re
import shutil
import tempfile
import time
from functools import partial
from pathlib import Path

from benchmarks import servers
from benchmarks.figures import Figure, figure
from benchmarks.rounds import Series, in_rounds
from bridge.lint.check import load_checked
from bridge.mapping import MappingFolder
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.meta_spec.shipped_files import shipped

PART = "loading"
MAPPINGS = 500
ROUNDS = 3


def measure(*, rounds: int = ROUNDS, mappings: int = MAPPINGS) -> list[Figure]:
    """Return how long loading takes, and what the loaded mappings weigh."""
    with tempfile.TemporaryDirectory() as folder:
        written = write_mappings(Path(folder) / "mappings", mappings)
        series = in_rounds({"load": partial(_seconds_to_load, written)}, rounds)
        changed = _milliseconds_to_reload(written, rounds * 5)
        return [
            figure(PART, "loading 500 mappings", "s", series["load"]),
            figure(PART, "one changed mapping of 500", "ms", changed),
            *_memory(Path(folder), written, rounds),
        ]


def write_mappings(folder: Path, number: int) -> Path:
    """Write so many mappings into a folder: the shipped ones, as often as it takes."""
    folder.mkdir()
    (folder / "samples").symlink_to(shipped("mappings") / "samples")
    sources = sorted(shipped("mappings").glob("*.yaml"))
    for place, source in zip(range(number), itertools.cycle(sources), strict=False):
        shutil.copyfile(source, folder / f"{source.stem}-{place}.yaml")
    return folder


def _loaded(folder: Path) -> MappingFolder:
    return MappingFolder(
        [folder],
        environment={},
        spec=load_meta_spec(),
        secrets="optional",
        look_every_seconds=1e9,
        load=load_checked,
    )


def _seconds_to_load(folder: Path) -> float:
    started = time.thread_time()
    loaded = _loaded(folder)
    spent = time.thread_time() - started
    if problems := loaded.problems():
        raise RuntimeError(f"{len(problems)} mappings have errors: {next(iter(problems))}")
    return spent


def _milliseconds_to_reload(folder: Path, times: int) -> Series:
    """Change one mapping after the other, and let the folder look at all of them."""
    loaded, spent = _loaded(folder), []
    for file in sorted(folder.glob("*.yaml"))[:times]:
        before = loaded.get(file.stem).revision
        with file.open("a", encoding="utf-8") as open_file:
            open_file.write("# changed\n")
        started = time.thread_time()
        loaded.refresh()
        spent.append((time.thread_time() - started) * 1e3)
        if loaded.get(file.stem).revision == before:
            raise RuntimeError(f"{file.name} was not loaded again")
    return Series(tuple(spent))


def _memory(folder: Path, mappings: Path, rounds: int) -> list[Figure]:
    numbers = itertools.count()

    def of_a_server(sources: Path | None) -> float:
        inside = folder / f"memory-{next(numbers)}"
        (inside / "mappings").mkdir(parents=True)
        if sources is not None:
            shutil.copytree(sources, inside / "mappings", symlinks=True, dirs_exist_ok=True)
        secrets, settings = _secrets(inside / "mappings"), _sources(inside / "mappings")
        with servers.bridge(inside, "--workers", "2", environment=secrets, more=settings) as server:
            _check_that_all_are_active(server)
            return server.memory_mb()

    series = in_rounds({"few": partial(of_a_server, None), "many": partial(of_a_server, mappings)}, rounds)
    more = Series(
        tuple(many - few for many, few in zip(series["many"].values, series["few"].values, strict=True))
    )
    note = "PSS of all processes, against the same server with two mappings"
    return [figure(PART, "memory of 500 mappings, 2 workers", "MB more", more, note)]


def _secrets(mappings: Path) -> dict[str, str]:
    """Return a value for every secret that the mappings name."""
    texts = (file.read_text(encoding="utf-8") for file in mappings.glob("*.yaml"))
    return dict.fromkeys(
        (name for text in texts for name in re.findall(r"\$\{([A-Z0-9_]+)", text)), "00ff00ff"
    )


def _sources(mappings: Path) -> str:
    """Return settings with every source that the mappings fetch from."""
    names = {step.source for mapping in _loaded(mappings).mappings() for step in mapping.fetch}
    entries = [f"  {name}: {{url: 'https://{name}.example'}}\n" for name in sorted(names)]
    return "".join(["sources:\n", *entries]) if entries else ""


def _check_that_all_are_active(server: servers.Running) -> None:
    ready = server.get("/readyz")
    if ready["status"] != "ready":
        raise RuntimeError(f"not all mappings are active: {str(ready)[:500]}")
