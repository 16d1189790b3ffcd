"""How data changes: one transaction for one piece of work, and what it changed field by field."""
