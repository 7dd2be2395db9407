# shellcheck shell=bash
# Other files that containers download, on an HTTP server on the lab's bridge: a conda
# channel (parts/conda.sh) and interpreters for uv (parts/interpreter.sh).

FILES_DIR=$LAB/files
FILES_URL=http://$LAB_ADDRESS:$FILES_PORT

files_probe() { http_ok "$FILES_URL/"; }

files_up() {
  mkdir -p "$FILES_DIR"
  daemon files files_probe - \
    /usr/bin/python3 -m http.server "$FILES_PORT" --bind "$LAB_ADDRESS" --directory "$FILES_DIR"
}
