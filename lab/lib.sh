# shellcheck shell=bash
# Shared by all parts of the lab: paths, fixed addresses, daemons by pid, stamps for finished work.
# Each component has its own file in parts/.
# shellcheck disable=SC2034 # read by the parts

set -euo pipefail

# Settings that a minimal environment (cron, CI) may lack; file modes change the digests of images.
export HOME=${HOME:-/root} PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
umask 022

LAB_SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
LAB=${IMAGESPEC_LAB:-${XDG_CACHE_HOME:-$HOME/.cache}/imagespec-lab}

# shellcheck source=versions.env
source "$LAB_SOURCE/versions.env"
BUILDKIT_VERSION=$(sed -n 's/^\t*\(require \)\?github.com\/moby\/buildkit \(v[^ ]*\).*/\2/p' "$LAB_SOURCE/buildkit/go.mod")

# Fixed, because specs, certificates and daemon configurations contain them; outside the ranges of common services.
REGISTRY_PORT=15000
TLS_REGISTRY_PORT=15443
MTLS_PORT=15799
OPEN_INDEX_PORT=15080
PRIVATE_INDEX_PORT=15081
FILES_PORT=15082
# 10.66.0.1 is the host as every container sees it, host network or bridge; the engines have the networks after it.
LAB_NETWORK=10.66.0.0/16
LAB_ADDRESS=10.66.0.1
LAB_BRIDGE=islab0

DEBIAN_IMAGE=debian:bookworm-slim
PYTHON_IMAGE=python:3.11-slim
# What compiles the modules of packages, unless a spec names another image.
PYTHON_TOOL_IMAGE=python:3.11.9-slim-bookworm
UV_IMAGE=ghcr.io/astral-sh/uv:$UV_VERSION
MICROMAMBA_IMAGE=mambaorg/micromamba:$MICROMAMBA_VERSION-debian12-slim

RUN_DIR=$LAB/run
LOG_DIR=$LAB/log
STAMP_DIR=$LAB/stamps
DEBS_BOOKWORM=$LAB/debs/bookworm
DEBS_FORKY=$LAB/debs/forky

# lab_folder: dies unless the state folder is one that lab/down --purge may delete as a whole.
lab_folder() {
  [[ $LAB == /?* ]] || die "IMAGESPEC_LAB must be an absolute path: $LAB"
  # A unix socket's path ends at 107 bytes; the longest of ours is an engine's containerd socket.
  ((${#LAB} <= 60)) || die "IMAGESPEC_LAB is too long for unix sockets below it: $LAB"
  [[ ! -d $LAB || -d $STAMP_DIR || -z $(ls -A "$LAB") ]] || die "IMAGESPEC_LAB is neither empty nor a lab: $LAB"
}

# The lab's tools use explicit addresses of its daemons. Variables of an earlier `eval "$(lab/up)"` or of the caller's shell must
# not redirect them.
unset DOCKER_HOST DOCKER_CONTEXT DOCKER_CONFIG BUILDKIT_HOST BUILDX_BUILDER

say() { printf 'lab: %s\n' "$*" >&2; }

die() {
  say "$*"
  exit 1
}

# stamped NAME KEY: true if the work NAME was finished with exactly this KEY (the digest of its inputs).
stamped() { [[ -f $STAMP_DIR/$1 && $(<"$STAMP_DIR/$1") == "$2" ]]; }

stamp() {
  printf '%s\n' "$2" >"$STAMP_DIR/$1.new"
  mv "$STAMP_DIR/$1.new" "$STAMP_DIR/$1"
}

# digest_of FILE…: one digest over the files' contents.
digest_of() { cat -- "$@" | sha256sum | cut -d' ' -f1; }

# write_if_changed FILE: writes stdin to the file, unless the content is the same.
write_if_changed() {
  local new
  new=$(mktemp "$1.XXXXXX")
  cat >"$new"
  if cmp -s "$new" "$1"; then rm -f "$new"; else mv "$new" "$1"; fi
}

# secret NAME: a random word that is created once, so that tests can search for it in images and logs.
secret() {
  local file=$LAB/secrets/$1
  if [[ ! -s $file ]]; then
    mkdir -p "$LAB/secrets"
    (umask 077 && od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$file.new" && mv "$file.new" "$file")
  fi
  cat "$file"
}

# Start time of a process (field 22 of its stat line). Together with the pid it identifies a process, even after reboots.
# Fails if the process is gone or a zombie.
start_time() {
  local stat
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  # The command name in parentheses may contain spaces, so fields are counted after it.
  stat=${stat##*) }
  [[ ${stat%% *} != Z ]] || return 1
  cut -d' ' -f20 <<<"$stat"
}

# running_pid NAME: prints the pid of the daemon started under this name, fails if it is gone.
running_pid() {
  local pid started
  [[ -f $RUN_DIR/$1.pid ]] || return 1
  read -r pid started _ <"$RUN_DIR/$1.pid" || return 1
  [[ -n $pid && $(start_time "$pid") == "$started" ]] || return 1
  echo "$pid"
}

# stop_daemon NAME: TERM, then KILL after 30 s; no error if it is not running.
stop_daemon() {
  local pid
  if pid=$(running_pid "$1"); then
    kill "$pid" 2>/dev/null || true
    for _ in {1..300}; do
      running_pid "$1" >/dev/null || break
      sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
  fi
  rm -f "$RUN_DIR/$1.pid"
}

# daemon NAME PROBE CONFIG COMMAND…: keeps COMMAND running detached until `PROBE` (a function) succeeds.
# A healthy daemon with the same command and content of CONFIG (a file, or - for none) is kept.
daemon() {
  local name=$1 probe=$2 config=$3 pid key
  shift 3
  [[ $config == - ]] && config=/dev/null
  key=$(printf '%s\n' "$@" | digest_of - "$config")
  if pid=$(running_pid "$name") && [[ $(cut -d' ' -f3 "$RUN_DIR/$name.pid") == "$key" ]]; then
    for _ in {1..20}; do
      "$probe" && return
      sleep 0.25
    done
    echo "$name: pid $pid does not respond; restarting it"
  fi
  stop_daemon "$name"
  if "$probe"; then
    die "$name: a program that lab/up has not started already responds at its address (lab/down stops daemons of an old lab)"
  fi
  [[ -f $LOG_DIR/$name.log ]] && mv "$LOG_DIR/$name.log" "$LOG_DIR/$name.log.1"
  # It inherits no file descriptors: the caller of `eval "$(lab/up)"` waits for stdout to close, and lab/up holds a lock.
  # It does not run in a folder that may be deleted, because git, for example, then refuses to work.
  setsid nohup env --chdir=/ "$@" </dev/null >"$LOG_DIR/$name.log" 2>&1 8>&- 9>&- &
  pid=$!
  printf '%s %s %s\n' "$pid" "$(start_time "$pid")" "$key" >"$RUN_DIR/$name.pid"
  for _ in {1..600}; do
    running_pid "$name" >/dev/null || break
    "$probe" && return
    sleep 0.1
  done
  echo "--- the last lines of $LOG_DIR/$name.log"
  tail -n 40 "$LOG_DIR/$name.log"
  die "$name did not start"
}

# http_ok URL [CURL OPTION…]: true if the address responds with success within two seconds.
http_ok() { curl -fsS --noproxy '*' -m 2 -o /dev/null "$@" >/dev/null 2>&1; }
