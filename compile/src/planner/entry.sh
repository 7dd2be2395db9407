#!/bin/sh
# Installs the runtime packages of the image, then runs the program.
set -f
if [ -n "${_F_RUNTIME_PACKAGES:-}" ]; then
  # shellcheck disable=SC2086  # Split at blanks on purpose: no entry contains one.
  python -m pip install --quiet --disable-pip-version-check $_F_RUNTIME_PACKAGES || exit
fi
exec "$@"
