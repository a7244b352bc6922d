"""Run the command line as ``python -m liveness``."""

from liveness.cli import main

main()
