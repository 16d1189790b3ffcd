from __future__ import annotations

import pytest
from flask import Flask

from tests.hashing import CountingHasher
from tests.sample import PASSWORD, Sample, account
from tests.web.signing import EMAIL


@pytest.fixture
def ana(app: Flask, sample: Sample, hasher: CountingHasher) -> int:
    """Give a member of staff with a password."""
    with app.app_context():
        return account("staff", EMAIL, sample.people["Dee"], password=PASSWORD)
