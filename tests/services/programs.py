"""Which of the programs that the tests start are installed here.

Run as a script it prints the names of the missing tiers, a line each. Standard library only: `scripts/install-services`
runs it before anything is installed.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

# A tier counts as installed when all its programs are there; of names in one group, the first one found is used.
TIERS = {
    "MariaDB": (("mariadbd",), ("mariadb-install-db",), ("mariadb",)),
    "PostgreSQL": (("postgres",), ("initdb",), ("psql",)),
    "Redis": (("redis-server",),),
    "Chromium": (("chromium", "chromium-browser", "google-chrome-stable", "google-chrome"),),
}


def find(name: str) -> str | None:
    """Return the path of the tier's program `name`; None when it isn't installed.

    Debian keeps PostgreSQL's server programs out of PATH, a folder for each version; all have to come from one.
    """
    for folder in postgresql_folders() if (name,) in TIERS["PostgreSQL"] else ():
        if (folder / name).exists():
            return str(folder / name)
    system = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])
    return shutil.which(name, path=system)


def postgresql_folders() -> list[Path]:
    """Return the program folders of the PostgreSQL servers that Debian packages installed, newest first."""
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return sorted(folders, key=lambda folder: [int(n) for n in re.findall(r"\d+", folder.parent.name)], reverse=True)


def program(tier: str, index: int = 0) -> str:
    """Return the path of a tier's program; a LookupError when it isn't installed."""
    for name in TIERS[tier][index]:
        if path := find(name):
            return path
    raise LookupError(f"{tier} is not installed: {' or '.join(TIERS[tier][index])} was not found")


def is_installed(tier: str) -> bool:
    """Say whether all programs of a tier are here."""
    return all(any(map(find, names)) for names in TIERS[tier])


def missing() -> list[str]:
    """Return the names of the tiers that are not installed."""
    return [tier for tier in TIERS if not is_installed(tier)]


if __name__ == "__main__":
    print("\n".join(missing()))  # noqa: T201
