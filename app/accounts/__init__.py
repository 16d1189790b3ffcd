"""Who may sign in, and how: users, passwords, sessions, one-time links."""
