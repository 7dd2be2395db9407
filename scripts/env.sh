#!/usr/bin/env bash
# Where the developer tools live. Sourced by the other scripts; called as a program it prints the PATH recipes run with.
# It installs nothing: that is scripts/setup.

set -euo pipefail
# Without this a failure inside $(…) would pass unseen.
shopt -s inherit_errexit

# shellcheck disable=SC2034 # read by those who source this
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# A job runner may start us without a HOME; cargo, go and git need one.
HOME=${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}
TOOLS=${IMAGESPEC_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/imagespec-tools}
# Ours first, so that the pinned versions win; rustup's folder last, for shells that have not sourced its env file.
PATH=$TOOLS/bin:$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
export HOME PATH

die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  printf '%s\n' "$PATH"
fi
