"""The inventory of the lab, written as an operator would: hosts, settings, an encrypted vault, pinned host keys."""

from __future__ import annotations

import json
import secrets
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import quote

from tests.deploy.lab.agent import REGISTRY, STORE_PORT, Agent
from tests.deploy.lab.ground import ROOT, run
from tests.deploy.lab.network import AGENT, NETWORK
from tests.deploy.lab.server import Server

VIRTUAL = f"{NETWORK}.20"
URL = f"https://{VIRTUAL}"
READY_SECONDS = 20
"""How long a new version is waited for; it takes a few seconds here, also beside the load."""
BACKUP_COPIES = "/srv/copies"
"""The folder of the server that makes the backup into which each one is copied."""
GROUPS = {
    "app": ("app1", "app2", "app3"),
    "loadbalancer": ("lb1", "lb2"),
    "database": ("data1",),
    "redis": ("data1", "data2"),
    "sentinel": ("data1", "data2", "data3"),
    "monitoring": ("data3",),
}


def _secret() -> str:
    return secrets.token_urlsafe(24)


@dataclass(slots=True)
class Secrets:
    """What only the vault holds; made anew for each lab."""

    database: str = field(default_factory=_secret)
    migration_database: str = field(default_factory=_secret)
    redis: str = field(default_factory=_secret)
    sentinel: str = field(default_factory=_secret)
    secret_key: str = field(default_factory=_secret)
    metrics_token: str = field(default_factory=_secret)
    keepalived: str = field(default_factory=lambda: secrets.token_hex(4))

    def all(self) -> list[str]:
        """Return the words that no image, log or argument may hold."""
        return list(asdict(self).values())


class Inventory:
    """A folder that `INVENTORY` names: hosts, settings, vault, pinned host keys; beside it the vault's password."""

    def __init__(self, folder: Path, servers: dict[str, Server], agent: Agent, certificate: Path, key: Path) -> None:
        self.folder, self.servers, self.agent = folder / "inventory", servers, agent
        self.certificate, self.certificate_key = certificate, key
        self.secrets = Secrets()
        self.password = folder / "vault-password"
        self.key = folder / "deploy-key"
        self.image = f"{REGISTRY}/hr/rollcall"

    def write(self) -> None:
        """Write all of it."""
        variables = self.folder / "group_vars/all"
        variables.mkdir(parents=True)
        self.password.write_text(secrets.token_hex(16))
        self.password.chmod(0o600)
        _write(self.folder / "hosts.yml", self._hosts())
        shutil.copy(ROOT / "ansible/inventories/staging/group_vars/all/main.yml", variables)
        _write(variables / "of_the_lab.yml", self._variables())  # read after main.yml
        _write(variables / "vault.yml", self._vault())
        vault = [ROOT / ".venv/bin/ansible-vault", "encrypt", "--vault-password-file", self.password]
        run([*vault, variables / "vault.yml"])
        pins = "".join(f"{server.host_key}\n" for server in self.servers.values())
        (self.folder / "known_hosts").write_text(pins)

    @property
    def settings(self) -> dict[str, str]:
        """Return what says where to ship to."""
        return {"INVENTORY": str(self.folder), "IMAGE": self.image, "URL": URL, "CA_FILE": str(self.certificate)}

    @property
    def environment(self) -> dict[str, str]:
        """Return the same, and what opens the vault and the servers."""
        keys = {"ANSIBLE_VAULT_PASSWORD_FILE": str(self.password), "ANSIBLE_PRIVATE_KEY_FILE": str(self.key)}
        return {**self.settings, **keys}

    def _hosts(self) -> object:
        hosts = {name: {"ansible_host": server.address} for name, server in self.servers.items()}
        groups = {name: {"hosts": {host: {} for host in members}} for name, members in GROUPS.items()}
        return {"all": {"hosts": hosts, "vars": {"ansible_user": "deploy"}, "children": groups}}

    def _variables(self) -> dict[str, object]:
        """Return where the lab is other than what staging is like."""
        return {
            "rollcall_image": self.image,
            "rollcall_url": URL,
            "rollcall_virtual_address": VIRTUAL,
            "rollcall_insecure_registries": [REGISTRY],
            "rollcall_settings": {"SERVER_TIMING": "1", "DRAIN_SECONDS": "5"},
            "mariadb_buffer_pool": "64M",
            "backup_copy_to": f"{BACKUP_COPIES}/",
            "app_ready_timeout": READY_SECONDS,
        }

    def _vault(self) -> dict[str, object]:
        known, store = self.secrets, quote(f"http://{AGENT}:{STORE_PORT}", safe="")
        return {
            "vault_rollcall_secret_key": known.secret_key,
            "vault_rollcall_metrics_token": known.metrics_token,
            "vault_rollcall_database_password": known.database,
            "vault_rollcall_migration_database_password": known.migration_database,
            "vault_rollcall_redis_password": known.redis,
            "vault_rollcall_sentinel_password": known.sentinel,
            "vault_rollcall_keepalived_password": known.keepalived,
            "vault_rollcall_storage_url": f"s3://key:word@rollcall/lab?endpoint_url={store}&region=us-east-1",
            "vault_rollcall_mail_url": "file:///var/lib/rollcall/mail",
            "vault_rollcall_registry_user": self.agent.user,
            "vault_rollcall_registry_password": self.agent.password,
            "vault_rollcall_certificate": self.certificate.read_text() + self.certificate_key.read_text(),
        }


def _write(path: Path, content: object) -> None:
    """Write a file that Ansible reads; JSON is YAML."""
    path.write_text(json.dumps(content, indent=2) + "\n")
