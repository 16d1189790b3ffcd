"""What programs say of the files that only they understand; `scripts/lint-deploy` asks the others."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.ansible.test_units import FOLDER, PROGRAM

ROOT = Path(__file__).parents[2]
ALERTS = Path(__file__).parents[1] / "ansible" / "alerts.test.yml"


def test_alerts_fire_when_they_should() -> None:
    done = subprocess.run(
        ["promtool", "test", "rules", ALERTS.name], cwd=ALERTS.parent, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_systemd_understands_its_units(tmp_path: Path) -> None:
    for unit in FOLDER.iterdir():  # without what only an installation has
        text = unit.read_text(encoding="utf-8").replace(PROGRAM, "/bin/true")
        text = re.sub(r"^(User|Group|WorkingDirectory|EnvironmentFile)=.*\n", "", text, flags=re.M)
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", *sorted(tmp_path.iterdir())], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_nginx_takes_its_files() -> None:
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "COMPOSE": "true"}
    done = subprocess.run([ROOT / "scripts/compose", "check"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "nginx: good, plain and with TLS." in done.stderr
