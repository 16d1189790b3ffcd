"""The files of the Docker Compose installation, without Docker; tests/deploy/test_compose.py runs it."""
