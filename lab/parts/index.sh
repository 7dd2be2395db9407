# shellcheck shell=bash
# Two package indexes with the same files: an open one, and one that requires a password.
# It listens on the lab's bridge, where builds on the host's network and containers of every engine reach it.

INDEX_DIR=$LAB/index
OPEN_INDEX=http://$LAB_ADDRESS:$OPEN_INDEX_PORT/simple/
PRIVATE_INDEX=http://$LAB_ADDRESS:$PRIVATE_INDEX_PORT/simple/

index_packages() {
  local version key work=$INDEX_DIR/work
  key=$(digest_of "$LAB_SOURCE/index/pyproject.toml" "$LAB_SOURCE/index/imagespec_lab_private/__init__.py")
  stamped index "$key" && [[ -d $INDEX_DIR/packages ]] && return
  rm -rf "$INDEX_DIR/packages" "$work"
  for version in 1.0.0 1.1.0; do
    mkdir -p "$work"
    cp -r "$LAB_SOURCE/index/." "$work/"
    sed -i "s/^__version__ = .*/__version__ = \"$version\"/" "$work/imagespec_lab_private/__init__.py"
    "$LAB/venv/bin/pip" wheel -q --no-deps --no-cache-dir --wheel-dir "$INDEX_DIR/packages" "$work"
    rm -rf "$work"
  done
  ls "$INDEX_DIR/packages"
  stamp index "$key"
}

index_probe() { http_ok "$OPEN_INDEX"; }
private_index_probe() { http_ok -K <(printf 'user = "imagespec:%s"\n' "$(secret index)") "$PRIVATE_INDEX"; }

index_up() {
  local serve=("$LAB/venv/bin/pypi-server" run --interface "$LAB_ADDRESS" --disable-fallback)
  mkdir -p "$INDEX_DIR"
  index_packages
  [[ -s $INDEX_DIR/htpasswd ]] ||
    (umask 077 && secret index | htpasswd -mic "$INDEX_DIR/htpasswd" imagespec 2>&1)
  daemon index index_probe - "${serve[@]}" --port "$OPEN_INDEX_PORT" \
    --authenticate . --passwords . "$INDEX_DIR/packages"
  daemon index-private private_index_probe "$INDEX_DIR/htpasswd" "${serve[@]}" --port "$PRIVATE_INDEX_PORT" \
    --authenticate update,download,list --passwords "$INDEX_DIR/htpasswd" "$INDEX_DIR/packages"
}
