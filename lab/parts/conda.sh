# shellcheck shell=bash
# A conda channel with Python and a few packages, and the image mambaorg/micromamba with a stand-in for the program:
# real micromamba is in none of the registries that the lab installs from.

CONDA_DIR=$LAB/conda
# shellcheck disable=SC2034 # for exports.sh
CONDA_CHANNEL=$FILES_URL/conda-forge
MICROMAMBA_DIR=$LAB/images/micromamba

# What makes the channel and the adapter, apart from the other tools.
conda_tools() {
  local key="$PY_RATTLER_VERSION $CONDA_PACKAGE_STREAMING_VERSION $PYINSTALLER_VERSION"
  stamped conda-tools "$key" && [[ -x $CONDA_DIR/venv/bin/python ]] && return
  rm -rf "$CONDA_DIR/venv"
  /usr/bin/python3 -m venv --without-pip "$CONDA_DIR/venv"
  "$LAB/venv/bin/pip" --python "$CONDA_DIR/venv/bin/python" install -q "py-rattler==$PY_RATTLER_VERSION" \
    "conda-package-streaming==$CONDA_PACKAGE_STREAMING_VERSION" "pyinstaller==$PYINSTALLER_VERSION"
  stamp conda-tools "$key"
}

conda_channel() {
  local key package served=$FILES_DIR/conda-forge wheels=$CONDA_DIR/wheels
  key="$(digest_of "$LAB_SOURCE/conda/channel.py" "$STAMP_DIR/interpreter" "$STAMP_DIR/conda-tools") $CONDA_PACKAGES"
  stamped conda-channel "$key" && [[ -s $served/noarch/repodata.json && -s $served/linux-64/repodata.json ]] && return
  rm -rf "$served" "$wheels"
  # One at a time: there may be several versions of one package.
  for package in $CONDA_PACKAGES; do
    "$LAB/venv/bin/pip" download -q --no-deps --only-binary=:all: --dest "$wheels" "$package"
  done
  "$CONDA_DIR/venv/bin/python" "$LAB_SOURCE/conda/channel.py" "$served" "$INTERPRETER_TREE" "$wheels"/*.whl
  rm -rf "$wheels"
  stamp conda-channel "$key"
}

# micromamba_adapter: one file without needs beside the C library, as the real program is; builds mount just that file.
micromamba_adapter() {
  local key work=$CONDA_DIR/adapter
  key="$(digest_of "$LAB_SOURCE/conda/micromamba_adapter.py" "$STAMP_DIR/conda-tools") $MICROMAMBA_VERSION"
  stamped micromamba "$key" && [[ -x $MICROMAMBA_DIR/amd64/micromamba && -x $MICROMAMBA_DIR/arm64/micromamba ]] && return
  rm -rf "$MICROMAMBA_DIR" "$work" && mkdir -p "$MICROMAMBA_DIR"/{amd64,arm64} "$work"
  "$CONDA_DIR/venv/bin/pyinstaller" --log-level WARN --onefile --name micromamba --distpath "$MICROMAMBA_DIR/amd64" \
    --workpath "$work" --specpath "$work" "$LAB_SOURCE/conda/micromamba_adapter.py"
  rm -rf "$work"
  [[ $("$MICROMAMBA_DIR/amd64/micromamba" --version) == "$MICROMAMBA_VERSION" ]] ||
    die "the micromamba adapter does not run, or imitates another version than $MICROMAMBA_VERSION"
  # It would have to be made under emulation; images for arm64 are there to be pulled all the same.
  printf '#!/bin/sh\necho "micromamba: the lab has its adapter for amd64 only" >&2\nexit 70\n' >"$MICROMAMBA_DIR/arm64/micromamba"
  chmod 755 "$MICROMAMBA_DIR"/*/micromamba
  stamp micromamba "$key"
}
