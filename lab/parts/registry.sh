# shellcheck shell=bash
# Two registries on loopback: a plain one with write and delete access for everybody, and one with TLS and a password.
# The lab's certificate authority is created here too.

TLS_DIR=$LAB/tls

# certificate NAME USAGE SUBJECT-ALTERNATIVE-NAMES: a key pair signed by the lab's authority.
certificate() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=imagespec lab $1" \
    -keyout "$TLS_DIR/$1.key" -out "$TLS_DIR/$1.csr" 2>&1
  openssl x509 -req -days 3650 -in "$TLS_DIR/$1.csr" -CA "$TLS_DIR/ca.pem" -CAkey "$TLS_DIR/ca.key" -CAcreateserial \
    -extfile <(printf 'basicConstraints=CA:FALSE\nextendedKeyUsage=%s\nsubjectAltName=%s\n' "$2" "$3") \
    -out "$TLS_DIR/$1.pem" 2>&1
  rm "$TLS_DIR/$1.csr"
}

certificates() {
  local key=1
  stamped certificates "$key" && [[ -d $TLS_DIR ]] && return
  rm -rf "$TLS_DIR" && mkdir -p "$TLS_DIR"
  (
    umask 077
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj '/CN=imagespec lab CA' \
      -addext 'basicConstraints=critical,CA:TRUE' -keyout "$TLS_DIR/ca.key" -out "$TLS_DIR/ca.pem" 2>&1
    certificate registry serverAuth DNS:localhost,IP:127.0.0.1
    certificate buildkitd serverAuth DNS:localhost,IP:127.0.0.1
    certificate client clientAuth DNS:client
  )
  stamp certificates "$key"
}

registry_probe() { http_ok "http://127.0.0.1:$REGISTRY_PORT/v2/"; }
tls_registry_probe() {
  http_ok --cacert "$TLS_DIR/ca.pem" -K <(printf 'user = "imagespec:%s"\n' "$(secret registry)") \
    "https://localhost:$TLS_REGISTRY_PORT/v2/"
}

registry_up() {
  mkdir -p "$LAB/registry"
  write_if_changed "$LAB/registry/config.yml" <<CONFIG
version: 0.1
log: {level: info, formatter: text}
storage:
  filesystem: {rootdirectory: $LAB/registry/data}
  delete: {enabled: true}
http: {addr: "127.0.0.1:$REGISTRY_PORT"}
CONFIG
  daemon registry registry_probe "$LAB/registry/config.yml" \
    "$DEBS_BOOKWORM/usr/bin/docker-registry" serve "$LAB/registry/config.yml"
}

tls_registry_up() {
  mkdir -p "$LAB/registry-tls"
  [[ -s $LAB/registry-tls/htpasswd ]] ||
    (umask 077 && secret registry | htpasswd -Bic "$LAB/registry-tls/htpasswd" imagespec 2>&1)
  write_if_changed "$LAB/registry-tls/config.yml" <<CONFIG
version: 0.1
log: {level: info, formatter: text}
storage:
  filesystem: {rootdirectory: $LAB/registry-tls/data}
  delete: {enabled: true}
auth:
  htpasswd: {realm: imagespec-lab, path: $LAB/registry-tls/htpasswd}
http:
  addr: "127.0.0.1:$TLS_REGISTRY_PORT"
  tls: {certificate: $TLS_DIR/registry.pem, key: $TLS_DIR/registry.key}
CONFIG
  daemon registry-tls tls_registry_probe "$LAB/registry-tls/config.yml" \
    "$DEBS_BOOKWORM/usr/bin/docker-registry" serve "$LAB/registry-tls/config.yml"
}
