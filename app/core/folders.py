"""Folders that are still there after a power cut."""

from __future__ import annotations

import os
from typing import AnyStr


def make_folder(folder: AnyStr) -> None:
    """Make a folder, named from the root on, and those above it, for the owner only; what is there stays as it is."""
    if os.path.isdir(folder):
        return
    above = os.path.dirname(folder)
    make_folder(above)
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        if not os.path.isdir(folder):  # else somebody else was faster
            raise
    sync_folder(above)


def sync_folder(folder: AnyStr) -> None:
    """Wait until the disk has what was last made, renamed or removed in a folder."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
