"""Flask-Admin panels: what HR and administrators work in."""

from flask import Flask
from flask_admin import Admin
from flask_admin.theme import Theme

from app.admin.approvals import ApprovalsView
from app.admin.cache import CacheView
from app.admin.departments import DepartmentsPanel
from app.admin.employees import EmployeesPanel
from app.admin.home import HrHome
from app.admin.jobs import JobsView
from app.admin.journal import JournalPanel
from app.admin.panel import Panel
from app.admin.roles import RolesPanel
from app.admin.system import SystemView
from app.admin.users import UsersPanel
from app.core.security import csp_nonce
from app.ui.context import ADMINISTRATION, Entry, add_to_menu


def init_app(app: Flask) -> None:
    """Build the panels for `app`; one `Admin` for each application, because a shared one breaks the second."""
    home = HrHome()
    admin = Admin(
        app,
        name="Rollcall",
        index_view=home,
        theme=Theme(folder="rollcall", base_template="base.html"),
        csp_nonce_generator=csp_nonce,
    )
    panels: list[Panel] = [EmployeesPanel(), DepartmentsPanel(), RolesPanel(), UsersPanel(), JournalPanel()]
    approvals, jobs, system, cache = ApprovalsView(), JobsView(), SystemView(), CacheView()
    admin.add_views(*panels, approvals, jobs, system, cache)
    home.panels = panels
    add_to_menu(app, Entry(ADMINISTRATION, home.name, "speedometer2", "admin.index", home.is_for))
    for panel in panels:
        add_to_menu(app, Entry(ADMINISTRATION, panel.name, panel.icon, f"{panel.endpoint}.index_view", panel.is_for))
    for view in (approvals, jobs, system, cache):
        add_to_menu(app, Entry(ADMINISTRATION, view.name, view.icon, f"{view.endpoint}.index_view", view.is_for))
