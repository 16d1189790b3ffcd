"""The Jenkinsfile: what runs for a branch, for main and for a tag, and what happens when something comes to nothing."""

from __future__ import annotations

import re
import shlex

import pytest

from tests.deploy.jenkins import stand_in
from tests.deploy.jenkins.conftest import NOTIFY_URL, PASSWORD, Jenkins
from tests.deploy.jenkins.stand_in import ROOT

CHECKED = ["lint lint-deploy", "test REPORTS=reports", "image", "scan"]
SHIPPED = ["push", "deploy", "smoke"]


def test_branch_is_checked_and_goes_nowhere(jenkins: Jenkins) -> None:
    build = jenkins.build(branch="feature/floors")
    assert build.outcome.result == "SUCCESS"
    assert build.targets == [*CHECKED, "notify"]
    assert [build.outcome.stage(name) for name in ("Staging", "Push", "Approve", "Production")] == ["SKIPPED"] * 4
    assert build.outcome.report["locks"] == [], "a build of a branch would wait for a release"
    used = {name for command in build.outcome.report["commands"] for name in command["credentials"]}
    assert used == {"notify-url"}


def test_main_goes_to_staging_with_the_short_commit(jenkins: Jenkins) -> None:
    build = jenkins.build(branch="main")
    assert build.outcome.result == "SUCCESS"
    assert build.targets == [*CHECKED, *SHIPPED, "notify"]
    assert build.call("deploy")["environment"]["ENV"] == "staging"
    head = stand_in.git(jenkins.source, "rev-parse", "HEAD")
    assert build.call("deploy")["words"] == ["deploy", f"COMMIT={head}"], "an image of another commit would be deployed"
    assert not build.call("image")["environment"]["TAG"], "make finds the short commit where TAG is empty"
    assert build.call("push")["environment"]["REGISTRY_USER"] == "robot"
    assert build.call("push")["environment"]["REGISTRY_PASSWORD"] == PASSWORD
    assert (build.call("deploy")["vault"], build.call("deploy")["key"]) == (
        "content of vault-password",
        "content of deploy-key",
    )
    assert build.call("notify")["environment"]["STATUS"] == "SUCCESS"
    assert build.outcome.report["inputs"] == []


def test_tag_is_released_when_somebody_approves(jenkins: Jenkins) -> None:
    build = jenkins.build(tag="v1.2.0", answer="approve")
    assert build.outcome.result == "SUCCESS"
    assert build.targets == [*CHECKED, "notify STATUS=waiting", "image", "scan", *SHIPPED, "notify"]
    assert {call["environment"]["TAG"] for call in build.made} == {"v1.2.0"}
    assert build.call("deploy")["environment"]["ENV"] == "production"
    (asked,) = build.outcome.report["inputs"]
    assert asked["message"] == "Release v1.2.0 to production?"
    assert asked["submitter"] == "release-managers"
    assert not asked["agent_held"], "an agent would wait for days with it"
    assert [lock["resource"] for lock in build.outcome.report["locks"]] == ["rollcall-production"]


@pytest.mark.parametrize("answer", ["abort", "nobody"])
def test_tag_that_nobody_approves_goes_nowhere(jenkins: Jenkins, answer: str) -> None:
    build = jenkins.build(tag="v1.2.0", answer=answer)
    assert build.outcome.result == "ABORTED"
    assert build.targets == [*CHECKED, "notify STATUS=waiting", "notify"]
    assert build.call("notify")["environment"]["STATUS"] == "ABORTED"


def test_only_release_managers_approve(jenkins: Jenkins) -> None:
    build = jenkins.build(tag="v1.2.0", answer="approve", approver="somebody-else")
    assert build.outcome.result == "FAILURE"
    assert "deploy" not in build.targets


def test_red_test_is_published_and_told_and_stops_there(jenkins: Jenkins) -> None:
    build = jenkins.build(branch="main", red="test")
    assert build.outcome.result == "FAILURE"
    assert build.targets == [*CHECKED[:2], "notify"]
    assert build.outcome.stage("Test") == "FAILURE"
    assert build.outcome.stage("Image") == "SKIPPED"
    (junit,), (coverage,) = build.outcome.report["junit"], build.outcome.report["coverage"]
    assert (junit["tests"], junit["failures"]) == (3, 1)
    assert coverage["lines"] == [0.75]
    assert build.call("notify")["environment"]["STATUS"] == "FAILURE"


def test_tests_without_results_are_red(jenkins: Jenkins) -> None:
    build = jenkins.build(branch="main", no_reports="yes")
    assert build.outcome.result == "FAILURE"
    assert build.targets == [*CHECKED[:2], "notify"]


@pytest.mark.parametrize("target", ["lint", "image", "scan", "push"])
def test_what_is_red_before_a_deployment_stops_there(jenkins: Jenkins, target: str) -> None:
    build = jenkins.build(branch="main", red=target)
    assert build.outcome.result == "FAILURE"
    assert build.targets[-2].startswith(target)
    assert build.targets[-1] == "notify"
    assert not {"deploy", "smoke", "rollback"} & set(build.targets)


def test_scan_without_a_scanner_is_red(jenkins: Jenkins) -> None:
    build = jenkins.build(branch="main", environment={"SCANNER": "no-such-scanner", "FAKE_REAL": "scan"})
    assert build.outcome.result == "FAILURE"
    assert "no-such-scanner is not installed: install Trivy" in build.outcome.output
    assert build.targets[-2:] == ["scan", "notify"]


def test_red_deployment_went_back_by_itself_and_is_told(jenkins: Jenkins) -> None:
    build = jenkins.build(branch="main", red="deploy")
    assert build.outcome.result == "FAILURE"
    assert build.targets == [*CHECKED, "push", "deploy", "notify"]


def went_back(job: str) -> str:
    """Return what takes back what the first build of a job deployed, and nothing else."""
    return f"rollback OF=https://jenkins.example.com/job/rollcall/job/{job}/1/"


def test_red_smoke_test_goes_back(jenkins: Jenkins) -> None:
    build = jenkins.build(branch="main", red="smoke")
    assert build.outcome.result == "FAILURE"
    assert build.targets == [*CHECKED, *SHIPPED, went_back("main"), "notify"]
    back = build.call("rollback")
    assert back["environment"]["ENV"] == "staging"
    assert (back["vault"], back["key"]) == ("content of vault-password", "content of deploy-key")
    assert build.call("notify")["environment"]["STATUS"] == "FAILURE"


def test_red_smoke_test_of_production_goes_back(jenkins: Jenkins) -> None:
    build = jenkins.build(tag="v1.2.0", answer="approve", red="smoke")
    assert build.outcome.result == "FAILURE"
    assert build.targets[-4:] == ["deploy", "smoke", went_back("v1.2.0"), "notify"]
    assert build.call("rollback")["environment"]["ENV"] == "production"


def test_smoke_test_that_hangs_goes_back(jenkins: Jenkins) -> None:
    text = (ROOT / "Jenkinsfile").read_text()
    quick, found = re.subn(r"(steps \{\s+timeout\(time: )10, unit: 'MINUTES'", r"\g<1>1, unit: 'SECONDS'", text)
    assert found == 2
    build = jenkins.build(branch="main", hanging="smoke", jenkinsfile=jenkins.write(quick))
    assert build.outcome.result == "ABORTED"
    assert build.targets[-3:] == ["smoke", went_back("main"), "notify"]


def test_secrets_are_masked_and_in_no_command_line(jenkins: Jenkins) -> None:
    build = jenkins.build(branch="main", red="smoke")
    lent = {build.call("deploy")["environment"][f"ANSIBLE_{name}_FILE"] for name in ("VAULT_PASSWORD", "PRIVATE_KEY")}
    for secret in (PASSWORD, NOTIFY_URL, *lent):
        assert secret not in build.outcome.output
        assert not [call for call in build.made if any(secret in words for words in call["argv"])]
    assert "It is: ****" in build.outcome.output
    assert not [
        call for call in build.made if call["words"][0] != "push" and "REGISTRY_PASSWORD" in call["environment"]
    ]
    for name in ("lint", "test", "image", "scan"):
        assert "ANSIBLE_VAULT_PASSWORD_FILE" not in build.call(name)["environment"]


def test_nothing_stays_on_an_agent(jenkins: Jenkins) -> None:
    build = jenkins.build(branch="main", red="test")
    assert build.outcome.report["left_behind"] == []
    temporary = build.made[0]["environment"]["WORKSPACE_TMP"]
    assert not [path for path in jenkins.folder.rglob("*") if path.is_file() and str(path).startswith(temporary)]


def test_notification_that_fails_changes_nothing(jenkins: Jenkins) -> None:
    credentials = {name: kept for name, kept in jenkins.credentials().items() if name != "notify-url"}
    build = jenkins.build(branch="main", credentials=credentials)
    assert build.outcome.result == "SUCCESS"
    assert "Nobody was told of the end." in build.outcome.output


def test_each_step_is_one_make_target_and_the_makefile_has_it(jenkins: Jenkins) -> None:
    build = jenkins.build(tag="v1.2.0", answer="approve")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    for command in build.outcome.commands():
        make, *words = shlex.split(command)
        assert make == "make"
        assert {word for word in words if "=" not in word} <= targets


def test_each_stage_has_a_timeout() -> None:
    text = (ROOT / "Jenkinsfile").read_text()
    bodies = re.findall(r"stage\('([^']+)'\) \{(.*?)(?=\bstage\('|\Z)", text, flags=re.S)
    assert len(bodies) > 15
    without = [name for name, body in bodies if re.search(r"\bsteps \{", body) and "timeout(" not in body]
    assert without == []
