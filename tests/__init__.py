"""Tests mirror app/; the services they need are started by tests/services."""
