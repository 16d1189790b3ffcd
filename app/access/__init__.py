"""Who may see and do what; every question about rights is answered here."""
