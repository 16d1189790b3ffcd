"""The servers of the deployment tests, all on this machine: each with a network and a root file system of its own."""
