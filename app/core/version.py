"""Which release this code is; `pyproject.toml` holds the same number."""

VERSION = "0.1.0"
