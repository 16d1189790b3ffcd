"""What a panel is declared with: columns, filters, and a record made ready for its pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask_admin.model.filters import BaseFilter

from app.core.problems import Sentence
from app.ui.labels import shown
from app.ui.records import Group


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a list, in words; `hidden` where the reader may not see the value."""

    text: str
    kind: str = "text"
    href: str | None = None
    tone: str = ""
    hidden: bool = False


def cell(value: Any, kind: str = "text", href: str | None = None) -> Cell:
    """Return a value as a cell."""
    return Cell(shown(value), kind, href)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a list: how a row fills it, and what `reading` calls the sort, if it offers one."""

    name: str
    label: Sentence
    cell: Callable[[Any], Cell]
    sort: str | None = None
    numeric: bool = False


class Filter(BaseFilter):
    """A filter of a list; what it means is `reading`'s business, a value that means nothing finds nothing."""

    def __init__(
        self,
        key: str,
        label: Sentence,
        kind: str,
        options: Callable[[], list[tuple[str, str]]] | None = None,
        lookup: str | None = None,
    ) -> None:
        super().__init__(label, key_name=key)
        self.kind = kind
        self.choices = options
        self.lookup = lookup

    def operation(self) -> str:
        """Return the words between name and value; the labels say it all."""
        return ""


@dataclass(frozen=True, slots=True)
class Link:
    """A way to do something with a row; `about` says to those who only hear it which row that is."""

    label: Sentence
    url: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table on a record's page: `ways` are what the reader may do with each row, `first` makes the first one."""

    label: Sentence
    columns: list[str]
    rows: list[list[str]]
    empty: str
    ways: list[list[Link]]
    first: Link | None = None


@dataclass(frozen=True, slots=True)
class ExtraAction:
    """Something else that can be done with a record."""

    label: Sentence
    url: str
    method: str
    help: Sentence


@dataclass(slots=True)
class Entry:
    """A record for its pages: values by field, the words of its look-ups, and what the reader may do with it."""

    id: int
    version: int
    title: str
    values: dict[str, Any]
    groups: list[Group]
    may_edit: bool
    may_delete: bool
    labels: dict[str, str] = field(default_factory=dict)
    editable: set[str] | None = None
    tables: list[Table] = field(default_factory=list)
    extra_actions: list[ExtraAction] = field(default_factory=list)
    notice: str | None = None
    source: Any = None
