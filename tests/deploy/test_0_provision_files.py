"""What the files that provision servers promise each other, and that no bad setting gets past the look beforehand."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ANSIBLE = ROOT / "ansible"
PROGRAMS = Path(sys.executable).parent
ROLES = ("backup", "docker_host", "haproxy", "keepalived", "mariadb", "packages", "redis", "sentinel")
INVENTORIES = ("staging", "production")
PLAYBOOKS = ("validate", "provision", "site", "deploy", "rollback", "way_back")
SECRET = re.compile(r"vault_rollcall_\w+")

needs_ansible = pytest.mark.skipif(
    not (PROGRAMS / "ansible-playbook").exists(), reason="Ansible is not installed: make deploy-tools"
)


def defaults(role: str) -> dict[str, Any]:
    """Return the defaults of a role."""
    path = ANSIBLE / "roles" / role / "defaults/main.yml"
    return yaml.safe_load(path.read_text()) if path.exists() else {}


def options(role: str) -> dict[str, Any]:
    """Return what a role says that it can be told."""
    specs = yaml.safe_load((ANSIBLE / "roles" / role / "meta/argument_specs.yml").read_text())
    return specs["argument_specs"]["main"]["options"]


def files_of_provisioning() -> list[Path]:
    """Return the playbooks, tasks, templates and inventories."""
    folders = (ANSIBLE / "validate", ANSIBLE / "inventories", *(ANSIBLE / "roles" / role for role in ROLES))
    return [*ANSIBLE.glob("*.yml"), *(path for folder in folders for path in folder.rglob("*") if path.is_file())]


@pytest.mark.parametrize("role", ROLES)
def test_a_role_says_what_it_can_be_told(role: str) -> None:
    told, known = options(role), defaults(role)
    needed = {name for name, option in told.items() if option.get("required")}
    assert told.keys() - needed == known.keys(), f"defaults/main.yml and argument_specs.yml of {role} differ"
    for name, option in told.items():
        assert name.startswith(f"{role}_")
        if "default" in option:
            assert option["default"] == known[name], f"{name} has two defaults"
        elif name in known:
            assert "{{" in str(known[name]), f"the default of {name} belongs into argument_specs.yml"


@pytest.mark.parametrize("role", ROLES)
def test_what_is_secret_is_shown_nowhere(role: str) -> None:
    for name, option in options(role).items():
        if re.search(r"password|certificate|_environment$", name):
            assert option.get("no_log"), f"{name} needs no_log in argument_specs.yml"


def test_the_two_inventories_differ_in_names_only() -> None:
    staging, production = (
        {path.relative_to(ANSIBLE / "inventories" / name): path.read_text() for path in _files_of(name)}
        for name in INVENTORIES
    )
    assert staging.keys() == production.keys()
    for path, text in staging.items():
        same = text.replace("Staging", "Production").replace("rollcall.staging.example.com", "rollcall.example.com")
        assert same == production[path], f"{path}: what holds for both has to stand in both"


def _files_of(inventory: str) -> list[Path]:
    return [p for p in (ANSIBLE / "inventories" / inventory).rglob("*") if p.is_file() and p.name != "vault.yml"]


def test_the_example_of_a_vault_names_each_secret_and_no_other() -> None:
    used = {
        name
        for path in files_of_provisioning()
        if path.suffix != ".example"
        for name in SECRET.findall(path.read_text())
    }
    example = (ANSIBLE / "inventories/staging/group_vars/all/vault.yml.example").read_text()
    assert set(re.findall(rf"^({SECRET.pattern}):", example, flags=re.M)) == used


def test_the_guide_tells_of_each_secret_how_it_is_renewed() -> None:
    guide = (ROOT / "docs/cluster.md").read_text()
    example = (ANSIBLE / "inventories/staging/group_vars/all/vault.yml.example").read_text()
    told = {name for row in re.findall(r"^\| (.*?) \|", guide, flags=re.M) for name in SECRET.findall(row)}
    assert set(SECRET.findall(example)) - told <= {"vault_rollcall_registry_user"}


def test_the_repository_holds_no_vault_and_no_host_key() -> None:
    listed = subprocess.run(["git", "ls-files", "ansible"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "vault.yml\n" not in listed.stdout
    for inventory in INVENTORIES:
        lines = (ANSIBLE / "inventories" / inventory / "known_hosts").read_text().splitlines()
        assert all(line.startswith("#") for line in lines)


def test_accounts_are_looked_at_for_the_rights_that_the_script_gives() -> None:
    script = (ROOT / "scripts/bootstrap-mariadb.sql").read_text()
    look = (ANSIBLE / "roles/mariadb/templates/look.sql.j2").read_text()
    given = [
        ",".join(sorted(right.strip() for right in re.sub(r"',\s*'", "", rights).split(",")))
        for rights in re.findall(r"CONCAT\('GRANT (.*?) ON '", script, flags=re.S)
    ]
    assert len(given) == 2
    assert re.findall(r"= '(\w[A-Z, ]+)'$", look, flags=re.M) == given


def test_the_check_of_a_galera_node_says_what_its_comment_says() -> None:
    template = (ANSIBLE / "roles/haproxy/templates/haproxy.cfg.j2").read_text()
    sent = [bytes.fromhex(text) for text in re.findall(r"send-binary (\w+)", template)]
    expected = [bytes.fromhex(text) for text in re.findall(r"expect binary (\w+)", template)]
    for packet in sent:
        assert int.from_bytes(packet[:3], "little") == len(packet) - 4, "MariaDB would wait for the rest of it"
    assert b"\0haproxy_check\0" in sent[0]
    assert "'haproxy_check'@" in (ANSIBLE / "roles/mariadb/templates/rest.sql.j2").read_text()
    assert sent[1].endswith(b"SHOW STATUS LIKE 'wsrep_ready'")
    assert sent[2].endswith(b"SHOW STATUS LIKE 'wsrep_local_state_comment'")
    assert expected[2:] == [b"\x0bwsrep_ready\x02ON", b"\x19wsrep_local_state_comment\x06Synced"]


def test_a_request_is_repeated_only_where_nothing_of_it_was_sent() -> None:
    template = (ANSIBLE / "roles/haproxy/templates/haproxy.cfg.j2").read_text()
    assert re.findall(r"^ *retry-on (.*)$", template, flags=re.M) == ["conn-failure"]


def test_services_are_run_by_the_module_that_knows_each_init_system() -> None:
    for path in files_of_provisioning():
        for line in path.read_text().splitlines():
            word = re.search(r"ansible\.builtin\.(systemd|sysvinit)\w*:|\bsystemctl\b", line)
            assert not word or (path.name == "main.yml" and path.parent.name == "handlers"), f"{path}: {line}"


@pytest.mark.parametrize(
    "script",
    [path for path in (ANSIBLE / "roles").glob("*/files/*") if path.suffix in {"", ".default"}],
    ids=lambda p: p.name,
)
def test_a_shell_file_can_be_read_by_the_shell(script: Path) -> None:
    subprocess.run(["sh", "-n", script], check=True)


# With Ansible itself


def written_inventory(folder: Path, **changes: str) -> Path:
    """Return a copy of the staging inventory with good secrets; `changes` are further variables."""
    inventory = folder / "inventory"
    shutil.copytree(ANSIBLE / "inventories/staging", inventory, ignore=shutil.ignore_patterns("vault.yml"))
    example = yaml.safe_load((inventory / "group_vars/all/vault.yml.example").read_text())
    vault = {name: secrets.token_hex(24) for name in example}
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90"]
    made += ["-subj", "/CN=rollcall.staging.example.com", "-keyout", "-", "-out", "-"]
    vault["vault_rollcall_certificate"] = subprocess.run(made, capture_output=True, text=True, check=True).stdout
    vault["vault_rollcall_keepalived_password"] = secrets.token_hex(4)
    vault["vault_rollcall_storage_url"] = "s3://bucket/prefix"
    vault["vault_rollcall_mail_url"] = "smtp://user:word@mail.example.com:587"
    key = subprocess.run(
        ["openssl", "genpkey", "-algorithm", "ed25519"], capture_output=True, text=True, check=True
    ).stdout
    pem = vault["vault_rollcall_certificate"]
    (inventory / "group_vars/other.pem").write_text(pem[pem.index("-----BEGIN CERTIFICATE") :] + key)
    (inventory / "group_vars/all/vault.yml").write_text(yaml.safe_dump(vault))
    (inventory / "group_vars/all/zz.yml").write_text(yaml.safe_dump(changes))
    return inventory


def play(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run ansible-playbook as scripts/deploy does, with an encrypted vault."""
    word = folder / "word"
    word.write_text(secrets.token_hex())
    environment = {
        **os.environ,
        "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
        "ANSIBLE_CONFIG": str(ANSIBLE / "ansible.cfg"),
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_VAULT_PASSWORD_FILE": str(word),
        "ANSIBLE_NOCOLOR": "1",
        "LC_ALL": "C.UTF-8",
    }
    vault = folder / "inventory/group_vars/all/vault.yml"
    subprocess.run(["ansible-vault", "encrypt", vault], env=environment, check=True, capture_output=True)
    return subprocess.run(
        ["ansible-playbook", "--inventory", folder / "inventory", *arguments],
        cwd=ANSIBLE,
        env=environment,
        capture_output=True,
        text=True,
    )


@needs_ansible
def test_all_playbooks_can_be_read_with_an_inventory(tmp_path: Path) -> None:
    written_inventory(tmp_path)
    done = play(tmp_path, "--syntax-check", *(f"{name}.yml" for name in PLAYBOOKS))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "parse" not in done.stderr, "the pinned host keys were taken for an inventory"


BAD = {
    "no https": ({"rollcall_url": "http://rollcall.example.com"}, "Browsers keep the sign-in cookie over https only"),
    "a tag in the image": ({"rollcall_image": "r.example.com/hr/rollcall:1"}, "the tag comes from TAG"),
    "one account for both": (
        {"rollcall_migration_database_url": "{{ rollcall_database_url }}"},
        "are the same account",
    ),
    "no database": ({"rollcall_database_url": "sqlite:///x"}, "no address of a MariaDB, MySQL or PostgreSQL"),
    "a placeholder": (
        {"vault_rollcall_redis_password": "replace-me-replace-me"},
        "vault_rollcall_redis_password is missing",
    ),
    "two secrets the same": ({"rollcall_secret_key": "k" * 48, "rollcall_metrics_token": "k" * 48}, "are the same"),
    "a password with @": ({"vault_rollcall_sentinel_password": "a@" * 20}, "take letters, digits"),
    "a long word for VRRP": ({"vault_rollcall_keepalived_password": "a" * 9}, "VRRP cuts longer ones off"),
    "no key": (
        {"vault_rollcall_certificate": "-----BEGIN CERTIFICATE-----"},
        "lacks the certificate or the private key",
    ),
    "another key": (
        {"vault_rollcall_certificate": "{{ lookup('file', inventory_dir ~ '/group_vars/other.pem') }}"},
        "is not that of",
    ),
    "two balancers without an address": ({"rollcall_virtual_address": ""}, "no rollcall_virtual_address"),
    "somebody's address": ({"rollcall_virtual_address": "192.0.2.11"}, "that no server of the inventory has"),
    "a cluster of one": ({"mariadb_galera": "true"}, "There are 1 database servers"),
    "files that no other server finds": ({"rollcall_storage_url": ""}, "would keep files of its own"),
}


@needs_ansible
@pytest.mark.slow
@pytest.mark.parametrize("name", BAD)
def test_a_bad_setting_stops_before_any_server_is_asked(tmp_path: Path, name: str) -> None:
    changes, said = BAD[name]
    inventory = written_inventory(tmp_path, **changes)
    done = play(tmp_path, "validate.yml")
    assert done.returncode == 2, done.stdout + done.stderr
    assert said in " ".join(done.stdout.split()), done.stdout
    assert "unreachable=1" not in done.stdout
    words = re.findall(r": (\w{40,})$", inventory.joinpath("group_vars/all/zz.yml").read_text(), flags=re.M)
    assert not [word for word in words if word in done.stdout], "a secret was shown"
