"""Where the archive and files go: a folder, or a bucket of S3 or of what speaks its language."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, current_app

from app.core.storage.folder import folder_of
from app.core.storage.s3 import bucket_of
from app.core.storage.store import Missing, Storage, StorageAway, StorageRefused

__all__ = ["Missing", "Storage", "StorageAway", "StorageRefused", "init_storage", "make_store", "storage"]


def init_storage(app: Flask, config: Mapping[str, Any]) -> None:
    """Give `app` the store of `STORAGE_URL`; nothing is asked or made before it is used. Raises SystemExit."""
    try:
        app.extensions["storage"] = make_store(config["STORAGE_URL"], Path(config["INSTANCE_PATH"]))
    except ValueError as error:
        raise SystemExit(f"STORAGE_URL {error}.") from error


def storage() -> Storage:
    """Return the store of the application being served."""
    found: Storage = current_app.extensions["storage"]
    return found


def make_store(url: str, base: Path) -> Storage:
    """Return the store of a URL, a relative folder below `base`; raises ValueError with what is wrong, no secret."""
    try:
        parts = urlsplit(url)
    except ValueError:  # it would repeat what may be a secret
        raise ValueError("is no URL that can be read: write “[”, “]” and “@” in keys as %5B, %5D and %40") from None
    if parts.scheme == "file":
        return folder_of(parts, base)
    if parts.scheme == "s3":
        return bucket_of(parts)
    raise ValueError("is neither file:///… nor s3://bucket/prefix")
