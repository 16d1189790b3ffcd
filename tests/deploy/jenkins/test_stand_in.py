"""The stand-in for Jenkins refuses what it does not know and keeps to Jenkins's order of things."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.jenkins.conftest import Calls, Jenkins

PIPELINE = """
pipeline {{
    agent none
    options {{ skipDefaultCheckout() }}
    stages {{
        stage('First') {{
            agent {{ label 'docker' }}
            {first}
        }}
        stage('Second') {{
            agent {{ label 'docker' }}
            {second}
        }}
    }}
    post {{ always {{ echo "ended as ${{currentBuild.currentResult}}" }} }}
}}
"""


def run(jenkins: Jenkins, first: str = "steps { sh 'true' }", second: str = "steps { sh 'true' }", **how: Any) -> Calls:
    """Run a pipeline of two stages with these bodies."""
    return jenkins.build(branch="main", jenkinsfile=jenkins.write(PIPELINE.format(first=first, second=second)), **how)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("steps { shell 'true' }", "'shell' is no directive or step"),
        ("when { branch 'none' }\n steps { slackSend 'x' }", "'slackSend' is no directive or step"),
        ("""steps { withEnv(['A=b']) { sh "echo ${env.A}" } }""", "double-quoted"),
        ("steps { script { 'ls'.execute() } }", "'execute' is no directive or step"),
        ("steps { script { new File('x') } }", "makes no objects"),
        ("step { sh 'true' }", "'step' is no directive or step"),
        ("sh 'true'", "stage 'First': 'sh' is not known here"),
        ("options { disableConcurrentBuilds() }\n steps { sh 'true' }", "'disableConcurrentBuilds' is not known here"),
        ("steps { sh 'true' }\n stages { stage('x') { steps { sh 'true' } } }", "either steps or stages"),
        ("when { }\n steps { sh 'true' }", "names no condition"),
        ("input { ok 'Yes' }\n steps { sh 'true' }", "asks nothing"),
        ("agent { label 'docker' }\n steps { sh 'true' }", "agent stands there twice"),
        ("post { finally { sh 'true' } }\n steps { sh 'true' }", "finally"),
        ("steps { stage('x') { } }", "'stage' is not known here"),
        ("steps { sh script: 'true', returnStdout: true }", "only script and label are known"),
        ("steps { timeout(time: 5, unit: 'WEEKS') { sh 'true' } }", "is not understood"),
        ("steps { sh 'true' ", "expecting"),
    ],
)
def test_what_is_not_known_is_refused(jenkins: Jenkins, body: str, fault: str) -> None:
    build = run(jenkins, body)
    assert build.outcome.result == "REFUSED", build.outcome.output
    assert fault in build.outcome.report["why"]
    assert build.outcome.code == 2


@pytest.mark.parametrize(
    "text", ["node('docker') { sh 'true' }", "def x = 1\npipeline { agent none }", "pipeline { agent any }"]
)
def test_only_a_whole_declarative_pipeline_is_taken(jenkins: Jenkins, text: str) -> None:
    build = jenkins.build(branch="main", jenkinsfile=jenkins.write(text))
    assert build.outcome.result == "REFUSED"


def test_label_that_no_agent_has_is_refused(jenkins: Jenkins) -> None:
    assert run(jenkins, labels=["windows"]).outcome.result == "REFUSED"


def test_failure_stops_what_follows_and_its_post(jenkins: Jenkins) -> None:
    first = "steps { sh 'exit 4' }\n post { failure { echo 'first failed' }\n success { echo 'first went well' } }"
    second = "steps { sh 'true' }\n post { always { echo 'second ended' } }"
    build = run(jenkins, first, second)
    assert build.outcome.result == "FAILURE"
    assert build.outcome.code == 1
    assert "script returned exit code 4" in build.outcome.output
    assert [build.outcome.stage("First"), build.outcome.stage("Second")] == ["FAILURE", "SKIPPED"]
    assert "first failed" in build.outcome.output
    assert "first went well" not in build.outcome.output
    assert "second ended" not in build.outcome.output
    assert "ended as FAILURE" in build.outcome.output


def test_shell_ends_at_the_first_command_that_fails(jenkins: Jenkins) -> None:
    build = run(jenkins, "steps { sh 'false; echo went on' }")
    assert build.outcome.result == "FAILURE"
    assert "\nwent on" not in build.outcome.output


def test_each_agent_begins_with_an_empty_folder(jenkins: Jenkins) -> None:
    build = run(jenkins, "steps { sh 'touch left' }", "steps { sh 'test -e left' }")
    assert build.outcome.stage("Second") == "FAILURE"
    assert build.outcome.report["left_behind"] == ["agent-1"]


def test_steps_without_an_agent_fail(jenkins: Jenkins) -> None:
    build = run(jenkins, "agent none\n steps { sh 'true' }".replace("agent none\n", "when { branch 'main' }\n"))
    assert build.outcome.result == "SUCCESS"
    text = PIPELINE.format(first="steps { sh 'true' }", second="steps { sh 'true' }").replace(
        "agent { label 'docker' }", ""
    )
    build = jenkins.build(branch="main", jenkinsfile=jenkins.write(text))
    assert build.outcome.result == "FAILURE"
    assert "'sh' needs an agent" in build.outcome.output


def test_input_is_asked_before_when_and_holds_the_agent_unless_told_otherwise(jenkins: Jenkins) -> None:
    question = "input { message 'Go on?' }\n steps { sh 'true' }"
    outer = "stages { stage('Inner') { when { branch 'none' }\n" + question + " } }"
    build = run(jenkins, outer, answer="approve")
    assert [asked["agent_held"] for asked in build.outcome.report["inputs"]] == [True]
    build = run(jenkins, "when { branch 'none'\n beforeInput true }\n" + question, answer="abort")
    assert build.outcome.report["inputs"] == []
    assert build.outcome.stage("First") == "SKIPPED"


def test_input_that_nobody_answers_needs_a_timeout(jenkins: Jenkins) -> None:
    assert run(jenkins, "input { message 'Go on?' }\n steps { sh 'true' }").outcome.result == "REFUSED"


@pytest.mark.parametrize(
    ("condition", "how", "runs"),
    [
        ("branch 'ma*'", {"branch": "main"}, True),
        ("branch 'feature/*'", {"branch": "main"}, False),
        ("branch '*'", {"branch": "feature/floors"}, False),
        ("not { branch 'main' }", {"branch": "main"}, False),
        ("anyOf { branch 'x'; branch 'main' }", {"branch": "main"}, True),
        ("allOf { branch 'x'; branch 'main' }", {"branch": "main"}, False),
        ("buildingTag()", {"branch": "main"}, False),
        ("buildingTag()", {"tag": "v1.2.0"}, True),
        ("tag 'v1.*'", {"tag": "v1.2.0"}, True),
        ("tag 'v2.*'", {"tag": "v1.2.0"}, False),
        ("expression { env.BRANCH_NAME.startsWith('ma') }", {"branch": "main"}, True),
    ],
)
def test_when_is_honoured(jenkins: Jenkins, condition: str, how: dict[str, str], runs: bool) -> None:
    text = PIPELINE.format(first=f"when {{ {condition} }}\n steps {{ sh 'true' }}", second="steps { sh 'true' }")
    build = jenkins.build(jenkinsfile=jenkins.write(text), **how)
    assert build.outcome.stage("First") == ("SUCCESS" if runs else "SKIPPED")


def test_timeout_ends_the_whole_group_of_processes(jenkins: Jenkins) -> None:
    pids = jenkins.folder / "pids"
    began = time.monotonic()
    build = run(
        jenkins,
        "options { timeout(time: 1, unit: 'SECONDS') }\n"
        f"steps {{ sh 'sleep 300 & echo $! > {pids}; wait' }}\n post {{ aborted {{ echo 'cleaned up' }} }}",
    )
    assert build.outcome.result == "ABORTED"
    assert "cleaned up" in build.outcome.output
    assert time.monotonic() - began < 60
    left = Path(f"/proc/{int(pids.read_text())}/cmdline")
    assert not left.exists() or not left.read_text(), "what the step began goes on"


def test_unstable_skips_the_rest_only_where_the_options_say_so(jenkins: Jenkins) -> None:
    build = run(jenkins, "steps { unstable 'not quite' }")
    assert build.outcome.result == "UNSTABLE"
    assert [build.outcome.stage("First"), build.outcome.stage("Second")] == ["UNSTABLE", "SUCCESS"]
    text = PIPELINE.format(first="steps { unstable 'not quite' }", second="steps { sh 'true' }")
    text = text.replace("skipDefaultCheckout()", "skipDefaultCheckout()\n skipStagesAfterUnstable()")
    build = jenkins.build(branch="main", jenkinsfile=jenkins.write(text))
    assert build.outcome.stage("Second") == "SKIPPED"


def test_credential_that_is_missing_or_of_another_kind_fails(jenkins: Jenkins) -> None:
    for asked in (
        "string(credentialsId: 'nothing', variable: 'X')",
        "string(credentialsId: 'registry', variable: 'X')",
    ):
        build = run(jenkins, f"steps {{ withCredentials([{asked}]) {{ sh 'true' }} }}")
        assert build.outcome.result == "FAILURE"
        assert "There is no credential" in build.outcome.output


def test_stages_environment_ends_with_it(jenkins: Jenkins) -> None:
    first = "environment { A = 'one'\n B = \"${env.BRANCH_NAME}-${A}\" }\n steps { sh 'test \"$B\" = main-one' }"
    build = run(jenkins, first, "steps { sh 'test -z \"$A$B\"' }")
    assert build.outcome.result == "SUCCESS", build.outcome.output


def test_retry_and_caught_errors(jenkins: Jenkins) -> None:
    build = run(
        jenkins,
        "steps { retry(2) { sh 'test -e tried || { touch tried; exit 1; }' } }",
        "steps { catchError(buildResult: 'SUCCESS', stageResult: 'SUCCESS') { error 'no matter' } }",
    )
    assert build.outcome.result == "SUCCESS", build.outcome.output


def test_workspace_in_place_keeps_what_git_ignores_and_goes_back_to_its_branch(jenkins: Jenkins) -> None:
    (jenkins.source / ".git" / "info" / "exclude").write_text("kept/\n")
    (jenkins.source / "kept").mkdir()
    build = jenkins.build(tag="v1.2.0", answer="approve", in_place=True)
    assert build.outcome.result == "SUCCESS", build.outcome.output
    assert {call["folder"] for call in build.made} == {str(jenkins.source)}
    assert (jenkins.source / "kept").is_dir()
    assert not (jenkins.source / "reports").exists()
    assert (jenkins.source / ".git" / "HEAD").read_text() == "ref: refs/heads/main\n"
