# shellcheck shell=dash
# Describes the root filesystem in which it runs. Arguments: the folder to write to, the file that describes an interpreter,
# and pairs of a kind and a path: `folder` for programs, `program`, and `file`. It writes the file `survey`: lines with a kind
# and a path, each followed by its text, indented by one space.
set -u
out=$1 describe=$2
shift 2

indented() {
  while IFS= read -r line || [ -n "$line" ]; do
    printf ' %s\n' "$line"
  done
}

described() {
  printf 'interpreter %s\n' "$1"
  : > "$out/one"
  "$1" -I "$describe" "$out/one" < /dev/null >&2 && indented < "$out/one"
}

# Whether a path has the name of an interpreter, and not that of one of its tools.
is_interpreter() {
  case ${1##*/} in
    python | python3 | python3.[0-9] | python3.[0-9][0-9] | python3.[0-9]t | python3.[0-9][0-9]t) [ -f "$1" ] && [ -x "$1" ] ;;
    *) false ;;
  esac
}

# A link to an interpreter in the same folder is described with that one, and a folder that is a link with what it leads to.
in_folder() {
  for path in "$1"/python*; do
    if [ -L "$path" ]; then
      target=$(readlink "$path") || exit 1
      printf 'link %s\n' "$path"
      printf '%s\n' "$target" | indented
      case $target in
        */*) ;;
        *) is_interpreter "$1/$target" && continue ;;
      esac
    elif [ -f "$path" ]; then
      printf 'program %s\n' "$path"
    fi
    if [ ! -L "$1" ] && is_interpreter "$path"; then
      described "$path"
    fi
  done
}

while [ $# -gt 1 ]; do
  case $1 in
    folder) in_folder "${2%/}" ;;
    file) [ -f "$2" ] && printf 'file %s\n' "$2" && indented < "$2" ;;
    program) [ -e "$2" ] && printf 'path %s\n' "$2" && described "$2" ;;
  esac
  shift 2
done > "$out/survey"
# The dynamic linkers of musl (musl: `configure`, `LDSO_PATHNAME`).
for path in /lib/ld-musl-*.so.1; do
  [ -e "$path" ] && printf 'path %s\n' "$path"
done >> "$out/survey"
exit 0
