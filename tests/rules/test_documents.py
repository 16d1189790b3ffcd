"""What the documents promise, held against the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click import Group
from flask import Flask

import config
from app.core import metrics
from app.core.querycache import backends, estimates, keeper, store

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
MAKEFILE = (ROOT / "Makefile").read_text()
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()


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


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_of_groups_named_in_documents_are_there(document: Path, app: Flask) -> None:
    groups = {name: command for name, command in app.cli.commands.items() if isinstance(command, Group)}
    named = re.findall(rf"flask (?:--app run )?({'|'.join(groups)}) ([a-z-]+)", document.read_text())
    unknown = {(group, name) for group, name in named if group != "db" and name not in groups[group].commands}
    assert not unknown, f"{document.name} names commands that are not there: {unknown}"


def test_the_operators_guide_names_each_metric_and_no_other() -> None:
    counted = {name if name == metrics.UP else f"{name}_total" for name in metrics.OF_CACHE}
    named = {name for name in re.findall(r"^\| `(rollcall_\w+)` \|", OPERATIONS, flags=re.M) if "_cache_" in name}
    assert named == counted
    of_all = set(re.findall(r"^\| `(rollcall_\w+)` \|", OPERATIONS, flags=re.M))
    assert metrics.GAUGES.keys() <= of_all, f"add to docs/operations.md: {metrics.GAUGES.keys() - of_all}"


def test_the_operators_guide_explains_each_reason_why_redis_is_out_of_use() -> None:
    reasons = {store.SLOW, *(words for _kinds, words in store.REASONS)}
    missing = {words for words in reasons if f"| {words} |" not in OPERATIONS}
    assert not missing, f"add to the table of docs/operations.md: {missing}"


def test_the_operators_guide_names_each_option_of_redis_url() -> None:
    rows = "".join(re.findall(r"^\| (`s.*) \|.*\|$", OPERATIONS, flags=re.M))
    for option in set[str]().union(*config.REDIS_OPTIONS.values()):
        assert f"`{option}`" in rows, f"{option} is missing from docs/operations.md"


def test_the_redis_urls_of_the_operators_guide_are_taken() -> None:
    urls = re.findall(r"^REDIS_URL=(\S+)", OPERATIONS, flags=re.M)
    assert {url.partition(":")[0] for url in urls} == config.REDIS_FORMS.keys()
    for url in urls:
        config.load_config("testing", environ={}, REDIS_URL=url)


@pytest.mark.parametrize(
    ("promise", "share"),
    [
        ("about 15 minutes", store.KEPT_SECONDS / 60 / 15),
        ("at most 512 kB", store.LARGEST_BYTES / 1024 / 512),
        ("up to 64 MiB", backends.MEMORY_BYTES / 1024**2 / 64),
        ("takes longer than 10 ms", store.SLOW_SECONDS / 0.01),
        ("loses some 20 ms", store.REQUEST_SECONDS / 0.02),
        ("every few seconds, every 10 at most", keeper.LONGEST_SILENCE_SECONDS / 10),
        ("every ten seconds", keeper.ADDED_UP_EVERY_SECONDS / 10),
        ("at most ten minutes old", estimates.TOLD_FOR_SECONDS / 600),
    ],
)
def test_the_numbers_of_the_operators_guide_are_those_of_the_code(promise: str, share: float) -> None:
    assert promise in " ".join(OPERATIONS.split())
    assert share == pytest.approx(1), f"docs/operations.md says “{promise}”, the code says something else"


def test_each_make_target_tells_what_it_does() -> None:
    silent = [line for line in MAKEFILE.splitlines() if re.match(r"^[a-z-]+:(?!=)", line) and "## " not in line]
    assert not silent, f"add “## what it does”, so that make help lists it: {silent}"


def test_the_access_roles_of_the_guide_are_the_built_in_ones(app: Flask) -> None:
    from app.ui.labels import ACCESS_ROLES

    guide = (ROOT / "docs" / "administration.md").read_text()
    with app.app_context():
        for label in ACCESS_ROLES.values():
            assert re.search(rf"^\| {label} \|", guide, flags=re.M), f"{label} is missing from the guide"
