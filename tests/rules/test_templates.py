"""Templates hold no bare words, no inline script or style, and no script without a nonce."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask
from jinja2 import nodes

TEMPLATES = Path(__file__).parents[2] / "app" / "templates"
FILES = sorted(TEMPLATES.rglob("*.html"))
WORD = re.compile(r"[^\W\d_]{2,}")
TAG = re.compile(r"<[^>]*>?|^[^<]*?>", flags=re.S)
# Texts that are words for machines: the document type, and addresses of parts of an e-mail or telephone link.
ATTRIBUTE_WORDS = re.compile(r"\b(?:alt|title|placeholder|aria-label|content)=\"([^\"{]*[^\W\d_]{2,}[^\"{]*)\"")


def name(path: Path) -> str:
    """Return a template's name."""
    return str(path.relative_to(TEMPLATES))


def bare_text(app: Flask, path: Path) -> str:
    """Return what a template writes as it stands, joined so that tags broken by expressions stay whole."""
    tree = app.jinja_env.parse(path.read_text())
    pieces: list[str] = []
    for output in tree.find_all(nodes.Output):
        for node in output.nodes:
            pieces.append(node.data if isinstance(node, nodes.TemplateData) else "\N{OBJECT REPLACEMENT CHARACTER}")
    return "".join(pieces)


@pytest.mark.parametrize("path", FILES, ids=name)
def test_every_text_goes_through_translation(path: Path, app: Flask) -> None:
    text = re.sub(r"<(script|style|svg)\b.*?</\1>", "", bare_text(app, path), flags=re.S)
    words = [
        word
        for chunk in re.split(r"<[^<>]*>", text)
        for word in WORD.findall(chunk)
        if "<" not in chunk and ">" not in chunk
    ]
    assert not words, f"{name(path)}: put these through _(): {words[:10]}"


@pytest.mark.parametrize("path", FILES, ids=name)
def test_attributes_that_people_read_are_translated(path: Path) -> None:
    found = [words for words in ATTRIBUTE_WORDS.findall(path.read_text()) if not words.startswith("width=")]
    assert not found, f"{name(path)}: put these through _(): {found}"


@pytest.mark.parametrize("path", FILES, ids=name)
def test_nothing_is_inline(path: Path) -> None:
    source = path.read_text()
    assert not re.search(r"\sstyle\s*=", source), f"{name(path)}: a style attribute; give it a class"
    assert not re.search(r"\son[a-z]+\s*=\s*[\"']", source), f"{name(path)}: an inline handler; listen in static/js"
    assert not re.search(r"<style\b", source), f"{name(path)}: a style element; use static/css"
    for script in re.findall(r"<script\b[^>]*>", source):
        assert 'nonce="{{ csp_nonce() }}"' in script, f"{name(path)}: a script without the nonce"
        assert "src=" in script, f"{name(path)}: an inline script; use static/js"


@pytest.mark.parametrize("path", FILES, ids=name)
def test_nothing_switches_escaping_off(path: Path) -> None:
    assert "|safe" not in path.read_text().replace(" ", ""), (
        f"{name(path)}: |safe lets people write HTML into our pages"
    )
