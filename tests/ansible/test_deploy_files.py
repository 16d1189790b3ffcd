"""What deploying leaves on a server, how it talks to HAProxy, and what its files promise each other."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ROLE = ROOT / "ansible/roles/app"
PLAYBOOKS = ("deploy", "rollback", "way_back")
RELEASE = {"image": "r/hr/rollcall", "commit": "c", "run": "ci"}


def load(path: Path, name: str) -> ModuleType:
    """Return a file as the module that Ansible makes of it on a server."""
    specification = importlib.util.spec_from_file_location(name, path)
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    specification.loader.exec_module(module)
    return module


docker = load(ROLE / "module_utils/rollcall_docker.py", "ansible.module_utils.rollcall_docker")
host = load(ROLE / "module_utils/rollcall_host.py", "ansible.module_utils.rollcall_host")


def tasks() -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield each task of the role, also those in blocks."""
    for path in sorted((ROLE / "tasks").glob("*.yml")):
        waiting = list(yaml.safe_load(path.read_text()))
        while waiting:
            task = waiting.pop(0)
            waiting[:0] = task.get("block", []) + task.get("rescue", [])
            yield path, task


def release(tag: str, deployed: int, run: str = "first", **more: Any) -> dict[str, Any]:
    """Return a release as a server notes it."""
    return {
        **RELEASE,
        "tag": tag,
        "digest": f"sha256:{tag}",
        "id": f"id-{tag}",
        "deployed": deployed,
        "run_id": run,
        **more,
    }


@pytest.fixture
def notes(tmp_path: Path) -> Any:
    """Give the notes of a server that has had two releases."""
    made = host.Notes(str(tmp_path))
    made.write("releases.json", {"current": release("v2", 2), "previous": [release("v1", 1)]})
    return made


def tags(notes: Any) -> list[str]:
    """Return the tags of what runs and of what ran, the newest first."""
    told = notes.releases()
    return [told["current"]["tag"], *(r["tag"] for r in told["previous"])]


def test_finished_replacement_becomes_the_current_release(notes: Any) -> None:
    notes.begin("forth", notes.releases()["current"], release("v3", 3, "second"), "second")
    assert tags(notes) == ["v2", "v1"]
    notes.settle(keep=3)
    assert tags(notes) == ["v3", "v2", "v1"]
    assert notes.releases()["current"]["instead_of"]["tag"] == "v2"
    assert notes.replacing() is None


def test_only_the_last_releases_are_kept(notes: Any) -> None:
    for number in (3, 4, 5):
        notes.begin("forth", notes.releases()["current"], release(f"v{number}", number, f"run{number}"), f"run{number}")
        notes.settle(keep=3)
    assert tags(notes) == ["v5", "v4", "v3"]
    assert "instead_of" not in json.dumps(notes.releases()["previous"])


def test_way_back_leaves_no_trace_of_what_did_not_work(notes: Any) -> None:
    bad = release("v3", 3, "second")
    note = notes.begin("forth", notes.releases()["current"], bad, "second")
    notes.begin("back", bad, note["from"], "second")
    notes.settle(keep=3)
    assert tags(notes) == ["v2", "v1"]


def test_way_back_from_a_server_that_was_finished(notes: Any) -> None:
    bad = release("v3", 3, "second")
    notes.begin("forth", notes.releases()["current"], bad, "second")
    notes.settle(keep=3)
    current = notes.releases()["current"]
    notes.begin("back", current, current["instead_of"], "second")
    notes.settle(keep=3)
    assert tags(notes) == ["v2", "v1"]


def test_failed_rollback_keeps_the_older_release_to_go_back_to(notes: Any) -> None:
    older = release("v1", 1, "second", is_known=True)
    note = notes.begin("forth", notes.releases()["current"], older, "second")
    notes.begin("back", older, note["from"], "second")
    notes.settle(keep=3)
    assert tags(notes) == ["v2", "v1"]


@pytest.mark.parametrize("way", ["forth", "back"])
def test_next_run_goes_back_to_what_was_good(notes: Any, way: str) -> None:
    good, bad = notes.releases()["current"], release("v3", 3, "second")
    ends = (good, bad) if way == "forth" else (bad, good)
    notes.begin(way, *ends, "second")  # and the server hangs
    note = notes.begin("forth", bad, release("v4", 4, "third"), "third")
    assert note["from"]["tag"] == "v2"
    notes.settle(keep=3)
    assert tags(notes)[:2] == ["v4", "v2"]


def test_one_run_at_a_time(notes: Any) -> None:
    assert notes.lock("ci/1", "first") == ""
    assert notes.lock("ci/1", "first") == ""
    assert notes.lock("ci/2", "second") == "ci/1, since 0 min"
    assert notes.is_locked_by_another("second")
    notes.unlock("second")
    assert notes.is_locked_by_another("second")
    notes.unlock("first")
    assert notes.lock("ci/2", "second") == ""
    assert sorted(path.name for path in notes.folder.iterdir()) == ["deploying", "releases.json"]


def test_release_before_is_the_one_that_was_replaced() -> None:
    first, second = release("v1", 1), release("v2", 2)
    assert host.older_than(first, None) is None
    assert host.older_than(second, first) == {"image": RELEASE["image"], "tag": "v1", "digest": "sha256:v1"}
    assert host.older_than(second, {**second, "older": {"tag": "v1"}}) == {"tag": "v1"}


def test_server_that_was_not_provisioned_is_told(tmp_path: Path) -> None:
    with pytest.raises(docker.Trouble, match="provision the server first"):
        host.Notes(str(tmp_path / "nothing"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
def test_settings_come_and_go_with_the_release(tmp_path: Path) -> None:
    host.put_settings(tmp_path, {"PUBLIC_URL": "https://one", "EMPTY": ""}, {"SECRET_KEY": "first", "MAIL_URL": ""})
    assert (tmp_path / "app.env").read_text() == "PUBLIC_URL=https://one\nSECRET_KEY_FILE=/run/secrets/secret_key\n"
    secret = tmp_path / "secrets/secret_key"
    assert (secret.stat().st_mode & 0o777, secret.stat().st_uid) == (0o400, host.USER)
    assert (tmp_path / "app.env").stat().st_mode & 0o777 == 0o640
    for url in ("https://two", "https://three"):  # the second time after a failure
        host.put_settings(tmp_path, {"PUBLIC_URL": url}, {"SECRET_KEY": url})
    host.put_settings_back(tmp_path)
    assert "https://one" in (tmp_path / "app.env").read_text()
    assert secret.read_text() == "first"
    assert not (tmp_path / "before").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
def test_setting_with_a_line_break_is_refused_without_its_value(tmp_path: Path) -> None:
    with pytest.raises(docker.Trouble) as caught:
        host.put_settings(tmp_path, {"PUBLIC_URL": "one\nSECRET=two"}, {})
    assert "PUBLIC_URL" in str(caught.value)
    assert "two" not in str(caught.value)


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("rollcall", "rollcall"),
        ("registry.example.com:5000/hr/rollcall", "registry.example.com:5000/hr/rollcall"),
        ("registry.example.com:5000/hr/rollcall:1.4", "registry.example.com:5000/hr/rollcall"),
        ("r/hr/rollcall:1.4@sha256:12", "r/hr/rollcall"),
    ],
)
def test_name_of_an_image(reference: str, name: str) -> None:
    assert docker.repository(reference) == name


def test_summary_knows_the_tasks_that_it_looks_for() -> None:
    names = {task["name"] for _path, task in tasks()}
    summary = load(ROOT / "scripts/deploy_summary.py", "deploy_summary")
    assert {summary.LOOKING, summary.DRAINING_HANGING} <= names


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_playbooks_gather_no_facts_and_name_tasks_that_are_there(playbook: str) -> None:
    for play in yaml.safe_load((ROOT / f"ansible/{playbook}.yml").read_text()):
        assert play["gather_facts"] is False
        for task in play["tasks"]:
            role = task.get("ansible.builtin.import_role")
            assert not role or (ROLE / f"tasks/{role['tasks_from']}.yml").is_file()


@pytest.mark.parametrize("playbook", ["deploy", "rollback"])
def test_servers_are_replaced_one_at_a_time_and_the_first_failure_ends_it(playbook: str) -> None:
    plays = yaml.safe_load((ROOT / f"ansible/{playbook}.yml").read_text())
    (replacing,) = [play for play in plays if "replace" in json.dumps(play["tasks"])]
    assert (replacing["serial"], replacing["max_fail_percentage"]) == (1, 0)


def test_every_run_looks_at_the_servers_in_the_same_order() -> None:
    # These filters go through Python's sets. Two runs at a time once had a lock each, on another server.
    without_order = re.compile(r"\|\s*(?:intersect|union|difference|symmetric_difference)\b")
    files = [p for p in (ROOT / "ansible").rglob("*") if p.suffix in (".yml", ".j2")]
    assert len(files) > 50
    assert [str(p) for p in files if without_order.search(p.read_text())] == []


def test_no_secret_goes_by_the_environment_of_a_task() -> None:
    # Ansible makes it a part of the command line: ps shows it, and sudo writes it into its log.
    files = [*(ROOT / "ansible").glob("*.yml"), *(ROOT / "ansible/roles").glob("*/tasks/*.yml")]
    assert len(files) > 30
    assert [str(p) for p in files if re.search(r"^\s+environment:", p.read_text(), flags=re.M)] == []


def test_variables_of_the_role_are_its_own() -> None:
    defaults = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
    assert [name for name in defaults if not name.startswith("app_")] == []
    limits = {name: value for name, value in defaults.items() if name.endswith("_timeout")}
    text = (ROOT / "docs/deploying.md").read_text()
    for name in re.findall(r"app_\w+_timeout", text):
        assert name in limits
    assert f"({limits['app_drain_timeout']} seconds at most" in text
    assert f"within {limits['app_ready_timeout']} seconds" in text
