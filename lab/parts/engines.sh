# shellcheck shell=bash
# Three Docker Engines in parallel: 28 with the containerd image store, 28 with the classic one, 20.10.
# Each has its own bridge, data and socket. None changes iptables: engines use the same chain names and would delete each other's
# rules when they start; parts/network.sh has the rules for all.

ENGINE_DIR=$LAB/engines
DOCKER_CONFIG_DIR=$LAB/docker
BUILDER=imagespec-lab
ENGINES=(engine-containerd engine-classic engine-2010)

engine_socket() { echo "unix://$RUN_DIR/$1.sock"; }
engine_probe() { http_ok --unix-socket "$RUN_DIR/$1.sock" http://engine/_ping; }
engine_containerd_probe() { engine_probe engine-containerd; }
engine_classic_probe() { engine_probe engine-classic; }
engine_2010_probe() { engine_probe engine-2010; }

engine_docker() {
  local name=$1
  shift
  DOCKER_CONFIG=$DOCKER_CONFIG_DIR "$DEBS_FORKY/usr/bin/docker" --host "$(engine_socket "$name")" "$@"
}

# engine NAME PROBE NUMBER TREE FEATURES: one engine whose programs come from TREE, on network 10.66.NUMBER.
engine() {
  local name=$1 probe=$2 number=$3 tree=$4 features=$5 dir=$ENGINE_DIR/$1 program mtu
  mkdir -p "$dir/bin" "$RUN_DIR/$name"
  for program in bin/containerd bin/containerd-shim-runc-v2 sbin/docker-proxy sbin/dockerd; do
    ln -sfn "$tree/usr/$program" "$dir/bin/"
  done
  # bookworm's version for every engine, because newer ones need a newer C library.
  ln -sfn "$DEBS_BOOKWORM/usr/sbin/runc" "$dir/bin/runc"
  ln -sfn "$DEBS_BOOKWORM/usr/bin/tini-static" "$dir/bin/docker-init"
  bridge "islab$number" "10.66.$number.1/24"
  # The MTU of containers is that of the machine.
  mtu=$(ip -o link show dev "$(ip -o route show default | sed -n '1s/.* dev \([^ ]*\).*/\1/p')" 2>/dev/null |
    sed 's/.* mtu \([0-9]*\).*/\1/' || true)
  # A mirror serves docker.io only, and responds quickly for names that do not exist.
  write_if_changed "$dir/daemon.json" <<CONFIG
{
  "hosts": ["$(engine_socket "$name")"],
  "data-root": "$dir/data",
  "exec-root": "$RUN_DIR/$name",
  "pidfile": "$RUN_DIR/$name.dockerd.pid",
  "bridge": "islab$number",
  "default-address-pools": [{"base": "10.66.$((number * 16)).0/20", "size": 24}],
  "mtu": ${mtu:-1500},
  "iptables": false,
  "ip6tables": false,
  "registry-mirrors": ["http://localhost:$REGISTRY_PORT"],
  "shutdown-timeout": 5,
  "features": $features
}
CONFIG
  # After a reboot, the pid file may contain the pid of another process; dockerd would refuse to start.
  running_pid "$name" >/dev/null || rm -f "$RUN_DIR/$name.dockerd.pid"
  # A fixed PATH, because it is part of the command that identifies a running engine.
  daemon "$name" "$probe" "$dir/daemon.json" \
    env "PATH=$dir/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" "$dir/bin/dockerd" --config-file "$dir/daemon.json"
  engine_images "$name"
}

engine_containerd_up() { engine engine-containerd engine_containerd_probe 1 "$DEBS_FORKY" '{"containerd-snapshotter": true}'; }
engine_classic_up() { engine engine-classic engine_classic_probe 2 "$DEBS_FORKY" '{"containerd-snapshotter": false}'; }
engine_2010_up() { engine engine-2010 engine_2010_probe 3 "$DEBS_BOOKWORM" '{"buildkit": true}'; }

# engine_image_ids NAME: the engine's ids for the images' names. Tests may prune them, and in a classic store
# `docker run --platform` moves a name to another platform's image.
engine_image_ids() {
  local image urls=()
  for image in "${IMAGES[@]}"; do urls+=("http://engine/images/$image/json"); done
  curl -sS -m 5 --unix-socket "$RUN_DIR/$1.sock" "${urls[@]}" | grep -o '"Id":"sha256:[0-9a-f]*"\|"message":"[^"]*"'
}

# engine_images NAME: adds the lab's images with their real names, if the engine does not have those of the registry.
# They are pulled from their path in the registry and tagged, because an engine's mirrors serve docker.io only.
engine_images() {
  local name=$1 digests image from platform platforms=(linux/amd64)
  digests=$(image_digests)
  stamped "$name-images" "$digests"$'\n'"$(engine_image_ids "$name")" && return
  # Only the containerd store keeps several platforms of one name.
  [[ $name != engine-containerd ]] || ! stamped images-all "$(images_key) $digests" || platforms=(linux/arm64 linux/amd64)
  for image in "${IMAGES[@]}"; do
    from=localhost:$REGISTRY_PORT/$(registry_path "$image")
    for platform in "${platforms[@]}"; do
      engine_docker "$name" pull -q --platform "$platform" "$from"
    done
    engine_docker "$name" tag "$from" "$image"
    engine_docker "$name" rmi "$from"
  done
  # The previous images of the names.
  engine_docker "$name" image prune -f
  stamp "$name-images" "$digests"$'\n'"$(engine_image_ids "$name")"
}

# Runs again after the images of all platforms were published.
engines_images() {
  local name
  for name in "${ENGINES[@]}"; do engine_images "$name"; done
}

docker_config_up() {
  mkdir -p "$DOCKER_CONFIG_DIR/cli-plugins"
  [[ -e $DOCKER_CONFIG_DIR/config.json ]] || echo '{}' >"$DOCKER_CONFIG_DIR/config.json"
  ln -sfn "$DEBS_FORKY/usr/libexec/docker/cli-plugins/docker-buildx" "$DOCKER_CONFIG_DIR/cli-plugins/docker-buildx"
  grep -qsF "$BUILDKIT_SOCKET" "$DOCKER_CONFIG_DIR/buildx/instances/$BUILDER" && return
  DOCKER_CONFIG=$DOCKER_CONFIG_DIR "$DEBS_FORKY/usr/bin/docker" buildx rm --force "$BUILDER" 2>/dev/null || true
  DOCKER_CONFIG=$DOCKER_CONFIG_DIR "$DEBS_FORKY/usr/bin/docker" buildx create --name "$BUILDER" --driver remote "$BUILDKIT_SOCKET"
}

engines_down() {
  local name
  for name in "${ENGINES[@]}"; do stop_daemon "$name"; done
}
