#!/usr/bin/python
"""Ansible module: one server's release, asked for, replaced, brought back or kept."""

from __future__ import annotations

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.rollcall_docker import Docker, Hangs, Login, Trouble, repository
from ansible.module_utils.rollcall_host import (
    Containers,
    Notes,
    Release,
    good_one,
    older_than,
    put_settings,
    put_settings_back,
)

DOCUMENTATION = r"""
module: rollcall_release
short_description: Bring a release of Rollcall to a server, or the one before back
description:
  - Each state is one step of a deployment and does all of it on the server, so that a deployment takes few round trips.
options:
  state:
    description:
      - C(asked) says what runs and what would have to be replaced, and fetches the image where C(pull) says so.
      - C(replaced) puts the application and its worker of the image in the place of those that run.
      - C(finished) notes what runs now. C(back) starts again what was replaced. C(kept) removes what is not needed
        any more and lets others deploy, C(unlocked) does that only.
    choices: [asked, replaced, finished, back, kept, unlocked]
    type: str
    required: true
  image: {description: Name of the image without tag., type: str, required: true}
  tag: {description: Tag to deploy; none looks up the release before the current one., type: str}
  digest: {description: Digest that the image has to have., type: str}
  of: {description: Run whose release is to be taken back; what another one deployed stays., type: str}
  commit: {description: Commit that the image has to be of., type: str}
  pull: {description: Whether to ask the registry., choices: [always, missing, never], default: missing, type: str}
  registry_user: {description: Account at the registry., type: str}
  registry_password: {description: Its password., type: str}
  settings: {description: Settings of the application., type: dict, default: {}}
  secrets: {description: Those that no others may read., type: dict, default: {}}
  address: {description: Address to serve on., type: str}
  port: {description: Port to serve on., type: int, default: 8000}
  folder: {description: Folder of settings and notes., type: path, default: /etc/rollcall}
  data: {description: Folder of the application's files., type: path, default: /var/lib/rollcall}
  run: {description: Name or address of the pipeline's run., type: str, default: ""}
  run_id: {description: What tells this run from every other., type: str, required: true}
  is_rollback: {description: Whether the image is an earlier one., type: bool, default: false}
  lock: {description: Whether this server holds the lock., type: bool, default: false}
  keep: {description: Number of images to keep., type: int, default: 3}
  pull_timeout: {description: Seconds for a pull., type: int, default: 300}
  ready_timeout: {description: Seconds until the application has to be ready., type: int, default: 60}
  stop_timeout: {description: Seconds that the old application has to end., type: int, default: 40}
author: ["Rollcall"]
"""

OPTIONS: dict[str, dict[str, Any]] = {
    "state": {"choices": ["asked", "replaced", "finished", "back", "kept", "unlocked"], "required": True},
    "image": {"required": True},
    "tag": {},
    "digest": {},
    "of": {},
    "commit": {},
    "pull": {"choices": ["always", "missing", "never"], "default": "missing"},
    "registry_user": {},
    "registry_password": {"no_log": True},
    "settings": {"type": "dict", "default": {}},
    "secrets": {"type": "dict", "default": {}, "no_log": True},
    "address": {},
    "port": {"type": "int", "default": 8000},
    "folder": {"type": "path", "default": "/etc/rollcall"},
    "data": {"type": "path", "default": "/var/lib/rollcall"},
    "run": {"default": ""},
    "run_id": {"required": True},
    "is_rollback": {"type": "bool", "default": False},
    "lock": {"type": "bool", "default": False},
    "keep": {"type": "int", "default": 3},
    "pull_timeout": {"type": "int", "default": 300},
    "ready_timeout": {"type": "int", "default": 60},
    "stop_timeout": {"type": "int", "default": 40},
}

Result = dict[str, Any]


class Locked(Trouble):
    """Another run deploys, so this one may touch nothing."""


def main() -> None:
    """Do what the state names, and end with one sentence where it can't be done."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    step: Result = {"step": module.params["state"]}
    try:
        if step["step"] in ("asked", "unlocked") or module.check_mode:
            result = STATES[step["step"]](module)
        else:
            limit = module.params["ready_timeout"] + module.params["stop_timeout"] + 30
            with Notes(module.params["folder"]).alone(limit):
                result = STATES[step["step"]](module)
    except Trouble as trouble:
        kind = {"hangs": isinstance(trouble, Hangs), "is_locked": isinstance(trouble, Locked)}
        module.fail_json(msg=str(trouble), rollcall={**step, **kind, "log": trouble.log})
    except OSError as error:
        module.fail_json(msg=f"{error.filename or 'A file'}: {error.strerror}.", rollcall=step)
    module.exit_json(changed=result.pop("changed", False), rollcall={**step, **result})


def asked(module: AnsibleModule) -> Result:
    """Say what runs, what is wanted, and whether that takes a replacement; nothing of what runs is touched."""
    params, notes = module.params, Notes(module.params["folder"])
    has_lock = params["lock"] and not module.check_mode
    if has_lock:
        _take_lock(notes, params)
    try:
        return {**_looked(module, notes), "has_lock": has_lock}
    except Trouble:
        if has_lock:
            notes.unlock(params["run_id"])  # what can't be asked here is left out by those who go on
        raise


def _looked(module: AnsibleModule, notes: Notes) -> Result:
    """Say what runs and what is wanted, with the image at hand."""
    params = module.params
    releases, replacing = notes.releases(), notes.replacing()
    current: Release | None = releases["current"]
    result: Result = {"before": good_one(replacing) if replacing else current, "is_unfinished": replacing is not None}
    result["is_ours"] = bool(current and current["run_id"] == params["run_id"])
    result["is_locked_by_another"] = notes.is_locked_by_another(params["run_id"])
    if params["pull"] == "never":
        Docker(module).do("version", limit=15)
        return result
    if replacing and not params["tag"]:
        raise Trouble("A run that did not end left this server half replaced: say by TO= which tag it should have.")
    wanted = _wanted(releases, params)
    with Login(module, params["image"], params["registry_user"] or "", params["registry_password"] or "") as docker:
        found, is_new = _fetch(module, docker, wanted)
    if params["digest"] and found["digest"] != params["digest"]:
        raise Trouble(f"{params['tag']} is {found['digest']} here and {params['digest']} elsewhere: push it once more.")
    if params["commit"] and found["commit"] and found["commit"] != params["commit"]:
        raise Trouble(f"{wanted['tag']} was made of commit {found['commit']} where {params['commit']} was meant.")
    target = {**wanted, **found}
    containers = Containers(Docker(module), notes, params)
    is_needed = replacing is not None or not containers.are(containers.made_of(target["id"]))
    return {**result, "target": target, "is_needed": is_needed, "changed": is_new}


def _take_lock(notes: Notes, params: dict[str, Any]) -> None:
    by = notes.lock(params["run"] or params["run_id"], params["run_id"])
    if by:
        raise Locked(f"Another run deploys: {by}. Wait for it; where it is gone for good: scripts/deploy unlock.")


def _wanted(releases: dict[str, Any], params: dict[str, Any]) -> Release:
    """Return the release that the tag names, or the one deployed before the current one."""
    known: list[Release] = [r for r in [releases["current"], *releases["previous"]] if r]
    if params["tag"]:
        # The registry says what the tag means to a deployment, the server's notes what it meant to a rollback.
        same = [r for r in known if r["tag"] == params["tag"]] if params["pull"] == "missing" else []
        fresh = {"image": params["image"], "tag": params["tag"], "digest": ""}
        return {**same[0]} if same else fresh
    current = releases["current"] or {}
    if params["of"] and current and current["run"] != params["of"]:
        return {**current}
    older = current.get("older")
    if not older:
        raise Trouble("This server knows no release before the current one: name a tag by TO=.")
    return {**next((r for r in known if r["digest"] == older["digest"]), older)}


def _fetch(module: AnsibleModule, docker: Docker, wanted: Release) -> tuple[Release, bool]:
    """Return the image on this server, fetched where it has to be, and whether it is new here."""
    params = module.params
    digest = wanted.get("digest")
    reference = f"{wanted['image']}@{digest}" if digest else f"{wanted['image']}:{wanted['tag']}"
    had = docker.image(reference)
    if had and params["pull"] == "missing":
        return had, False
    if module.check_mode:
        return had or {"id": "", "digest": digest or "", "commit": ""}, False
    docker.pull(reference, params["pull_timeout"])
    found = docker.image(reference)
    if found is None:
        raise Trouble(f"{reference} was pulled and is not there: look whether the disk is full.")
    return found, had is None or had["id"] != found["id"]


def replaced(module: AnsibleModule) -> Result:
    """Replace both containers; whatever fails here leaves the note that the way back needs."""
    params, notes = module.params, Notes(module.params["folder"])
    docker = Docker(module)
    containers = Containers(docker, notes, params)
    tag = params["tag"] or ""
    reference = f"{params['image']}@{params['digest']}" if params["digest"] else f"{params['image']}:{tag}"
    found = docker.image(reference)
    if module.check_mode:
        return {"changed": True, "after": {"tag": tag}}
    if found is None:
        raise Trouble(f"{reference} is not on this server: run the deployment again.")
    releases = notes.releases()
    if notes.replacing() is None and containers.are(containers.made_of(found["id"])):
        return {"after": releases["current"], "is_same": True}  # it only stood drained
    release: Release = {"image": params["image"], "tag": tag, **found, "deployed": int(time.time())}
    release.update(run_id=params["run_id"], run=params["run"], older=older_than(release, releases["current"]))
    for known in releases["previous"]:
        if known["digest"] == found["digest"]:
            # A rollback does not make it a newer one: the next goes further back, not forward again.
            release.update(is_known=True, **({"older": known.get("older")} if params["is_rollback"] else {}))
    if notes.replacing() is None:
        containers.remove_those_before()  # of a run that ended well and could not tidy up; never to go back to
    note = notes.begin("forth", releases["current"], release, params["run_id"])
    put_settings(notes.folder, params["settings"], params["secrets"])
    containers.put_aside()
    containers.start(release, params["run"])
    return {"changed": True, "before": note["from"], "after": release}


def back(module: AnsibleModule) -> Result:
    """Start again what this run, or one that failed before, replaced."""
    params, notes = module.params, Notes(module.params["folder"])
    containers = Containers(Docker(module), notes, params)
    current, note = notes.releases()["current"], notes.replacing()
    if note is None and not (current and current["run_id"] == params["run_id"]):
        return {"after": current}
    if note is None:
        old, new = current["instead_of"], current
    else:
        old = good_one(note)
        new = note["to"] if note["way"] == "forth" else note["from"]
    if module.check_mode:
        return {"changed": True, "after": old}
    notes.begin("back", new, {**old, "run_id": old.get("run_id", "")} if old else None, params["run_id"])
    containers.remove_new(old)
    put_settings_back(notes.folder)
    if old:
        containers.start_those_before(old, old.get("run", ""))
    return {"changed": True, "after": old}


def finished(module: AnsibleModule) -> Result:
    """Note what runs now; the replacement is over."""
    notes = Notes(module.params["folder"])
    if module.check_mode:
        return {"now": notes.releases()["current"]}
    note = notes.replacing()
    if note and note["to"]:
        Containers(Docker(module), notes, module.params).worker_lives()
    return {"changed": note is not None, "now": notes.settle(module.params["keep"])}


def kept(module: AnsibleModule) -> Result:
    """Remove what was put aside, and images but those of the last releases; let others deploy."""
    params, notes = module.params, Notes(module.params["folder"])
    docker = Docker(module)
    if module.check_mode:
        return {}
    notes.unlock(params["run_id"])
    if notes.replacing():
        return {}
    is_changed = Containers(docker, notes, params).remove_those_before()
    releases = notes.releases()
    last = [r["id"] for r in [releases["current"], *releases["previous"]] if r]
    removed = _remove_images(docker, repository(params["image"]), last)
    return {"changed": is_changed or bool(removed), "removed": removed}


def _remove_images(docker: Docker, name: str, last: list[str]) -> list[str]:
    """Remove the images of this name but the last ones; a disk that fills slowly is no reason to fail."""
    removed = []
    try:
        listed = docker.do("image", "ls", "--no-trunc", "--digests", "--format", "{{.ID}} {{.Tag}} {{.Digest}}", name)
        for line in listed.splitlines():
            image, tag, digest = line.split()
            if image not in last:
                reference = f"{name}:{tag}" if tag != "<none>" else f"{name}@{digest}"
                code, _out, _err = docker.ask("rmi", reference, limit=120)  # refused while a container uses it: right
                removed += [reference] if code == 0 else []
    except Trouble:
        pass
    return removed


def unlocked(module: AnsibleModule) -> Result:
    """Let others deploy."""
    if not module.check_mode:
        Notes(module.params["folder"]).unlock(module.params["run_id"])
    return {}


STATES = {"asked": asked, "replaced": replaced, "finished": finished, "back": back, "kept": kept, "unlocked": unlocked}

if __name__ == "__main__":
    main()
