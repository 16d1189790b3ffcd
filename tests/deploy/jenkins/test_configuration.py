"""What Jenkins is set up with: it can be read, and names what the Jenkinsfile asks for and nothing secret."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.jenkins import stand_in
from tests.deploy.jenkins.stand_in import ROOT

FOLDER = ROOT / "deploy" / "jenkins"
JENKINSFILE = (ROOT / "Jenkinsfile").read_text()
GUIDE = (ROOT / "docs" / "pipeline.md").read_text()
CASC: dict[str, Any] = yaml.safe_load((FOLDER / "casc.yaml").read_text())
KINDS = {"usernamePassword": "usernamePassword", "file": "file", "string": "string"}
RECORDER = """
class Recorder {
    List<String> said = []
    List<String> within = []

    def methodMissing(String name, arguments) {
        said << (within + name).join('.') + arguments.findAll { !(it instanceof Closure) }.collect { "=$it" }.join('')
        arguments.findAll { it instanceof Closure }.each { body ->
            within << name
            body.delegate = this
            body.resolveStrategy = Closure.DELEGATE_ONLY
            body()
            within.pop()
        }
    }

    def propertyMissing(String name) { name == 'REPOSITORY' ? 'given' : null }
}
def recorder = new Recorder()
def script = new GroovyShell().parse(new File(args[0]))
script.metaClass.methodMissing = { String name, arguments -> recorder.methodMissing(name, arguments) }
script.run()
recorder.said.each { println it }
"""


def kept() -> dict[str, str]:
    """Return the credentials that casc.yaml makes: id to kind."""
    listed = CASC["credentials"]["system"]["domainCredentials"][0]["credentials"]
    return {content["id"]: kind for one in listed for kind, content in one.items()}


def test_each_credential_of_the_jenkinsfile_is_made_of_its_kind_and_told_of() -> None:
    asked = re.findall(r"(usernamePassword|file|string)\(\s*credentialsId: '([^']+)'", JENKINSFILE)
    assert {name for _, name in asked} == {"registry", "ansible-vault", "deploy-ssh-key", "notify-url"}
    for kind, name in asked:
        assert kept()[name] == KINDS[kind]
        assert f"`{name}`" in GUIDE


def test_label_and_group_of_the_jenkinsfile_are_there() -> None:
    labels = {node["permanent"]["labelString"] for node in CASC["jenkins"]["nodes"]}
    assert set(re.findall(r"(?:label|node\() ?'([^']+)'", JENKINSFILE)) == labels == {"docker"}
    entries = CASC["jenkins"]["authorizationStrategy"]["globalMatrix"]["entries"]
    groups = {entry["group"]["name"]: entry["group"]["permissions"] for entry in entries if "group" in entry}
    (submitter,) = re.findall(r"submitter '([^']+)'", JENKINSFILE)
    assert submitter in groups
    allowed = {permission for permissions in groups.values() for permission in permissions}
    assert not allowed & {"Run/Replay", "Job/Configure", "Overall/Administer"}, "these step over the approval"


def test_nothing_secret_stands_in_the_configuration() -> None:
    for line in (FOLDER / "casc.yaml").read_text().splitlines():
        found = re.match(r"\s*(?:- )?(password|secret|secretBytes|privateKey|username|key): *(.*)", line)
        if found and found[2] not in ('"git"', '"IMAGE"'):
            assert re.fullmatch(r'"\$\{.+\}"', found[2]), f"write a variable or a file in place of: {line.strip()}"


def test_each_variable_of_the_configuration_is_told_of() -> None:
    text = re.sub(r"#.*", "", (FOLDER / "casc.yaml").read_text())
    for name in set(re.findall(r"\$\{([A-Z_]+)", text)):
        assert f"`{name}`" in GUIDE, f"add {name} to docs/pipeline.md"
    for name in set(re.findall(r"run/secrets\}/([a-z-]+)\}\"", text)):
        assert f"`{name}`" in GUIDE, f"add the file {name} to docs/pipeline.md"


def test_plugins_are_a_sorted_list_of_names() -> None:
    lines = (FOLDER / "plugins.txt").read_text().splitlines()
    names = [line for line in lines if not line.startswith("#")]
    assert names == sorted(set(names))
    assert all(re.fullmatch(r"[a-z-]+(:\S+)?", name) for name in names)
    needed = {"job-dsl", "configuration-as-code", "lockable-resources", "coverage", "basic-branch-build-strategies"}
    assert needed <= {name.partition(":")[0] for name in names}


@pytest.mark.usefixtures("jenkins")
def test_job_is_a_multibranch_pipeline_that_builds_branches_and_new_tags(tmp_path: Path) -> None:
    recorder = tmp_path / "record.groovy"
    recorder.write_text(RECORDER)
    done = subprocess.run(
        ["groovy", str(recorder), str(FOLDER / "jobs.groovy")],
        capture_output=True,
        text=True,
        env=stand_in.agent_environment(),
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    source = "multibranchPipelineJob.branchSources.branchSource"
    assert "multibranchPipelineJob=rollcall" in said
    for line in (
        "source.git.remote=given",
        "source.git.credentialsId=repository-ssh-key",
        "source.git.traits.gitBranchDiscovery",
        "source.git.traits.gitTagDiscovery",
        "buildStrategies.buildRegularBranches",
        "buildStrategies.buildTags.atMostDays=7",
    ):
        assert f"{source}.{line}" in said
    assert "repository-ssh-key" in kept()
