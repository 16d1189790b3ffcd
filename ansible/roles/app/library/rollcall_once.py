#!/usr/bin/python
"""Ansible module: one command of the application, in a container that is gone afterwards or in the one that serves."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.rollcall_docker import Docker, Trouble
from ansible.module_utils.rollcall_host import APP, SECURED, write_settings

DOCUMENTATION = r"""
module: rollcall_once
short_description: Run one command of Rollcall on a server
description:
  - The secrets that the command gets are in a folder of memory for as long as it runs.
options:
  command: {description: Words of the command., type: list, elements: str, required: true}
  image: {description: Image to run; none runs the command in the container that serves., type: str}
  settings: {description: Settings of the application., type: dict, default: {}}
  secrets: {description: Those that no others may read., type: dict, default: {}}
  data: {description: Folder of the application's files., type: path, default: /var/lib/rollcall}
  limit: {description: Seconds that it may take., type: int, default: 60}
  may_end_with: {description: Exit codes that are no failure., type: list, elements: int, default: [0]}
author: ["Rollcall"]
"""

OPTIONS: dict[str, dict[str, Any]] = {
    "command": {"type": "list", "elements": "str", "required": True},
    "image": {},
    "settings": {"type": "dict", "default": {}},
    "secrets": {"type": "dict", "default": {}, "no_log": True},
    "data": {"type": "path", "default": "/var/lib/rollcall"},
    "limit": {"type": "int", "default": 60},
    "may_end_with": {"type": "list", "elements": "int", "default": [0]},
}


def main() -> None:
    """Run the command, and fail with its last lines where it ends with another code than may be."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=False)
    params = module.params
    command, docker = params["command"], Docker(module)
    step: dict[str, Any] = {"step": command[0]}
    try:
        if params["image"]:
            code, out, err = _in_a_container(docker, params)
        else:
            code, out, err = docker.ask("exec", APP, "flask", "--app", "run", *command, limit=params["limit"])
    except Trouble as trouble:
        module.fail_json(msg=f"{command[0]}: {trouble}", rollcall={**step, "log": trouble.log})
    step |= {"code": code, "lines": out.splitlines()[-40:]}
    if code not in params["may_end_with"]:
        lines = [*step["lines"], *err.splitlines()[-20:]]
        module.fail_json(msg=f"{command[0]} ended with {code}.", rollcall={**step, "log": lines[-30:]})
    module.exit_json(changed=False, stdout=out, rollcall=step)


def _in_a_container(docker: Docker, params: dict[str, Any]) -> tuple[int, str, str]:
    """Run the command as a container of its own, with settings and secrets of its own."""
    shared = "/run" if Path("/run").is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix="rollcall-once-", dir=shared))
    # Where the command takes too long, `timeout` ends Docker's client only: the container is ended by its name.
    name = f"rollcall-once-{folder.name.rpartition('-')[2]}"
    try:
        write_settings(folder, folder / "secrets", params["settings"], params["secrets"])
        folder.chmod(0o711)  # the application's user has to reach the secrets below
        words = ["run", "--rm", "--name", name, *SECURED, "--env-file", f"{folder}/app.env"]
        words += ["--volume", f"{folder}/secrets:/run/secrets:ro", "--volume", f"{params['data']}:/var/lib/rollcall"]
        return docker.ask(*words, params["image"], *params["command"], limit=params["limit"])
    except Trouble:
        docker.ask("rm", "-f", name)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
