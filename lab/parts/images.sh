# shellcheck shell=bash
# The images that specs use, for amd64 and arm64, in the plain registry at the paths where mirrors look for them.
# The engines' copies are made in parts/engines.sh.

ROOTFS_DIR=$LAB/images/rootfs
UV_DIR=$LAB/images/uv
IMAGES=("$DEBIAN_IMAGE" "$PYTHON_IMAGE" "$PYTHON_TOOL_IMAGE" "$UV_IMAGE" "$MICROMAMBA_IMAGE")
# Only for the creation times in image configs, so that the same inputs result in the same configs.
IMAGES_EPOCH=1700000000

images_key() {
  (cd "$LAB_SOURCE/images" && find . -type f | LC_ALL=C sort | xargs cat -- | cat - ../versions.env ../conda/micromamba_adapter.py | sha256sum | cut -d' ' -f1)
}

# rootfs ARCH: the tar behind debian:bookworm-slim.
rootfs() {
  local key suite mirror tar=$ROOTFS_DIR/debian-$1.tar
  key=$(cd "$LAB_SOURCE/images" && find rootfs debian -type f | LC_ALL=C sort | xargs cat -- | sha256sum | cut -d' ' -f1)
  stamped "rootfs-$1" "$key" && [[ -s $tar ]] && return
  mkdir -p "$ROOTFS_DIR"
  rm -f "$tar"
  for suite in bookworm bookworm-updates bookworm-security; do
    mirror=$(mirror_of "$suite")
    [[ -n $mirror ]] || die "apt is not configured with any mirror of $suite" >&2
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main"
  done | "$LAB_SOURCE/images/rootfs" "$1" "$tar"
  stamp "rootfs-$1" "$key"
}
rootfs_amd64() { rootfs amd64; }
rootfs_arm64() { rootfs arm64; }

# The lab's Python tools, apart from the machine's.
python_tools() {
  stamped python-tools "$PYPISERVER_VERSION" && [[ -x $LAB/venv/bin/pip ]] && return
  rm -rf "$LAB/venv"
  /usr/bin/python3 -m venv "$LAB/venv"
  "$LAB/venv/bin/pip" install -q "pypiserver[passlib]==$PYPISERVER_VERSION"
  stamp python-tools "$PYPISERVER_VERSION"
}

uv_binaries() {
  local arch machine
  stamped uv "$UV_VERSION" && [[ -x $UV_DIR/amd64/uv && -x $UV_DIR/arm64/uv ]] && return
  rm -rf "$UV_DIR"
  for arch in amd64:x86_64 arm64:aarch64; do
    machine=${arch#*:} arch=${arch%:*}
    # The public image holds the musl build, which is static.
    "$LAB/venv/bin/pip" download -q --no-deps --only-binary=:all: --platform "musllinux_1_1_$machine" \
      --dest "$UV_DIR/wheel-$arch" "uv==$UV_VERSION"
    "$LAB/venv/bin/python" -m zipfile -e "$UV_DIR/wheel-$arch"/*.whl "$UV_DIR/wheel-$arch/unpacked"
    mkdir -p "$UV_DIR/$arch"
    mv "$UV_DIR/wheel-$arch"/unpacked/*/scripts/{uv,uvx} "$UV_DIR/$arch/"
    chmod +x "$UV_DIR/$arch"/*
    rm -rf "$UV_DIR/wheel-$arch"
  done
  "$UV_DIR/amd64/uv" --version
  stamp uv "$UV_VERSION"
}

# registry_path IMAGE: repository and tag under which the mirror settings look for a public image.
registry_path() {
  case $1 in
  ghcr.io/*) echo "${1#ghcr.io/}" ;;
  */*) echo "$1" ;;
  *) echo "library/$1" ;;
  esac
}

# image_digests: the digests in the plain registry at the images' paths, `-` for none.
image_digests() {
  local image path urls=()
  for image in "${IMAGES[@]}"; do
    path=$(registry_path "$image")
    urls+=("http://127.0.0.1:$REGISTRY_PORT/v2/${path%:*}/manifests/${path##*:}")
  done
  # One call for all images, because lab/up calls this often.
  curl -sS --noproxy '*' -m 5 -I -H 'Accept: application/vnd.oci.image.index.v1+json' \
    -H 'Accept: application/vnd.oci.image.manifest.v1+json' "${urls[@]}" |
    tr -d '\r' | awk '$1 ~ /^HTTP/ { if (seen++) print found; found = "-" } tolower($1) == "docker-content-digest:" { found = $2 }
      END { print found }'
}

# publish IMAGE DOCKERFILE CONTEXT PLATFORMS
publish() {
  echo "publishing $1 for $4"
  buildctl build --progress plain --frontend dockerfile.v0 --local "context=$3" --local "dockerfile=$LAB_SOURCE/images" \
    --opt "filename=$2" --opt "platform=$4" --opt "build-arg:SOURCE_DATE_EPOCH=$IMAGES_EPOCH" \
    --output "type=image,name=localhost:$REGISTRY_PORT/$(registry_path "$1"),push=true,oci-mediatypes=true"
}

# images_published NAME PLATFORMS: publishes images whose digest in the registry is not the recorded one.
images_published() {
  local key
  key=$(images_key)
  stamped "images-$1" "$key $(image_digests)" && return
  publish "$DEBIAN_IMAGE" debian.Dockerfile "$ROOTFS_DIR" "$2"
  publish "$UV_IMAGE" uv.Dockerfile "$UV_DIR" "$2"
  publish "$PYTHON_IMAGE" python.Dockerfile "$LAB_SOURCE/images" "$2"
  publish "$PYTHON_TOOL_IMAGE" python-tool.Dockerfile "$LAB_SOURCE/images" "$2"
  publish "$MICROMAMBA_IMAGE" micromamba.Dockerfile "$MICROMAMBA_DIR" "$2"
  stamp "images-$1" "$key $(image_digests)"
}

# The machine's own platform is first, because the other one takes minutes and few parts need it.
images_amd64() {
  stamped images-all "$(images_key) $(image_digests)" && return
  images_published amd64 linux/amd64
}
images_all() { images_published all linux/amd64,linux/arm64; }
