"""What the documents promise, held against the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask

import config

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
MAKEFILE = (ROOT / "Makefile").read_text()


def setting_rows() -> dict[str, str]:
    """Return the README's table of settings: name to the whole row."""
    return {m[1]: m[0] for m in re.finditer(r"^\| `([A-Z_]+)`.*$", README, flags=re.M)}


@pytest.mark.parametrize("setting", config.SETTINGS, ids=lambda setting: setting.name)
def test_each_setting_stands_in_the_readme(setting: config.Setting) -> None:
    row = setting_rows().get(setting.name)
    assert row, f"{setting.name} is missing from the README's table"
    default = f"`{setting.default}`" if setting.default else "–"
    star = " *" if setting.secret else ""
    assert row == f"| `{setting.name}`{star} | {default} | {setting.does} |"


def test_the_readme_names_no_setting_that_is_gone() -> None:
    gone = setting_rows().keys() - {setting.name for setting in config.SETTINGS}
    assert not gone


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text()):
        if not target.startswith(("http:", "https:")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}, which is not there"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_make_targets_named_in_documents_are_there(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, flags=re.M))
    named = set(re.findall(r"(?:`|^)(?:\w+=\S+ )*make ([a-z-]+)", document.read_text(), flags=re.M))
    assert named <= targets, f"{document.name} names targets that are not in the Makefile: {named - targets}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_named_in_documents_are_there(document: Path, app: Flask) -> None:
    named = re.findall(r"flask --app run ([a-z-]+)", document.read_text())
    unknown = {name for name in named if name not in app.cli.commands and name not in ("db", "routes", "shell")}
    assert not unknown, f"{document.name} names commands that are not there: {unknown}"


def test_each_make_target_tells_what_it_does() -> None:
    silent = [line for line in MAKEFILE.splitlines() if re.match(r"^[a-z-]+:(?!=)", line) and "## " not in line]
    assert not silent, f"add “## what it does”, so that make help lists it: {silent}"


def test_the_access_roles_of_the_guide_are_the_built_in_ones(app: Flask) -> None:
    from app.ui.labels import ACCESS_ROLES

    guide = (ROOT / "docs" / "administration.md").read_text()
    with app.app_context():
        for label in ACCESS_ROLES.values():
            assert re.search(rf"^\| {label} \|", guide, flags=re.M), f"{label} is missing from the guide"
