#!/bin/sh
# Installs the packages that the image names for its start, and becomes the program.
set -f
if [ -n "${_F_RUNTIME_PACKAGES:-}" ]; then
  # shellcheck disable=SC2086  # Split at blanks: entries have none.
  python -m pip install --quiet --disable-pip-version-check $_F_RUNTIME_PACKAGES || exit
fi
exec "$@"
