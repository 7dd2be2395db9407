# shellcheck shell=bash
# buildkitd and buildctl at the pinned release, built from the Go module proxy; two daemons, one on a unix socket,
# one on tcp with client certificates. Each has its own root: a root serves one daemon.

BUILDKIT_BIN=$LAB/buildkit/bin
BUILDKIT_SOCKET=unix://$LAB/run/buildkitd.sock
MTLS_ADDRESS=tcp://127.0.0.1:$MTLS_PORT

buildkit_build() {
  local key go
  key=$(digest_of "$LAB_SOURCE/buildkit/go.mod" "$LAB_SOURCE/buildkit/go.sum")
  stamped buildkit "$key" && [[ -x $BUILDKIT_BIN/buildkitd && -x $BUILDKIT_BIN/buildctl ]] && return
  go=$(go_command)
  mkdir -p "$BUILDKIT_BIN"
  # Without the linker flag the version is v0.0.0+unknown; -mod=readonly makes a go.sum that does not match an error.
  (cd "$LAB_SOURCE/buildkit" && CGO_ENABLED=0 GOFLAGS=-mod=readonly GOTOOLCHAIN=local GOWORK=off "$go" build -trimpath -buildvcs=false \
    -ldflags "-s -w -X github.com/moby/buildkit/version.Version=$BUILDKIT_VERSION" -o "$BUILDKIT_BIN/" \
    github.com/moby/buildkit/cmd/buildkitd github.com/moby/buildkit/cmd/buildctl)
  "$BUILDKIT_BIN/buildkitd" --version
  [[ $("$BUILDKIT_BIN/buildkitd" --version) == *" $BUILDKIT_VERSION"* ]] || die "buildkitd does not report $BUILDKIT_VERSION"
  stamp buildkit "$key"
}

# buildkit_config NAME: common configuration; images of the public registries come from the plain one, under their real names.
buildkit_config() {
  cat <<CONFIG
root = "$LAB/$1/root"
insecure-entitlements = ["network.host"]

[worker.oci]
  enabled = true
  snapshotter = "overlayfs"
  networkMode = "host"
  binary = "$DEBS_BOOKWORM/usr/sbin/runc"
  gc = true
  reservedSpace = "4GB"
  maxUsedSpace = "24GB"
  minFreeSpace = "8GB"

[worker.containerd]
  enabled = false

[registry."docker.io"]
  mirrors = ["localhost:$REGISTRY_PORT"]
[registry."ghcr.io"]
  mirrors = ["localhost:$REGISTRY_PORT"]
[registry."localhost:$REGISTRY_PORT"]
  http = true
# BuildKit uses plain http for loopback addresses by default, even if a certificate authority is configured.
[registry."localhost:$TLS_REGISTRY_PORT"]
  http = false
  ca = ["$TLS_DIR/ca.pem"]
[registry."127.0.0.1:$TLS_REGISTRY_PORT"]
  http = false
  ca = ["$TLS_DIR/ca.pem"]
CONFIG
}

buildctl() { "$BUILDKIT_BIN/buildctl" --addr "$BUILDKIT_SOCKET" "$@"; }
buildctl_mtls() {
  "$BUILDKIT_BIN/buildctl" --addr "$MTLS_ADDRESS" --tlscacert "$TLS_DIR/ca.pem" --tlscert "$TLS_DIR/client.pem" \
    --tlskey "$TLS_DIR/client.key" "$@"
}
buildkitd_probe() { buildctl --timeout 2 debug workers >/dev/null 2>&1; }
buildkitd_mtls_probe() { buildctl_mtls --timeout 2 debug workers >/dev/null 2>&1; }

buildkitd_up() {
  mkdir -p "$LAB/buildkitd"
  buildkit_config buildkitd | write_if_changed "$LAB/buildkitd/buildkitd.toml"
  daemon buildkitd buildkitd_probe "$LAB/buildkitd/buildkitd.toml" \
    "$BUILDKIT_BIN/buildkitd" --config "$LAB/buildkitd/buildkitd.toml" --addr "$BUILDKIT_SOCKET"
}

buildkitd_mtls_up() {
  mkdir -p "$LAB/buildkitd-mtls"
  buildkit_config buildkitd-mtls | write_if_changed "$LAB/buildkitd-mtls/buildkitd.toml"
  daemon buildkitd-mtls buildkitd_mtls_probe "$LAB/buildkitd-mtls/buildkitd.toml" \
    "$BUILDKIT_BIN/buildkitd" --config "$LAB/buildkitd-mtls/buildkitd.toml" --addr "$MTLS_ADDRESS" \
    --tlscacert "$TLS_DIR/ca.pem" --tlscert "$TLS_DIR/buildkitd.pem" --tlskey "$TLS_DIR/buildkitd.key"
}
