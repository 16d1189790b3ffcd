from __future__ import annotations

from pathlib import Path

import pytest

from app.core.storage import Storage, make_store


@pytest.fixture
def folder_url(tmp_path: Path) -> str:
    """Return the URL of a folder that is not there yet."""
    return (tmp_path / "a store" / "of ours").as_uri()


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Give an empty store of each kind."""
    if request.param == "folder":
        return make_store(request.getfixturevalue("folder_url"), tmp_path)
    url: str = request.getfixturevalue("s3_url")
    return make_store(url.replace("?", "/of%20ours/archive?"), tmp_path)
