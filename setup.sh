#!/usr/bin/env bash
# Makes .venv ready and says nothing if it is: ./setup.sh [--browser] [--web] [EXTRA...]
# --browser installs Chromium and Node; --web brings what web/ is tested with, where there is Node.
# liveness.sh, test.sh, the Makefile and .ci/run all begin here. Writes to stderr only; exit 69 when it cannot.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"

readonly NEEDS_PYTHON='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))'
readonly STAMP=.venv/liveness-setup

browser=no
web=no
wanted=()
for argument in "$@"; do
  case $argument in
    --browser) browser=yes ;;
    --web) web=yes ;;
    *) wanted+=("$argument") ;;
  esac
done

say() { printf 'setup: %s\n' "$*" >&2; }
stop() { say "$@"; exit 69; }

# The stamp says what was installed: a hash of the files that name it, the extras, and the folder.
key() { cat pyproject.toml constraints.txt | sha256sum | cut -d' ' -f1; }
stamped() { sed -n "$1p" "$STAMP" 2>/dev/null || true; }

ready() {
  [[ -x .venv/bin/python && -x .venv/bin/liveness ]] || return 1
  [[ $(stamped 1) == "$(key)" && $(stamped 3) == "$PWD" ]] || return 1
  local extra have
  have=" $(stamped 2) "
  for extra in ${wanted[@]+"${wanted[@]}"}; do
    [[ $have == *" $extra "* ]] || return 1
  done
}

# A virtual environment cannot be moved, and does not outlive its Python.
usable() {
  local place
  place=$(stamped 3)
  [[ ${place:-$PWD} == "$PWD" ]] && .venv/bin/python -m pip --version >/dev/null 2>&1
}

install_packages() { # "SOMETHING IS" PACKAGE...
  local what_is=$1 command log
  shift
  command="apt-get install -y --no-install-recommends $*"
  local -a as_root=(env DEBIAN_FRONTEND=noninteractive)
  if ! command -v apt-get >/dev/null; then
    say "$what_is missing; Debian's packages are: $*. Install what your system calls them, then run this again."
    return 1
  elif ((EUID != 0)); then
    if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [[ -t 0 && -t 2 ]]; }; then
      as_root=(sudo "${as_root[@]}")
    else
      say "$what_is missing. Run this, then try again: sudo $command"
      return 1
    fi
  fi
  say "$what_is missing: installing $*"
  log=$(mktemp)
  # shellcheck disable=SC2086  # the command is made of words without blanks
  if ! { "${as_root[@]}" apt-get update || true; "${as_root[@]}" $command; } >"$log" 2>&1 </dev/null; then
    tail -n 15 "$log" >&2
    rm -f "$log"
    say "this failed: $command"
    return 1
  fi
  rm -f "$log"
}

find_python() {
  local candidate
  for candidate in ${LIVENESS_PYTHON:+"$LIVENESS_PYTHON"} python3.12 python3.11 python3 python; do
    # A name may be found and yet not run, as version managers do it with versions that are not switched on.
    if command -v "$candidate" >/dev/null && "$candidate" -c "$NEEDS_PYTHON" 2>/dev/null; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  return 1
}

make_environment() {
  local python version
  if python=$(find_python); then
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
      version=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
      install_packages "Python's venv module is" "$version-venv" || exit 69
    fi
    say "making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv >&2 || stop "$python -m venv .venv failed"
  elif command -v uv >/dev/null; then
    say "no Python 3.11 or 3.12 here: letting uv bring 3.12"
    rm -rf .venv
    uv venv --quiet --seed --python 3.12 .venv >&2 || stop "uv venv failed"
  else
    stop "Python 3.11 or 3.12 is needed and was not found (newer ones lack the face models). On Debian 12:" \
      "apt-get install python3 python3-venv; elsewhere install uv and run this again."
  fi
}

install_project() {
  local extras log=.venv/setup.log seconds=$SECONDS
  # What was asked for before is kept, so that running the program does not undo the tests' environment.
  extras=$(printf '%s\n' $(stamped 2) ${wanted[@]+"${wanted[@]}"} | sort -u | grep . | paste -sd, || true)
  say "installing liveness${extras:+ with $extras} into .venv; the first time this takes about two minutes"
  # The constraints hold for the build backend too; newer pips read the second name for that.
  if ! PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt \
    .venv/bin/python -m pip install --quiet --no-input --disable-pip-version-check --no-warn-script-location \
    --editable ".${extras:+[$extras]}" >"$log" 2>&1 </dev/null; then
    tail -n 15 "$log" >&2
    stop "the installation failed; the whole log is .venv/setup.log"
  fi
  printf '%s\n' "$(key)" "${extras//,/ }" "$PWD" >"$STAMP.part"
  mv "$STAMP.part" "$STAMP"
  say "ready after $((SECONDS - seconds)) s"
}

loads() { # LIBRARY...
  .venv/bin/python -c 'import ctypes, sys; [ctypes.CDLL(name) for name in sys.argv[1:]]' "$@" 2>/dev/null
}

check_libraries() {
  loads libGL.so.1 libgthread-2.0.so.0 || install_packages "OpenCV's libraries are" libgl1 libglib2.0-0 || exit 69
}

prepare_browser() {
  local -a missing=()
  command -v chromium || command -v chromium-browser || command -v google-chrome || missing+=(chromium)
  loads libatomic.so.1 || missing+=(libatomic1) # Playwright's driver wants it
  command -v npm || missing+=(nodejs npm)
  ((${#missing[@]} == 0)) || install_packages "what the browser tests need is" "${missing[@]}" || exit 69
}

# The compiler, axe-core and a WHIP client of others: for tests only, which are skipped where these cannot be had.
prepare_web() {
  local log stamp=web/node_modules/.liveness-setup key
  key=$(sha256sum <web/package-lock.json | cut -d' ' -f1)
  [[ $(cat "$stamp" 2>/dev/null) == "$key" ]] && return
  if ! command -v npm >/dev/null; then
    say "no npm here: the tests that need it will be skipped (./test.sh --with-browser installs it)"
    return
  fi
  exec 9<web
  flock 9
  if [[ $(cat "$stamp" 2>/dev/null) != "$key" ]]; then
    say "installing what web/ is tested with"
    log=$(mktemp)
    if (cd web && npm ci --no-audit --no-fund) >"$log" 2>&1 </dev/null; then
      printf '%s\n' "$key" >"$stamp"
    else
      tail -n 15 "$log" >&2
      say "npm ci failed in web/: the tests that need it will be skipped"
    fi
    rm -f "$log"
  fi
  exec 9<&-
}

if ! ready; then
  # One at a time: whoever comes second waits here, and then finds everything done.
  exec 9<.
  flock --nonblock 9 || { say "another set-up is running here: waiting for it"; flock 9; }
  if ! ready; then
    usable || make_environment
    .venv/bin/python -c "$NEEDS_PYTHON" || stop ".venv is of a Python other than 3.11 or 3.12: remove .venv, run this again"
    check_libraries
    install_project
  fi
  exec 9<&-
fi

if [[ $browser == yes ]]; then prepare_browser >/dev/null; fi
if [[ $web == yes ]]; then prepare_web; fi
