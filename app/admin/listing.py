"""A panel's list, made ready for its template."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flask import url_for

from app.access import gate
from app.access.grants import Action
from app.admin.bulk import bar
from app.admin.declarations import Cell, Column, Filter
from app.admin.selection import filter_names, said_of
from app.core.problems import Sentence
from app.core.values import row_id
from app.reading import lookups
from app.reading.paging import Page, Place
from app.ui.lists import asked_place, links

if TYPE_CHECKING:
    from app.admin.panel import Panel


@dataclass(frozen=True, slots=True)
class Asked:
    """What a list is asked for; `filters` by their names in `reading`."""

    search: str
    sort: str
    sort_index: int | None
    is_descending: bool
    filters: dict[str, str]
    size: int
    place: Place = field(default_factory=asked_place)


@dataclass(frozen=True, slots=True)
class Head:
    """A column's head."""

    label: Sentence
    numeric: bool
    sort_url: str | None
    sorted: str | None


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the list."""

    id: int
    label: str
    cells: list[Cell]
    details_url: str
    edit_url: str | None
    delete_url: str | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A filter in the form above the list."""

    name: str
    label: Sentence
    kind: str
    value: str
    options: list[tuple[str, str]]
    lookup_url: str | None
    value_label: str


@dataclass(frozen=True, slots=True)
class Active:
    """A filter in use."""

    label: Sentence
    value: str
    remove_url: str


def list_context(panel: Panel, asked: Asked, page: Page[Any]) -> dict[str, Any]:
    """Return what the list's template takes."""
    names = filter_names(panel)
    filters = {names[key]: value for key, value in asked.filters.items()}
    kept = said_of(panel, asked)
    endpoint = f"{panel.endpoint}.index_view"
    shown_filters = _filters(panel, asked, names)
    made = links(page, [], endpoint, **kept, **filters)
    made.page_sizes = [
        (size, url_for(endpoint, **(kept | filters | {"page_size": size})), size == asked.size)
        for size in panel.page_size_options
    ]
    return {
        "title": panel.label,
        "new_url": panel.get_url(".create_view") if panel.may(Action.CREATE) else None,
        "export_url": panel.get_url(".export", export_type="csv", **_clean(kept | filters))
        if panel.may_export()
        else None,
        "search": asked.search,
        "search_placeholder": panel.search_placeholder(),
        "supports_search": True,
        "filters": shown_filters,
        "active_filters": [
            Active(
                f.label,
                f.value_label,
                url_for(endpoint, **_clean(kept | {n: v for n, v in filters.items() if n != f.name})),
            )
            for f in shown_filters
            if f.value
        ],
        "clear_url": url_for(endpoint),
        "columns": [_head(panel, column, i, asked, kept | filters) for i, column in enumerate(panel.columns)],
        "rows": _rows(panel, page),
        "bar": bar(panel, asked, page),
        "page": made,
        "kept_args": [(name, value) for name, value in kept.items() if value is not None and name != "search"],
    }


def _clean(args: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in args.items() if value is not None}


def _head(panel: Panel, column: Column, index: int, asked: Asked, kept: dict[str, Any]) -> Head:
    if column.sort is None:
        return Head(column.label, column.numeric, None, None)
    is_sorted = asked.sort == column.sort
    turned = 1 if is_sorted and not asked.is_descending else None
    url = panel.get_url(".index_view", **_clean(kept | {"sort": index, "desc": turned}))
    return Head(column.label, column.numeric, url, ("desc" if asked.is_descending else "asc") if is_sorted else None)


def _rows(panel: Panel, page: Page[Any]) -> list[Row]:
    """Return the rows; the links are put together by hand, as building each by route costs more than the query."""
    details, edit, delete = (
        panel.get_url(f".{name}") + "?id=" for name in ("details_view", "edit_view", "delete_view")
    )
    may_edit, may_delete = panel.may(Action.EDIT), panel.may(Action.DELETE)
    rows = []
    for row in page.rows:
        row_id, cells = panel.row_id(row), [column.cell(row) for column in panel.columns]
        rows.append(
            Row(
                row_id,
                cells[0].text,
                cells,
                f"{details}{row_id}",
                f"{edit}{row_id}" if may_edit else None,
                f"{delete}{row_id}" if may_delete else None,
            )
        )
    return rows


def _filters(panel: Panel, asked: Asked, names: dict[str, str]) -> list[Shown]:
    filters: list[Filter] = panel._filters or []
    chosen: dict[str, tuple[str, int]] = {
        flt.key_name: (flt.lookup, number)
        for flt in filters
        if flt.lookup and (number := row_id(asked.filters.get(flt.key_name, ""))) is not None
    }
    labels = lookups.labels(gate.actor(), chosen.values()) if chosen else {}
    made = []
    for flt in filters:
        value = asked.filters.get(flt.key_name, "")
        options = [(key, str(label)) for key, label in flt.choices()] if flt.choices else []
        words = dict(options).get(value, value)
        if flt.key_name in chosen:
            words = labels.get(chosen[flt.key_name], value)
        url = url_for("web.lookup", kind=flt.lookup) if flt.lookup else None
        made.append(Shown(names[flt.key_name], flt.name, flt.kind, value, options, url, words))
    return made
