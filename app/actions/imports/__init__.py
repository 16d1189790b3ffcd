"""Staff lists from other systems: read, compared with what is here, and imported row by row.

`table`, `columns`, `names`, `values`, `dates` and `money` read a file and know nothing of the database; `plan` compares
it with what is here; `writing` holds the actions and `apply` runs them; `report.import_people` does all of it.
"""
