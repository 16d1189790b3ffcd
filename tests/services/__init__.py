"""Real servers for the tests: MariaDB, PostgreSQL and Redis in folders of their own, Chromium, a proxy that cuts."""
