"""Employees, departments and roles: the records, their history, and the rules that several actions share."""
