"""The passive signals: one file each, and nothing else; found by :func:`liveness.contract.discover`."""
