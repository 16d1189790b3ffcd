"""Shipping for real: an image, a registry, servers with roots and networks of their own. Run by `make test-deploy`."""
