# shellcheck shell=dash
# Updates the package lists, installs packages (the arguments), and removes files that differ between runs. This is one
# script in one exec, because the lists are in a cache that may be emptied at any time, so that an install must not rely
# on an earlier update.
#
# Other builds write to the caches of lists and archives, and their base images and packages may be hostile. So nothing is
# used that is not checked here:
# - Only regular files are kept.
# - A list is kept if the release file next to it has its SHA-256, and every release file is fetched again, whose signature
#   apt then checks. apt keeps a list only if the old and the new release file have the same hash of it.
# - Archives are checked by verify.sh before dpkg reads them; apt itself compares their sizes only.
# apt's index of the lists cannot be checked, so it is not shared between builds.
#
# Everything that is written gets one time, so that the same packages result in the same bytes.
set -eu
command -v apt-get > /dev/null || {
  echo 'the base image has no apt-get, which apt_packages need: use an image of Debian or Ubuntu' >&2
  exit 127
}
work=/dev/imagespec/apt
# The clock of files may be behind by one tick.
touch -d "@$(($(date +%s) - 1))" "$work/start"
conf=$work/apt.conf
printf %s "$IMAGESPEC_APT_CONF" > "$conf"
printf %s "$IMAGESPEC_APT_VERIFY" > "$work/verify.sh"
unset IMAGESPEC_APT_CONF IMAGESPEC_APT_VERIFY
lists=/var/lib/apt/lists
archives=/var/cache/apt/archives
find "$lists" "$archives" -mindepth 1 ! -type f -exec rm -rf -- {} +
mkdir "$work/checked"
for release in "$lists"/*Release; do
  test -f "$release" || continue
  prefix=${release%Release}
  prefix=${prefix%In}
  for list in "$prefix"*; do
    name=${list#"$prefix"}
    case $name in Release | InRelease | Release.gpg) continue ;; esac
    # Images that compress their lists have `.lz4`; the release file has the hash of the text.
    hash=$(/usr/lib/apt/apt-helper cat-file "$list" | sha256sum)
    path=$(printf %s "${name%.lz4}" | tr _ /)
    if awk -v hash="${hash%% *}" -v path="$path" '$1 == hash && $3 == path { found = 1 } END { exit !found }' "$release"
    then : > "$work/checked/${list##*/}"; fi
  done
done
for file in "$lists"/*; do
  case $file in
    # The time is sent to the server, which would otherwise answer that the file has not changed.
    *Release) touch -d @1 "$file" ;;
    *) test -e "$work/checked/${file##*/}" || rm -f -- "$file" ;;
  esac
done
: > "$work/began"
# The install builds the index.
apt-get -q -c "$conf" -o pkgCacheFile::Generate=false update
# apt uses old release files if it cannot fetch new ones.
old=$(find "$lists" -name '*Release' ! -cnewer "$work/began")
if test -n "$old"; then
  echo "cannot update the package lists: no new versions of these files: $old" >&2
  exit 100
fi
install() { apt-get -q -c "$conf" install -y --no-install-recommends -- "$@"; }
# verify.sh asks for a second attempt after it has removed wrong archives.
install "$@" || { code=$?; test -e "$work/again" || exit "$code"; install "$@"; }
rm -rf /var/log/apt/* /var/log/dpkg.log /var/log/alternatives.log /var/log/bootstrap.log \
  /var/cache/ldconfig/aux-cache /var/cache/debconf/*-old /var/lib/dpkg/*-old \
  /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/subuid- /etc/subgid-
# 1980-01-02: zip archives know no earlier year in any time zone.
# The paths that are left out are the container's own.
find / -xdev \( -path /dev -o -path /proc -o -path /sys -o -path /etc/hosts -o -path /etc/resolv.conf \) -prune \
  -o -newer "$work/start" -exec touch -h -c -d @315619200 -- {} +
