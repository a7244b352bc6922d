#!/bin/sh
# Starts Chromium without the right to raise its own priority. As root it would give threads a higher one than everybody else's;
# on a machine of two cores these starve whoever holds what they spin for in the kernel, and everything stands still.
for name in chromium chromium-browser google-chrome; do
  browser=$(command -v "$name") && break
done
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
  exec setpriv --bounding-set -sys_nice --inh-caps -sys_nice "$browser" "$@"
fi
exec "$browser" "$@"
