# shellcheck shell=bash
# A Python that runs from any folder, made of Debian's packages, for images that bring no interpreter: uv downloads it by
# a list of its own, conda as a package (parts/conda.sh).

INTERPRETER_DIR=$LAB/interpreter
INTERPRETER_TREE=$INTERPRETER_DIR/python
# shellcheck disable=SC2034 # for exports.sh
UV_PYTHON_LIST=$FILES_URL/python/list.json

# What python3.11-minimal and libpython3.11-stdlib link against, without the C library.
INTERPRETER_LIBRARIES=(libbz2.so.1.0 libcrypt.so.1 libcrypto.so.3 libexpat.so.1 libffi.so.8 liblzma.so.5 libncursesw.so.6
  libreadline.so.8 libsqlite3.so.0 libssl.so.3 libtinfo.so.6 libuuid.so.1 libz.so.1)
INTERPRETER_PACKAGES=(libbz2-1.0 libcrypt1 libexpat1 libffi8 liblzma5 libncursesw6 libpython3.11-minimal libpython3.11-stdlib
  libreadline8 libsqlite3-0 libssl3 libtinfo6 libuuid1 python3.11-minimal zlib1g)

# interpreter_tree: the folder that has bin/python3.11, with nothing of Debian's own ideas about where packages go.
interpreter_tree() {
  local debs=$INTERPRETER_DIR/debs unpacked=$INTERPRETER_DIR/unpacked library found
  rm -rf "$INTERPRETER_DIR" && mkdir -p "$debs" "$INTERPRETER_TREE"/{bin,lib}
  (cd "$debs" && apt-get -qq -o APT::Sandbox::User=root download "${INTERPRETER_PACKAGES[@]}")
  unpack "$unpacked" "$debs"
  cp "$unpacked/usr/bin/python3.11" "$INTERPRETER_TREE/bin/"
  ln -s python3.11 "$INTERPRETER_TREE/bin/python3"
  ln -s python3.11 "$INTERPRETER_TREE/bin/python"
  cp -r "$unpacked/usr/lib/python3.11" "$INTERPRETER_TREE/lib/"
  find "$INTERPRETER_TREE" -xtype l -delete
  for library in "${INTERPRETER_LIBRARIES[@]}"; do
    for found in "$unpacked"/{usr/,}lib/x86_64-linux-gnu/"$library"; do
      [[ ! -e $found ]] || cp -L "$found" "$INTERPRETER_TREE/lib/"
    done
  done
  rm -rf "$unpacked"
  cd "$INTERPRETER_TREE/lib/python3.11" || exit
  # Debian's interpreter installs below local/, into dist-packages, and wants to be left alone.
  rm -f EXTERNALLY-MANAGED
  mkdir site-packages
  sed -i "s/prefix_scheme = 'posix_local'/prefix_scheme = 'posix_prefix'/" sysconfig.py
  cat >sitecustomize.py <<'PYTHON'
import site
import sys

site.addsitedir(sys.prefix + "/lib/python3.11/site-packages")
PYTHON
  # shellcheck disable=SC2016 # the loader's word
  {
    patchelf --set-rpath '$ORIGIN/../lib' "$INTERPRETER_TREE/bin/python3.11"
    patchelf --set-rpath '$ORIGIN/../..' lib-dynload/*.so
    patchelf --set-rpath '$ORIGIN' "$INTERPRETER_TREE"/lib/*.so.*
  }
  cd "$INTERPRETER_TREE" || exit
  # Every module that has a library is asked for; PATH and the machine's own libraries must not matter.
  env -i bin/python3.11 -I -c 'import bz2, ctypes, curses, lzma, pyexpat, readline, sqlite3, ssl, uuid, zlib'
  find . -exec touch -h -d "@$IMAGES_EPOCH" {} +
}

# interpreter: the tree, what uv downloads of it, and the tree's byte code, which conda's packages have and uv's have not.
interpreter() {
  local key version archive served=$FILES_DIR/python sha256
  key="$(digest_of "$LAB_SOURCE/parts/interpreter.sh") $FILES_URL"
  stamped interpreter "$key" && [[ -x $INTERPRETER_TREE/bin/python3.11 && -s $served/list.json ]] && return
  (interpreter_tree)
  version=$("$INTERPRETER_TREE/bin/python3.11" -IB -c 'import platform; print(platform.python_version())')
  archive=cpython-$version-x86_64-unknown-linux-gnu-install_only.tar.gz
  find "$INTERPRETER_TREE" -name __pycache__ -prune -exec rm -r {} +
  rm -rf "$served" && mkdir -p "$served"
  tar -C "$INTERPRETER_DIR" --sort=name --mtime="@$IMAGES_EPOCH" --owner=0 --group=0 --numeric-owner -czf "$served/$archive" python
  sha256=$(sha256sum "$served/$archive" | cut -d' ' -f1)
  cat >"$served/list.json" <<JSON
{
  "cpython-$version-linux-x86_64-gnu": {
    "name": "cpython",
    "arch": {"family": "x86_64", "variant": null},
    "os": "linux",
    "libc": "gnu",
    "major": $(cut -d. -f1 <<<"$version"),
    "minor": $(cut -d. -f2 <<<"$version"),
    "patch": $(cut -d. -f3 <<<"$version"),
    "prerelease": "",
    "url": "$FILES_URL/python/$archive",
    "sha256": "$sha256",
    "variant": null,
    "build": "20261110"
  }
}
JSON
  "$INTERPRETER_TREE/bin/python3.11" -IB -m compileall -q -j0 -s "$INTERPRETER_TREE" "$INTERPRETER_TREE/lib/python3.11"
  stamp interpreter "$key"
}
