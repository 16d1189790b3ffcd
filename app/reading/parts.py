"""How it is with one part of the installation, as the page “System” tells it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How it is with one part; the first asks most for somebody."""

    BAD = "bad"
    WARN = "warn"
    GOOD = "good"
    OFF = "off"
    """It is not used, which may well be meant so."""


@dataclass(frozen=True, slots=True)
class Item:
    """One part of the installation in words; `remedy` is what to do where it is not good."""

    key: str
    name: str
    state: State
    facts: list[str]
    remedy: str = ""
