"""The lab: simulated attacks, calibration, evaluation. Nothing here runs during a review or a call."""

import os

# For those parts that are run as modules: see liveness/__main__.py.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
