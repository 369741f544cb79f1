"""npm packages that tests need: what a lock file says, installed once, outside the repository."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

CACHE = Path.home() / ".cache" / "capi-bridge" / "npm"


def node() -> str:
    """Return the program; fail when this machine has none."""
    missing = [program for program in ("node", "npm") if shutil.which(program) is None]
    assert not missing, f"this test needs {' and '.join(missing)}: install Node.js 20 or newer"
    return str(shutil.which("node"))


def installed(folder: Path) -> Path:
    """Return the `node_modules` of a folder's package-lock.json; several test processes take turns."""
    node()
    lock = (folder / "package-lock.json").read_bytes()
    home = CACHE / f"{folder.name}-{hashlib.sha256(lock).hexdigest()[:12]}"
    home.mkdir(parents=True, exist_ok=True)
    with (home / "installing.lock").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        if not (home / "is-complete").is_file():
            _install(folder, home)
    return home / "node_modules"


def _install(folder: Path, home: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(folder / name, home / name)
    install = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    ran = subprocess.run(install, check=False, cwd=home, capture_output=True, text=True)
    assert ran.returncode == 0, f"npm ci failed; is the registry reachable? {ran.stderr[-500:]}"
    (home / "is-complete").touch()


def run_script(
    script: Path, modules: Path | None = None, *arguments: str, standard_input: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a script that finds its packages in these `node_modules`; the rest is its environment."""
    passed_on = {name: os.environ[name] for name in ("PATH", "HOME")}
    return subprocess.run(
        [node(), str(script), *arguments],
        env={**passed_on, "NODE_PATH": str(modules or ""), **environment},
        input=standard_input,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
