"""scripts/deploy with a stand-in for ansible-playbook: what it hands over, when the way back runs, how it ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
STAND_IN = f"""#!{sys.executable}
import json, os, sys, time
from pathlib import Path
here = Path(__file__).parents[2]
name = Path(sys.argv[-1]).stem
values = json.loads(Path(next(word[1:] for word in sys.argv if word.startswith("@"))).read_text())
told = {{"name": name, "words": sys.argv[1:], "values": values, "environment": dict(os.environ)}}
with (here / "calls").open("a") as file:
    file.write(json.dumps(told) + "\\n")
plan = json.loads((here / "plan").read_text()).get(name, {{}})
if plan.get("notes"):
    Path(os.environ["ROLLCALL_REPORT"]).write_text("".join(json.dumps(note) + "\\n" for note in plan["notes"]))
time.sleep(plan.get("seconds", 0))
sys.exit(plan.get("code", 0))
"""
OLD = {"tag": "v1", "commit": "1111111aaaa", "digest": "sha256:1", "id": "sha256:1"}
NEW = {"tag": "v2", "commit": "2222222bbbb", "digest": "sha256:2", "id": "sha256:2"}
SECRET = "the-registry's-password"
Note = dict[str, Any]


class Checkout:
    """A folder with the script, a stand-in for Ansible and an inventory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("scripts/deploy", "scripts/deploy_summary.py"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
        binaries = folder / ".venv/bin"
        binaries.mkdir(parents=True)
        (binaries / "python").symlink_to(sys.executable)
        for name in ("ansible-playbook", "ansible"):
            (binaries / name).write_text(STAND_IN)
            (binaries / name).chmod(0o755)
        self.inventory = folder / "ansible/inventories/staging"
        self.inventory.mkdir(parents=True)
        (self.inventory / "known_hosts").write_text("app1 ssh-ed25519 AAAA\n")
        self.plan({})

    def plan(self, plan: dict[str, Any]) -> None:
        """Say what each playbook notes and how it ends."""
        (self.folder / "plan").write_text(json.dumps(plan))

    def environment(self, **more: str) -> dict[str, str]:
        """Return an environment with nothing of this machine's but the path."""
        return {"PATH": os.environ["PATH"], "ENV": "staging", "TAG": "v2", **more}

    def run(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run the script; an empty value stands for a variable that is not set."""
        script = self.folder / "scripts/deploy"
        return subprocess.run(
            [script, *words], env=self.environment(**more), capture_output=True, text=True, timeout=60
        )

    @property
    def calls(self) -> list[dict[str, Any]]:
        """Return the playbooks that were run."""
        file = self.folder / "calls"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    @property
    def playbooks(self) -> list[str]:
        """Return their names, in order."""
        return [call["name"] for call in self.calls]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """Give a checkout with nothing planned."""
    return Checkout(tmp_path)


def note(host: str, step: str, outcome: str = "ok", **more: Any) -> Note:
    """Return what the callback would have noted."""
    return {"host": host, "task": f"Do {step}", "outcome": outcome, "step": step, **more}


def looked(*hosts: str) -> list[Note]:
    """Return notes of servers that run v1 and should get v2."""
    return [note(host, "asked", before=OLD, target=NEW, is_needed=True, is_unfinished=False) for host in hosts]


def swapped(host: str) -> list[Note]:
    """Return notes of a server that got v2."""
    return [note(host, "replaced", before=OLD, after=NEW), note(host, "finished", now=NEW)]


def test_deployment_hands_over_what_it_was_told(checkout: Checkout) -> None:
    checkout.plan({"deploy": {"notes": [*looked("app1", "app2"), *swapped("app1"), *swapped("app2")]}})
    more = {"IMAGE": "registry.example.com/hr/rollcall", "BUILD_URL": "https://ci.example.com/7", "TO": "v0"}
    secret = {"REGISTRY_USER": "hr", "REGISTRY_PASSWORD": SECRET}
    done = checkout.run("deploy", "--limit", "!app3", **more, **secret, SUMMARY_FILE=str(checkout.folder / "table"))
    assert done.returncode == 0, done.stderr
    (call,) = checkout.calls
    values = call["values"]
    assert values.pop("app_run_id")
    assert values == {
        "rollcall_image": more["IMAGE"],
        "rollcall_tag": "v2",
        "rollcall_run": more["BUILD_URL"],
        "rollcall_registry_user": "hr",
        "rollcall_registry_password": SECRET,
    }
    assert call["words"][-3:] == ["--limit", "!app3", "ansible/deploy.yml"]
    assert SECRET not in " ".join(call["words"])
    assert call["environment"]["ANSIBLE_CONFIG"] == str(checkout.folder / "ansible/ansible.cfg")
    options = call["environment"]["ANSIBLE_SSH_COMMON_ARGS"]
    assert "StrictHostKeyChecking=yes" in options
    assert str(checkout.inventory / "known_hosts") in options
    assert "done on 2 of 2 servers" in done.stdout
    assert (checkout.folder / "table").read_text() in done.stdout


def test_a_run_of_its_own_brings_back_what_was_replaced(checkout: Checkout) -> None:
    bad = note("app2", "replaced", "failed", message="rollcall-app of v2 is not ready", log=["the rabbit is missing"])
    back = [
        note(h, "asked", before=OLD, is_unfinished=h == "app2", is_ours=h == "app1") for h in ("app1", "app2", "app3")
    ]
    for host in ("app2", "app1"):
        back += [note(host, "back", after=OLD), note(host, "finished", now=OLD)]
    hosts = ("app1", "app2", "app3")
    checkout.plan(
        {"deploy": {"code": 2, "notes": [*looked(*hosts), *swapped("app1"), bad]}, "way_back": {"notes": back}}
    )
    done = checkout.run("deploy", "--user", "deploy")
    assert done.returncode == 1
    assert checkout.playbooks == ["deploy", "way_back"]
    assert all("--user" in call["words"] for call in checkout.calls)
    assert checkout.calls[0]["values"]["app_run_id"] == checkout.calls[1]["values"]["app_run_id"]
    assert "FAILED; what ran before runs again." in done.stdout
    assert "rollcall-app of v2 is not ready" in done.stdout
    assert "| the rabbit is missing" in done.stdout
    assert [line.split()[0::5] for line in done.stdout.splitlines() if line.startswith("  app")] == [
        ["app1", "went"],
        ["app2", "went"],
        ["app3", "untouched"],
    ]


def test_server_that_hangs_is_named_with_where_it_was_drained(checkout: Checkout) -> None:
    gone = {"host": "app2", "task": "Replace", "outcome": "unreachable", "message": "Timed out"}
    drained = [
        {
            "host": lb,
            "task": "Drain the servers that hang",
            "outcome": "ok",
            "step": "drained",
            "server": "app2",
            "left": 0,
        }
        for lb in ("lb1", "lb2")
    ]
    back = [
        note("app1", "asked", before=OLD, is_unfinished=False, is_ours=True),
        {**gone, "task": "Look which servers were touched, and which of them answer"},
        *drained,
        note("app1", "back", after=OLD),
        note("app1", "finished", now=OLD),
    ]
    checkout.plan(
        {"deploy": {"code": 4, "notes": [*looked("app1", "app2"), *swapped("app1"), gone]}, "way_back": {"notes": back}}
    )
    done = checkout.run("deploy")
    assert done.returncode == 1
    assert "app2 needs a hand" in done.stdout
    assert "hangs; drained at lb1, lb2" in done.stdout
    assert "unlock" not in done.stdout
    asked = [note("app1", "asked", before=OLD), note("app2", "asked", before=OLD, has_lock=True)]
    checkout.plan({"deploy": {"code": 4, "notes": [*asked, *swapped("app1"), gone]}, "way_back": {"notes": back}})
    assert "app2 hangs with the lock of this run" in checkout.run("deploy").stdout
    back.append(note("app2", "unlocked"))  # its Docker hangs, SSH does not
    checkout.plan({"deploy": {"code": 4, "notes": [*asked, *swapped("app1"), gone]}, "way_back": {"notes": back}})
    assert "lock" not in checkout.run("deploy").stdout


@pytest.mark.parametrize(
    ("notes", "words"),
    [
        (
            [{"host": "app1", "task": "Every setting is there", "outcome": "failed", "message": "set rollcall_url"}],
            "rollcall_url",
        ),
        ([note("app1", "asked", "failed", is_locked=True, message="Another run deploys: ci/6")], "Another run deploys"),
    ],
    ids=["nothing was asked", "another run deploys"],
)
def test_no_way_back_where_nothing_can_have_been_touched(checkout: Checkout, notes: list[Note], words: str) -> None:
    checkout.plan({"deploy": {"code": 2, "notes": notes}})
    done = checkout.run("deploy")
    assert done.returncode == 1
    assert checkout.playbooks == ["deploy"]
    assert "FAILED; nothing was replaced.\n" in done.stdout
    assert words in done.stdout


def test_failure_before_the_first_replacement_says_so(checkout: Checkout) -> None:
    failed = note("app1", "migrate", "failed", message="migrate ended with 1.", log=["no such column"])
    back = [note("app1", "asked", before=OLD, is_unfinished=False, is_ours=False)]
    checkout.plan({"deploy": {"code": 2, "notes": [*looked("app1"), failed]}, "way_back": {"notes": back}})
    done = checkout.run("deploy")
    assert done.returncode == 1
    assert "FAILED; nothing was replaced." in done.stdout
    assert "no such column" in done.stdout


def test_second_deployment_says_that_there_is_nothing_to_do(checkout: Checkout) -> None:
    checkout.plan({"deploy": {"notes": [note("app1", "asked", before=NEW, target=NEW, is_needed=False)]}})
    done = checkout.run("deploy")
    assert done.returncode == 0
    assert "nothing to do" in done.stdout
    assert "has it already" in done.stdout


def test_server_that_only_stood_drained_serves_again(checkout: Checkout) -> None:
    asked = note("app1", "asked", before=NEW, target=NEW, is_needed=False)
    same = note("app1", "replaced", after=NEW, is_same=True)
    checkout.plan({"deploy": {"notes": [asked, same, note("app1", "finished", now=NEW)]}})
    done = checkout.run("deploy")
    assert done.returncode == 0
    assert "has it already, serves again" in done.stdout


def test_looking_only_changes_nothing_and_never_goes_back(checkout: Checkout) -> None:
    would = note("app1", "replaced", after={"tag": "v2"})
    checkout.plan({"deploy": {"code": 2, "notes": [*looked("app1"), would]}})
    done = checkout.run("deploy", CHECK="1")
    assert done.returncode == 1
    assert checkout.playbooks == ["deploy"]
    assert "--check" in checkout.calls[0]["words"]
    assert "would be replaced" in done.stdout


def test_rollback_names_its_tag_or_lets_the_servers_say(checkout: Checkout) -> None:
    checkout.run("rollback", TO="v0")
    checkout.run("rollback", OF="https://ci.example.com/7")
    first, second = (call["values"] for call in checkout.calls)
    assert first["rollcall_to"] == "v0"
    assert "rollcall_to" not in second
    assert [values.get("rollcall_of") for values in (first, second)] == [None, "https://ci.example.com/7"]
    assert "rollcall_tag" not in {**first, **second}


def test_rollback_that_left_a_server_out_is_not_good(checkout: Checkout) -> None:
    gone = {"host": "app2", "task": "Look", "outcome": "unreachable", "message": "Timed out"}
    checkout.plan({"rollback": {"notes": [*looked("app1"), gone, *swapped("app1")]}})
    done = checkout.run("rollback")
    assert done.returncode == 1
    assert checkout.playbooks == ["rollback"]
    assert "app2 needs a hand" in done.stdout


def test_load_balancer_that_was_left_out_is_named(checkout: Checkout) -> None:
    look = "Look how the servers stand at the load balancer"
    away = {"host": "lb2", "task": look, "outcome": "unreachable", "message": "Timed out"}
    there = {"host": "lb1", "task": look, "outcome": "ok", "step": "looked", "servers": {}}
    checkout.plan({"deploy": {"notes": [there, away, *looked("app1"), *swapped("app1")]}})
    done = checkout.run("deploy")
    assert done.returncode == 0
    assert "The load balancer lb2 did not answer" in done.stdout
    assert "  lb" not in done.stdout


def test_server_in_maintenance_is_named(checkout: Checkout) -> None:
    stays = note("app1", "ready", server="app1", balancer="lb1", is_taken_out=True)
    checkout.plan({"deploy": {"notes": [*looked("app1"), *swapped("app1"), stays]}})
    done = checkout.run("deploy")
    assert done.returncode == 0
    assert "app1 is in maintenance at lb1" in done.stdout


def test_stopped_in_its_middle_it_takes_back_what_it_began(checkout: Checkout) -> None:
    checkout.plan({"deploy": {"seconds": 30, "notes": looked("app1")}, "way_back": {"notes": looked("app1")}})
    script = checkout.folder / "scripts/deploy"
    with subprocess.Popen([script, "deploy"], env=checkout.environment(), stdout=subprocess.PIPE, text=True) as process:
        until = time.monotonic() + 20
        while not checkout.calls and time.monotonic() < until:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        out, _err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert checkout.playbooks == ["deploy", "way_back"]
    assert "FAILED" in out


def test_what_is_missing_is_a_sentence(checkout: Checkout) -> None:
    assert "Say what to do" in checkout.run().stderr
    assert "Say where" in checkout.run("deploy", ENV="").stderr
    assert "is no inventory" in checkout.run("deploy", ENV="moon").stderr
    (checkout.inventory / "known_hosts").unlink()
    assert "known_hosts is missing" in checkout.run("deploy").stderr
    assert not checkout.calls


def test_provisioning_ends_as_its_playbook_does(checkout: Checkout) -> None:
    checkout.plan({"provision": {"code": 2}})
    assert checkout.run("provision").returncode == 2
    assert checkout.playbooks == ["provision"]
