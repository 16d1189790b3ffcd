"""What compose.yaml and what lies on top of it promise, read as what they are: YAML."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

import config

ROOT = Path(__file__).parents[2]
OVERLAY = "deploy/compose/postgresql.yaml"
SECRETS = "./deploy/compose/secrets/"
OF_APPLICATION = ("app", "worker", "migrate")
Service = dict[str, Any]


def read(name: str) -> dict[str, Any]:
    """Return a Compose file."""
    found: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())
    return found


COMPOSE = read("compose.yaml")
SERVICES: dict[str, Service] = COMPOSE["services"]
EACH = pytest.mark.parametrize("name", SERVICES)


def settings(name: str) -> dict[str, str]:
    """Return what a service's environment is set to."""
    return dict(SERVICES[name].get("environment", {}))


@EACH
def test_every_container_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    # The image of the application has its own account, and that of the store none.
    assert name in OF_APPLICATION or re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"]) or name == "storage"


@EACH
def test_every_service_is_looked_after(name: str) -> None:
    service = SERVICES[name]
    if name == "migrate":
        assert service["restart"] == "no"
        assert service["healthcheck"] == {"disable": True}
    else:
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


@pytest.mark.parametrize(
    "image", [*(s["image"] for s in SERVICES.values()), read(OVERLAY)["services"]["database"]["image"]]
)
def test_no_image_is_whatever_is_latest(image: str) -> None:
    default = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", image)
    name, _, tag = default.partition(":")
    assert name
    assert tag not in ("", "latest"), f"{image} names no version"


@pytest.mark.parametrize(
    ("name", "waits_for"),
    [
        ("nginx", {"app": "service_healthy"}),
        ("migrate", {"database": "service_healthy"}),
        *(
            (
                name,
                {"migrate": "service_completed_successfully"} | dict.fromkeys(("database", "redis"), "service_healthy"),
            )
            for name in ("app", "worker")
        ),
    ],
)
def test_who_waits_for_whom(name: str, waits_for: dict[str, str]) -> None:
    assert {other: wait["condition"] for other, wait in SERVICES[name]["depends_on"].items()} == waits_for


@EACH
def test_nothing_secret_stands_in_the_file(name: str) -> None:
    secret = {setting.name for setting in config.SETTINGS if setting.secret}
    for variable, value in settings(name).items():
        assert variable not in secret, f"{variable} belongs into a file: {variable}_FILE"
        if variable.endswith("_FILE"):
            given = value.removeprefix("/run/secrets/")
            assert given in SERVICES[name]["secrets"], f"{name} reads {value}, which it is not given"
        else:
            assert not re.search("PASSWORD|TOKEN|SECRET_KEY", variable)


@pytest.mark.parametrize("file", ["compose.yaml", OVERLAY])
def test_each_secret_is_a_file_that_make_up_makes(file: str) -> None:
    made = set(re.findall(r"secret ([a-z_]+)", script := (ROOT / "scripts/compose").read_text()))
    for names in re.findall(r"for name in ([a-z_ ]+); do", script):
        made |= set(names.split())
    for name, source in read(file)["secrets"].items():
        assert source["file"].startswith(SECRETS), f"{name} lies elsewhere"
        assert source["file"].removeprefix(SECRETS) in made, f"make up does not make {source['file']}"


def test_the_folder_of_secrets_is_not_committed() -> None:
    folder = ROOT / "deploy/compose/secrets"
    assert (folder / ".gitignore").read_text().splitlines() == ["*", "!.gitignore", "!README.md"]
    explained = (folder / "README.md").read_text()
    for name in COMPOSE["secrets"]:
        assert f"`{name}`" in explained, f"{name} is missing from {folder.name}/README.md"


def test_only_the_migration_may_change_tables() -> None:
    assert {name for name in SERVICES if "migration_database_url" in SERVICES[name].get("secrets", [])} == {"migrate"}
    assert "MIGRATION_DATABASE_URL_FILE" in settings("migrate")


def test_only_nginx_is_reached_from_outside() -> None:
    assert {name for name in SERVICES if "ports" in SERVICES[name]} == {"nginx"}
    assert all(port.startswith("${ADDRESS:-127.0.0.1}:") for port in SERVICES["nginx"]["ports"])
    assert COMPOSE["networks"]["back"] == {"internal": True}
    at = {name: set(service["networks"]) for name, service in SERVICES.items()}
    assert at["nginx"] == {"front"}
    assert at["app"] == {"front", "back"}
    assert at["worker"] == {"back", "out"}
    assert all(at[name] == {"back"} for name in ("database", "redis", "storage", "migrate"))


@pytest.mark.parametrize("name", OF_APPLICATION)
def test_the_application_is_set_for_several_servers_behind_one_proxy(name: str) -> None:
    found = settings(name)
    assert found["FLASK_CONFIG"] == "production"
    assert found["TRUSTED_PROXIES"] == "1"
    assert found["SETUP_AT_START"] == found["BACKGROUND"] == "0"
    known = {setting.name for setting in config.SETTINGS} | {f"{s.name}_FILE" for s in config.SETTINGS if s.secret}
    assert found.keys() <= known | {"SECRETS_MARK"}


def test_the_files_that_are_mounted_are_there() -> None:
    for compose in (COMPOSE, read(OVERLAY)):
        for service in compose["services"].values():
            for mount in service.get("volumes", []):
                if isinstance(mount, str) and mount.startswith("./"):
                    source = ROOT / mount.split(":")[0]
                    assert source.exists(), f"{mount} is not there"
                    assert mount.endswith(":ro"), f"{mount} could be written"
                    # The images' start scripts read what can't be executed, and run the rest without their functions.
                    assert "initdb" not in mount or not source.stat().st_mode & 0o111


def test_only_kept_data_lies_in_volumes() -> None:
    assert COMPOSE["volumes"].keys() == {"data", "mariadb", "mysql", "storage"}
    assert read(OVERLAY)["volumes"].keys() == {"postgresql"}


def test_postgresql_takes_the_place_of_mariadb() -> None:
    service, before = read(OVERLAY)["services"]["database"], SERVICES["database"]
    replaced = {mount.split(":")[1] for mount in service["volumes"] if isinstance(mount, str)}
    replaced |= {mount["target"] for mount in service["volumes"] if not isinstance(mount, str)}
    assert {
        mount.rpartition(":ro")[0].rpartition(":")[2] or mount.rpartition(":")[2] for mount in before["volumes"]
    } <= replaced
    assert service["command"] == ["postgres"]
    assert read(OVERLAY)["secrets"].keys() == {"database_url", "migration_database_url"}
