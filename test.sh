#!/usr/bin/env bash
# Sets up what is missing, then runs the tests: ./test.sh [--with-browser] [PYTEST OPTION...]
# Where there is no Chromium or no Node, the tests that need them are skipped with a reason; --with-browser installs both.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"

browser=()
options=()
for argument in "$@"; do
  if [[ $argument == --with-browser ]]; then browser=(--browser); else options+=("$argument"); fi
done
if [[ -n ${CI:-} && $EUID == 0 ]]; then browser=(--browser); fi

bash ./setup.sh ${browser[@]+"${browser[@]}"} --web test check

# Every worker holds its own face models, about 200 MB: more than four gain little.
workers=$(nproc)
export PYTEST_XDIST_AUTO_NUM_WORKERS=${PYTEST_XDIST_AUTO_NUM_WORKERS:-$((workers < 4 ? workers : 4))}
if ((${#options[@]})); then exec .venv/bin/python -m pytest -n auto --dist loadscope "${options[@]}"; fi

# Held interviews are two browsers and a server in real time: they get the machine for themselves, before the rest.
status=0
.venv/bin/python -m pytest tests/interview || status=$?
.venv/bin/python -m pytest -n auto --dist loadscope --ignore tests/interview || status=$?
exit "$status"
