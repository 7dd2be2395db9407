# shellcheck shell=bash
# The variables for users of the lab: `export` lines on lab/up's standard output, which contains nothing else.

export_line() { printf 'export %s=%q\n' "$1" "$2"; }

exports() {
  export_line IMAGESPEC_LAB "$LAB"
  export_line IMAGESPEC_LAB_LOGS "$LOG_DIR"
  export_line IMAGESPEC_LAB_CA_BUNDLE /etc/ssl/certs/ca-certificates.crt

  export_line IMAGESPEC_LAB_REGISTRY "localhost:$REGISTRY_PORT"
  export_line IMAGESPEC_LAB_TLS_REGISTRY "localhost:$TLS_REGISTRY_PORT"
  export_line IMAGESPEC_LAB_TLS_REGISTRY_USER imagespec
  export_line IMAGESPEC_LAB_TLS_REGISTRY_PASSWORD "$(secret registry)"
  export_line IMAGESPEC_LAB_TLS_REGISTRY_CA "$TLS_DIR/ca.pem"

  export_line IMAGESPEC_LAB_DEBIAN_IMAGE "$DEBIAN_IMAGE"
  export_line IMAGESPEC_LAB_PYTHON_IMAGE "$PYTHON_IMAGE"
  export_line IMAGESPEC_LAB_UV_IMAGE "$UV_IMAGE"
  export_line IMAGESPEC_LAB_MICROMAMBA_IMAGE "$MICROMAMBA_IMAGE"

  export_line BUILDKIT_HOST "$BUILDKIT_SOCKET"
  export_line IMAGESPEC_LAB_MTLS_ADDR "$MTLS_ADDRESS"
  export_line IMAGESPEC_LAB_MTLS_CACERT "$TLS_DIR/ca.pem"
  export_line IMAGESPEC_LAB_MTLS_CERT "$TLS_DIR/client.pem"
  export_line IMAGESPEC_LAB_MTLS_KEY "$TLS_DIR/client.key"
  export_line IMAGESPEC_LAB_BUILDKITD "$BUILDKIT_BIN/buildkitd"
  export_line IMAGESPEC_LAB_BUILDCTL "$BUILDKIT_BIN/buildctl"
  export_line IMAGESPEC_LAB_RUNC "$DEBS_BOOKWORM/usr/sbin/runc"

  export_line IMAGESPEC_LAB_ENGINE_CONTAINERD "$(engine_socket engine-containerd)"
  export_line IMAGESPEC_LAB_ENGINE_CLASSIC "$(engine_socket engine-classic)"
  export_line IMAGESPEC_LAB_ENGINE_2010 "$(engine_socket engine-2010)"
  export_line IMAGESPEC_LAB_DOCKER "$DEBS_FORKY/usr/bin/docker"
  export_line IMAGESPEC_LAB_DOCKER_2010 "$DEBS_BOOKWORM/usr/bin/docker"
  export_line IMAGESPEC_LAB_BUILDX "$DEBS_FORKY/usr/libexec/docker/cli-plugins/docker-buildx"
  export_line IMAGESPEC_LAB_BUILDER "$BUILDER"
  export_line DOCKER_HOST "$(engine_socket engine-containerd)"
  export_line DOCKER_CONFIG "$DOCKER_CONFIG_DIR"

  export_line IMAGESPEC_LAB_OPEN_INDEX "$OPEN_INDEX"
  export_line IMAGESPEC_LAB_PRIVATE_INDEX "$PRIVATE_INDEX"
  export_line IMAGESPEC_LAB_PRIVATE_INDEX_USER imagespec
  export_line IMAGESPEC_LAB_PRIVATE_INDEX_PASSWORD "$(secret index)"
  export_line IMAGESPEC_LAB_CONDA_CHANNEL "$CONDA_CHANNEL"
  export_line IMAGESPEC_LAB_UV_PYTHON_LIST "$UV_PYTHON_LIST"
}
