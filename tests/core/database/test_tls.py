"""`?ssl_ca=` encrypts the connection and trusts only that authority, on both servers."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from tests.applications import application
from tests.core.database.conftest import scalar
from tests.services.server import Server

IS_ENCRYPTED = {
    "MariaDB": "SELECT variable_value <> '' FROM information_schema.session_status WHERE variable_name = 'Ssl_cipher'",
    "PostgreSQL": "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
}


def make_certificates(folder: Path) -> None:
    """Make an authority, `ca.pem`, and a certificate of it for 127.0.0.1; and a stranger's authority."""
    for name in ("ca", "stranger"):
        _openssl(
            folder, f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name} -keyout {name}.key -out {name}.pem"
        )
    (folder / "names").write_text("subjectAltName = IP:127.0.0.1\n")
    _openssl(folder, "req -newkey rsa:2048 -nodes -subj /CN=database -keyout server.key -out server.csr")
    _openssl(
        folder,
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem",
    )


def _openssl(folder: Path, arguments: str) -> None:
    subprocess.run(["openssl", *arguments.split()], cwd=folder, check=True, capture_output=True)


def use_certificate(server: Server, certificates: Path) -> None:
    """Let a server present the certificate; its folder belongs to the account that it runs as."""
    assert server.process is not None
    given = [str(word) for word in server.process.args]  # type: ignore[union-attr]
    option = next(word for word in given if "server.cnf" in word or word.endswith("/data"))
    folder = Path(option.removeprefix("--defaults-file=").removesuffix("/server.cnf"))
    owner = folder.stat()
    for name in ("server.key", "server.pem"):
        copy = Path(shutil.copy(certificates / name, folder / name))
        os.chown(copy, owner.st_uid, owner.st_gid)
        copy.chmod(0o600)
    if server.tier == "MariaDB":
        with (folder / "server.cnf").open("a") as settings:
            settings.write(f"ssl_cert = {folder}/server.pem\nssl_key = {folder}/server.key\n")
        server.restart()
    else:
        server.execute("ALTER SYSTEM SET ssl_cert_file = 'server.pem'")
        server.execute("ALTER SYSTEM SET ssl_key_file = 'server.key'")
        server.execute("ALTER SYSTEM SET ssl = on")
        server.restart()


@pytest.mark.parametrize("tier", ["MariaDB", "PostgreSQL"])
def test_ssl_ca_encrypts_and_trusts_nobody_else(own_server: Callable[[str], Server], tier: str, tmp_path: Path) -> None:
    make_certificates(tmp_path)
    server = own_server(tier)
    use_certificate(server, tmp_path)
    url = server.create_database("staff")
    with application(f"{url}?ssl_ca={tmp_path}/ca.pem") as app, app.app_context():
        assert scalar(IS_ENCRYPTED[tier])
    for wrong in (
        f"{url}?ssl_ca={tmp_path}/stranger.pem",
        f"{url.replace('127.0.0.1', 'localhost')}?ssl_ca={tmp_path}/ca.pem",
    ):
        with application(wrong) as app, app.app_context(), pytest.raises(OperationalError, match=r"(?i)certificate"):
            scalar("SELECT 1")
