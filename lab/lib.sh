# shellcheck shell=bash
# What every part of the lab shares: where things live, fixed addresses, daemons by pid, stamps for finished work.
# It knows no component: those are one file each in parts/.
# shellcheck disable=SC2034 # read by the parts

set -euo pipefail

# What a bare environment (cron, CI) may lack or have otherwise; the mode of files decides the images' digests.
export HOME=${HOME:-/root} PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
umask 022

LAB_SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
LAB=${IMAGESPEC_LAB:-${XDG_CACHE_HOME:-$HOME/.cache}/imagespec-lab}

# shellcheck source=versions.env
source "$LAB_SOURCE/versions.env"
BUILDKIT_VERSION=$(sed -n 's/^\t*\(require \)\?github.com\/moby\/buildkit \(v[^ ]*\).*/\2/p' "$LAB_SOURCE/buildkit/go.mod")

# Fixed, because specs, certificates and daemon configurations name them; outside the ranges that services commonly take.
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

# Tools of the lab talk to the lab's daemons by explicit address; what an earlier `eval "$(lab/up)"` or the caller's
# shell exported must not redirect them.
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

# write_if_changed FILE: stdin becomes the file's content, untouched when it already is.
write_if_changed() {
  local new
  new=$(mktemp "$1.XXXXXX")
  cat >"$new"
  if cmp -s "$new" "$1"; then rm -f "$new"; else mv "$new" "$1"; fi
}

# secret NAME: a random word made once, so that a test can look for it in images and logs.
secret() {
  local file=$LAB/secrets/$1
  if [[ ! -s $file ]]; then
    mkdir -p "$LAB/secrets"
    (umask 077 && od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$file.new" && mv "$file.new" "$file")
  fi
  cat "$file"
}

# Start time of a process (field 22 of its stat line): with the pid it names one process, reboots and reused pids included.
# Fails if the process is gone or a zombie.
start_time() {
  local stat
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  # The command name in parentheses may hold blanks: count from behind it.
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
# A healthy one that was started with the same command and content of CONFIG (a file, or - for none) is left alone.
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
    echo "$name: pid $pid does not answer; starting it anew"
  fi
  stop_daemon "$name"
  if "$probe"; then
    die "$name: something that lab/up has not started answers on its address already (lab/down ends what an old lab left)"
  fi
  [[ -f $LOG_DIR/$name.log ]] && mv "$LOG_DIR/$name.log" "$LOG_DIR/$name.log.1"
  # No descriptor of ours is left open in it: the caller of `eval "$(lab/up)"` waits for stdout to close, lab/up holds a lock.
  # Not in a folder that somebody may delete: git, for one, then refuses to work.
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

# http_ok URL [CURL OPTION…]: the address answers with success within two seconds.
http_ok() { curl -fsS --noproxy '*' -m 2 -o /dev/null "$@" >/dev/null 2>&1; }
