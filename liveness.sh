#!/usr/bin/env bash
# Sets up what is missing, then runs liveness: ./liveness.sh review interview.mp4
set -euo pipefail
root=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
bash "$root/setup.sh"
exec "$root/.venv/bin/liveness" "$@"
