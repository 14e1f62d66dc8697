"""How fast the product is, beside its peers: `tox -e perf`. Prints; never fails because a machine is slow."""
