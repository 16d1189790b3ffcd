"""What a deployment came to, server by server, from the notes of its runs; scripts/deploy prints it last.

    python scripts/deploy_summary.py deploy|rollback NOTES CODE [NOTES_OF_THE_WAY_BACK CODE]
    python scripts/deploy_summary.py is-untouched NOTES

Exit code 0 where every server has what it should have; `is-untouched` ends with 0 where no way back is needed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LOOKING = "Look how the servers stand at the load balancer"
DRAINING_HANGING = "Drain the servers that hang"
HEADINGS = ("server", "before", "after", "state")

Note = dict[str, Any]


@dataclass(slots=True)
class Server:
    """One application server as the notes tell of it."""

    name: str
    before: str = ""
    after: str = ""
    state: str = "untouched"
    is_good: bool = True
    log: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Run:
    """A playbook that ran: what was noted meanwhile, and its exit code."""

    notes: list[Note]
    code: int

    @property
    def balancers(self) -> list[str]:
        """Return the names of the load balancers."""
        return list(dict.fromkeys(note["host"] for note in self.notes if note["task"] == LOOKING))

    def of_servers(self) -> Iterator[Note]:
        """Yield what application servers did themselves."""
        for note in self.notes:
            if note["task"] not in (LOOKING, DRAINING_HANGING) and "balancer" not in note:
                yield note

    def cause(self) -> Note | None:
        """Return the note of what made it fail: what came last, for nothing goes on after it."""
        bad = [
            note for note in self.notes if note["outcome"] != "ok" and note["task"] not in (LOOKING, DRAINING_HANGING)
        ]
        failed = [note for note in bad if note["outcome"] == "failed" or "balancer" not in note]
        return failed[-1] if failed else None

    def left_out(self) -> list[str]:
        """Return the load balancers that did not answer, at the start or later."""
        away = [n["host"] for n in self.notes if n["task"] == LOOKING and "servers" not in n]
        away += [n["balancer"] for n in self.notes if "balancer" in n and n["outcome"] == "unreachable"]
        return list(dict.fromkeys(away))

    def drained(self, server: str) -> list[str]:
        """Return the load balancers at which a server that hangs was drained."""
        notes = (n for n in self.notes if n["task"] == DRAINING_HANGING and n.get("server") == server)
        return [n["host"] for n in notes if n["outcome"] == "ok" and "left" in n]


def main(words: list[str]) -> int:
    """Print the summary and return the exit code for the whole."""
    kind, *rest = words
    if kind == "is-untouched":
        return 0 if is_untouched(read(rest[0])) else 1
    forth = Run(read(rest[0]), int(rest[1]))
    back = Run(read(rest[2]), int(rest[3])) if len(rest) > 2 else None
    servers = look(forth, back)
    print("\n".join(lines(kind, forth, back, servers)))
    return 0 if forth.code == 0 and back is None and all(server.is_good for server in servers) else 1


def read(path: str) -> list[Note]:
    """Return the notes of a run; one that noted nothing has none."""
    file = Path(path)
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


def is_untouched(notes: list[Note]) -> bool:
    """Say whether the run ended before it might have changed anything, or leave what another run holds."""
    asked = [note for note in notes if note.get("step") == "asked"]
    return not asked or any(note.get("is_locked") for note in asked)


def look(forth: Run, back: Run | None) -> list[Server]:
    """Return the application servers with what became of them."""
    servers: dict[str, Server] = {}
    for note in forth.of_servers():
        _forth(servers.setdefault(note["host"], Server(note["host"])), note)
    for note in back.of_servers() if back else ():
        _back(servers.setdefault(note["host"], Server(note["host"])), note)
    for server in servers.values():
        places = (back or forth).drained(server.name)
        if places:
            server.state = f"hangs; drained at {', '.join(places)}"
            server.is_good = False
        elif server.state == "hangs":
            server.state = "hangs; drained nowhere"
    for note in back.notes if back else ():
        server = servers.get(note["host"])
        if server and note.get("step") in ("drained", "ready") and note["outcome"] == "failed":
            server.is_good = False
            server.state = f"did not go back: {note.get('message', '')}"
    return sorted(servers.values(), key=lambda server: server.name)


def _forth(server: Server, note: Note) -> None:
    """Follow one note of the run itself."""
    step, is_ok = note.get("step"), note["outcome"] == "ok"
    if step == "asked" and is_ok and "before" in note:
        server.before = server.after = title(note["before"])
        if note.get("is_needed") is False:
            server.state = "has it already"
    elif step == "replaced" and is_ok and "after" in note:
        server.after = title(note["after"])
        server.state = "replaced" if "id" in note["after"] else "would be replaced"
        if note.get("is_same"):
            server.state = "has it already, serves again"
    elif step == "finished" and is_ok:
        if server.state == "replaced":
            server.after = title(note["now"])
    elif note["outcome"] == "unreachable" or note.get("hangs"):
        server.state, server.is_good = "hangs", False
    if not is_ok and note.get("log"):
        server.log = note["log"]


def _back(server: Server, note: Note) -> None:
    """Follow one note of the way back."""
    step, is_ok = note.get("step"), note["outcome"] == "ok"
    if step == "asked" and "before" in note:
        server.is_good = True
        if not server.before:
            server.before = server.after = title(note["before"])
        if server.state == "hangs":
            server.state = "untouched"
    elif note["outcome"] == "unreachable" or note.get("hangs") or (step == "asked" and "before" not in note):
        server.state, server.is_good = "hangs", False
    elif step == "back" and is_ok:
        server.after = title(note["after"])
        server.state = "went back" if note["after"] else "stopped: there was nothing before"
    elif step == "back":
        server.after, server.is_good = "–", False
        server.state = f"did not go back, stays drained: {note.get('message', '')}"
    elif step == "finished" and is_ok:
        server.after = title(note["now"])


def still_locked(forth: Run, back: Run | None, servers: list[Server]) -> list[str]:
    """Return the servers that hold the lock of this run and could not be asked to give it back."""
    hanging = {server.name for server in servers if server.state.startswith("hangs")}
    given = [n["host"] for n in (back.notes if back else ()) if n.get("step") == "unlocked" and n["outcome"] == "ok"]
    return [n["host"] for n in forth.notes if n.get("has_lock") and n["host"] in hanging and n["host"] not in given]


def title(release: Note | None) -> str:
    """Return a release as the table shows it."""
    if not release:
        return "–"
    commit = release.get("commit") or ""
    return f"{release['tag']} ({commit[:7]})" if commit and commit[:7] not in release["tag"] else release["tag"]


def lines(kind: str, forth: Run, back: Run | None, servers: list[Server]) -> Iterator[str]:
    """Yield the summary: what it came to in a sentence, the table, and what went wrong."""
    yield f"Summary of this {'deployment' if kind == 'deploy' else 'rollback'}: {_verdict(forth, back, servers)}"
    yield ""
    rows = [HEADINGS, *((s.name, s.before or "?", s.after or "?", s.state) for s in servers)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS) - 1)]
    for row in rows:
        yield "  " + "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])
    cause = forth.cause() if forth.code or not all(server.is_good for server in servers) else None
    if cause:
        what = cause.get("message") or "no reason was given"
        yield ""
        yield f"What went wrong: {cause['host']}, “{cause['task']}”: {what}"
        for line in cause.get("log") or ():
            yield f"  | {line}"
    for name in dict.fromkeys([*forth.left_out(), *(back.left_out() if back else ())]):
        yield f"The load balancer {name} did not answer and was left out; look after it before the next run."
    for name in still_locked(forth, back, servers):
        yield f"{name} hangs with the lock of this run: once it answers again, scripts/deploy unlock, then deploy."
    for note in forth.notes:
        place = note.get("balancer", note["host"])
        if note.get("step") == "ready" and note.get("is_taken_out"):
            yield f"{note['server']} is in maintenance at {place} and stays there, until somebody sets it ready."
        elif note.get("step") == "drained" and note.get("left"):
            yield f"{note['server']} still had {note['left']} sessions at {place} when it was replaced."
        elif note.get("step") == "kept" and note.get("message"):
            yield f"What {note['host']} does not need any more is still there: {note['message']}"


def _verdict(forth: Run, back: Run | None, servers: list[Server]) -> str:
    hanging = [server.name for server in servers if not server.is_good]
    hand = f" {', '.join(hanging)} needs a hand; see docs/deploying.md." if hanging else ""
    if forth.code == 0 and back is None:
        if hanging:
            return f"done but for some.{hand}"
        changed = [server for server in servers if server.state in ("replaced", "has it already, serves again")]
        if any(server.state == "would be replaced" for server in servers):
            return "this is what it would do; nothing was changed."
        return f"done on {len(changed)} of {len(servers)} servers." if changed else "nothing to do."
    if any(server.state.startswith(("went back", "stopped")) for server in servers):
        return f"FAILED; what ran before runs again.{hand}"
    if back is not None and back.code:
        return f"FAILED, and so did the way back.{hand or ' See the lines above.'}"
    return f"FAILED; nothing was replaced.{hand}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
