"""The proxies, the service manager and the shell take what the documentation shows: `make test-deploy`."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

TOP = Path(__file__).parents[2]
NEEDED = {"nginx": "nginx", "caddy": "caddy", "systemd-analyze": "systemd"}


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.fail(
            f"{name} is not installed. On Debian and Ubuntu: apt-get install {NEEDED[name]}", pytrace=False
        )
    return found


def block_of(page: str, language: str) -> str:
    text = (TOP / "docs" / page).read_text("utf-8")
    [block] = re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return str(block)


def ran(*command: str) -> str:
    """Run a command that must succeed; return what it printed."""
    result = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


def write_certificate(folder: Path) -> None:
    """Write a certificate and its key under the names that certbot gives them."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hooks.example.com")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem, private = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "privkey.pem").write_bytes(key.private_bytes(pem, private, serialization.NoEncryption()))


def test_nginx_accepts_the_block_of_the_page(tmp_path):
    write_certificate(tmp_path)
    block = block_of("operating.md", "nginx").replace(
        "/etc/letsencrypt/live/hooks.example.com", str(tmp_path)
    )
    file = tmp_path / "nginx.conf"
    file.write_text(
        f"pid {tmp_path}/nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{block}\n}}\n"
    )
    printed = ran(program("nginx"), "-t", "-p", str(tmp_path), "-c", str(file))
    assert "[warn]" not in printed


def test_caddy_accepts_the_file_of_the_page(tmp_path):
    file = tmp_path / "Caddyfile"
    file.write_text(block_of("operating.md", "caddyfile"))
    ran(program("caddy"), "validate", "--adapter", "caddyfile", "--config", str(file))


def test_nginx_accepts_what_passes_the_companion_on(tmp_path):
    block = block_of("companion.md", "nginx")
    file = tmp_path / "nginx.conf"
    server = f"server {{\nlisten 127.0.0.1:8443;\n{block}\n}}"
    file.write_text(
        f"pid {tmp_path}/nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{server}\n}}\n"
    )
    ran(program("nginx"), "-t", "-p", str(tmp_path), "-c", str(file))


def test_caddy_accepts_what_passes_the_companion_on(tmp_path):
    file = tmp_path / "Caddyfile"
    file.write_text(f"www.example.com {{\n{block_of('companion.md', 'caddyfile')}\n}}\n")
    ran(program("caddy"), "validate", "--adapter", "caddyfile", "--config", str(file))


def test_systemd_accepts_the_unit(tmp_path):
    command = tmp_path / "capi-bridge"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    unit = (TOP / "deploy" / "capi-bridge.service").read_text("utf-8")
    file = tmp_path / "capi-bridge.service"
    file.write_text(unit.replace("/opt/capi-bridge/bin/capi-bridge", str(command)))
    assert ran(program("systemd-analyze"), "verify", "--man=no", str(file)) == ""
