"""`scripts/image` in a checkout of its own, with a Docker that only notes what it is asked for."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PUSHED = "registry.example.com/hr/rollcall"
DOCKER = """#!/bin/sh
echo "docker $*" >>"$NOTES"
case $1 in
login)
    { echo "config $DOCKER_CONFIG" && cat && echo; } >>"$NOTES"
    echo secret >"$DOCKER_CONFIG/config.json"
    ;;
build | push) [ ! -e "$REFUSES" ] ;;
esac || exit 1
case "$*" in
*Labels*) cat "$LABEL" ;;
*RepoDigests*) echo "other.example.com/rollcall@sha256:aaaa"; echo "registry.example.com/hr/rollcall@sha256:bbbb" ;;
"image inspect absent/"*) exit 1 ;;
esac
"""


class Checkout:
    """A commit with the script and what an image is made of."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.notes = folder / "checkout", folder / "notes"
        self.label, self.refuses, bin_folder = folder / "label", folder / "refuses", folder / "bin"
        bin_folder.mkdir()
        for name, text in {
            "docker": DOCKER,
            "scanner": '#!/bin/sh\necho "scanner $*" >>"$NOTES"\n[ ! -e "$REFUSES" ]\n',
        }.items():
            (bin_folder / name).write_text(text)
            (bin_folder / name).chmod(0o755)
        (self.folder / "scripts").mkdir(parents=True)
        (self.folder / "app").mkdir()
        shutil.copy(ROOT / "scripts" / "image", self.folder / "scripts")
        (self.folder / "run.py").write_text("pass\n")
        self.label.write_text("c0ffee\n")
        self.environment = {
            "PATH": f"{bin_folder}:{os.environ['PATH']}",
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "NOTES": str(self.notes),
            "LABEL": str(self.label),
            "REFUSES": str(self.refuses),
        }
        self.git("init", "--quiet", ".")
        self.git("add", ".")
        self.commit = (
            self.git("-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "a") or self.head()
        )

    def git(self, *words: str) -> str:
        """Run git here; the commit is of a known time in another zone."""
        environment = {**self.environment, "GIT_COMMITTER_DATE": "2026-11-21T23:30:00+02:00"}
        done = subprocess.run(["git", *words], cwd=self.folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def head(self) -> str:
        """Return the commit."""
        return self.git("rev-parse", "HEAD")

    def run(self, *words: str, **settings: str) -> tuple[int, str, str]:
        """Run the script; return exit code, stdout and stderr."""
        done = subprocess.run(
            ["scripts/image", *words],
            cwd=self.folder,
            env={**self.environment, **settings},
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout, done.stderr

    def noted(self) -> list[str]:
        """Return what Docker and the scanner were asked for."""
        return self.notes.read_text().splitlines() if self.notes.exists() else []


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_image_is_named_and_labelled_after_its_commit(checkout: Checkout) -> None:
    code, said, err = checkout.run("build")
    assert (code, said) == (0, ""), err
    (build,) = checkout.noted()
    assert f"--tag rollcall:{checkout.commit[:12]} " in build
    assert f"IMAGE_COMMIT={checkout.commit} " in build
    assert f"IMAGE_TAG={checkout.commit[:12]} " in build
    assert "IMAGE_TIME=2026-11-21T21:30:00Z " in build
    assert "BASE_IMAGE" not in build
    assert build.endswith(" .")


def test_settings_of_the_build_are_handed_on_without_their_values(checkout: Checkout) -> None:
    settings = {"BASE_IMAGE": "python:3.13", "PIP_INDEX_URL": "https://ana:S3cret@packages.example.com", "TAG": "v1"}
    code, _, err = checkout.run("build", IMAGE=PUSHED, DOCKER_BUILD_FLAGS="--network=host --pull", **settings)
    assert code == 0, err
    (build,) = checkout.noted()
    assert build.startswith(f"docker build --network=host --pull --tag {PUSHED}:v1 ")
    assert "--build-arg BASE_IMAGE --build-arg PIP_INDEX_URL ." in build
    assert "S3cret" not in build + err


@pytest.mark.parametrize("change", ["run.py", "app/new.py"])
def test_what_is_in_no_commit_shows_in_the_label(checkout: Checkout, change: str) -> None:
    (checkout.folder / change).write_text("changed\n")
    checkout.run("build")
    assert f"IMAGE_COMMIT={checkout.commit}-dirty " in checkout.noted()[0]


def test_what_goes_into_no_image_does_not(checkout: Checkout) -> None:
    (checkout.folder / "report.xml").write_text("a pipeline's own\n")
    checkout.run("build")
    assert f"IMAGE_COMMIT={checkout.commit} " in checkout.noted()[0]


def test_source_is_told_where_it_is_no_secret(checkout: Checkout) -> None:
    checkout.git("remote", "add", "origin", "https://git.example.com/hr/rollcall")
    checkout.run("build")
    checkout.git("remote", "set-url", "origin", "https://ana:S3cret@git.example.com/hr/rollcall")
    checkout.run("build")
    first, second = checkout.noted()
    assert "IMAGE_SOURCE=https://git.example.com/hr/rollcall " in first
    assert "S3cret" not in second


def test_failed_build_is_a_failure(checkout: Checkout) -> None:
    checkout.refuses.touch()
    code, said, err = checkout.run("build")
    assert (code, said) == (1, "")
    assert "was not built" in err


def test_push_signs_in_for_itself_only_and_prints_the_digest(checkout: Checkout, tmp_path: Path) -> None:
    code, said, err = checkout.run("push", IMAGE=PUSHED, TAG="v1", REGISTRY_USER="ana", REGISTRY_PASSWORD="S3cret pass")
    assert code == 0, err
    assert said == f"{PUSHED}@sha256:bbbb\n"
    noted = checkout.noted()
    assert "docker login --username ana --password-stdin registry.example.com" in noted
    assert "S3cret pass" in noted, "Docker reads it from its standard input"
    assert f"docker push {PUSHED}:v1" in noted
    assert "S3cret" not in said + err + "".join(line for line in noted if line.startswith("docker"))
    (kept,) = [Path(line.removeprefix("config ")) for line in noted if line.startswith("config ")]
    assert kept.parent == tmp_path
    assert not kept.exists(), "the sign-in is left on the machine"


def test_push_without_a_user_signs_in_nowhere(checkout: Checkout) -> None:
    code, _, err = checkout.run("push", IMAGE=PUSHED)
    assert code == 0, err
    assert not [line for line in checkout.noted() if "login" in line]


@pytest.mark.parametrize(
    ("label", "settings", "words"),
    [
        ("c0ffee-dirty", {"IMAGE": PUSHED}, "holds changes that are in no commit"),
        ("", {"IMAGE": PUSHED}, "does not say which commit it holds"),
        ("c0ffee", {}, "IMAGE=rollcall names no registry"),
        ("c0ffee", {"IMAGE": PUSHED, "REGISTRY_USER": "ana"}, "REGISTRY_PASSWORD is not"),
    ],
)
def test_what_should_not_be_pushed_is_not(checkout: Checkout, label: str, settings: dict[str, str], words: str) -> None:
    checkout.label.write_text(label + "\n")
    code, said, err = checkout.run("push", **settings)
    assert (code, said) == (1, "")
    assert words in err
    assert not [line for line in checkout.noted() if line.startswith("docker push")]


def test_refused_push_is_a_failure(checkout: Checkout) -> None:
    checkout.refuses.touch()
    code, said, err = checkout.run("push", IMAGE=PUSHED)
    assert (code, said) == (1, "")
    assert "was not pushed" in err


def test_scan_fails_on_serious_holes_that_can_be_mended(checkout: Checkout) -> None:
    code, _, err = checkout.run("scan", SCANNER="scanner --quiet", TAG="v1")
    assert code == 0, err
    (asked,) = [line for line in checkout.noted() if line.startswith("scanner")]
    assert asked.startswith("scanner --quiet image --exit-code 1 --severity HIGH,CRITICAL --ignore-unfixed ")
    assert asked.endswith(" rollcall:v1")
    checkout.refuses.touch()
    code, _, err = checkout.run("scan", SCANNER="scanner", TAG="v1")
    assert code == 1
    assert "rollcall:v1 has serious holes" in err


def test_what_is_missing_is_named(checkout: Checkout) -> None:
    assert "no-scanner is not installed" in checkout.run("scan", SCANNER="no-scanner")[2]
    assert "There is no image absent/rollcall:v1" in checkout.run("push", IMAGE="absent/rollcall", TAG="v1")[2]
    code, _, err = checkout.run("mend")
    assert (code, err) == (1, "Say what to do: scripts/image build, scan or push.\n")
    shutil.rmtree(checkout.folder / ".git")
    code, _, err = checkout.run("build", GIT_CEILING_DIRECTORIES=str(checkout.folder.parent))
    assert code == 1
    assert "TAG=1.0" in err
