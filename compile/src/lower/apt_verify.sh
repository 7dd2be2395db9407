# shellcheck shell=dash
# Checks archives before dpkg reads them; stdin has their paths, one per line (apt.conf: DPkg::Pre-Install-Pkgs). An archive
# without the SHA-256 that the package lists have for its package, version and architecture is removed, and the install
# fails.
set -eu
work=/dev/imagespec/apt
cat > "$work/paths"
# The names of archives: NAME_VERSION_ARCHITECTURE.deb, with `%3a` and `%5f` for `:` and `_` in the version.
packages=$(sed 's|.*/||; s|\.deb$||
  s|^\([^_]*\)_\(.*\)_all$|\1=\2|
  s|^\([^_]*\)_\(.*\)_\([^_]*\)$|\1:\3=\2|
  s|%3a|:|g; s|%5f|_|g' "$work/paths")
test -n "$packages" || exit 0
# shellcheck disable=SC2086 # one word per package
apt-cache -c "$work/apt.conf" show --no-all-versions -- $packages | awk '
  /^Package: / { package = $2 }
  /^Version: / { version = $2 }
  /^Architecture: / { architecture = $2 }
  /^SHA256: / { hash = $2 }
  /^$/ {
    gsub(/_/, "%5f", version)
    gsub(/:/, "%3a", version)
    print hash, package "_" version "_" architecture ".deb"
    hash = ""
  }' > "$work/hashes"
status=0
while read -r path; do
  file=${path##*/}
  hash=$(sha256sum < "$path")
  # Two repositories may have different files of one version.
  grep -qxF "${hash%% *} $file" "$work/hashes" && continue
  echo "$file is not the file that the repository lists, so it is downloaded again" >&2
  rm -f -- "$path"
  : > "$work/again"
  status=1
done < "$work/paths"
exit "$status"
