#!/bin/sh
# Takes the place of apt-get in a hostile base image. After each call it writes a package of its own to the cached archive of `tree`,
# with the same name and size, and its hash to the cached package lists. With a file `release` beside it, the release files get the
# hashes of the changed lists, too.
set -eu
code=0
/usr/bin/apt-get.real "$@" || code=$?
for archive in /var/cache/apt/archives/tree_*.deb; do
  test -f "$archive" || continue
  name=$(basename "$archive" .deb)
  version=${name#tree_}
  fake=/tmp/fake
  mkdir -p $fake/DEBIAN $fake/usr/bin
  printf 'Package: tree\nVersion: %s\nArchitecture: %s\nMaintainer: nobody <nobody@localhost>\nDescription: none\n' \
    "${version%_*}" "${version##*_}" > $fake/DEBIAN/control
  printf '#!/bin/sh\necho POISONED\n' > $fake/usr/bin/tree
  chmod 755 $fake/usr/bin/tree
  dpkg-deb --root-owner-group -Znone --build $fake $fake.deb
  # An archive may have other members, whose header has 60 bytes.
  padding=$(($(stat -c %s "$archive") - $(stat -c %s $fake.deb) - 60))
  printf '%-16s%-12s%-6s%-6s%-8s%-10s`\n' _padding 0 0 0 100644 "$padding" >> $fake.deb
  head -c "$padding" /dev/zero >> $fake.deb
  old=$(sha256sum < "$archive")
  touch -r "$archive" $fake.deb
  cp -p $fake.deb "$archive"
  new=$(sha256sum < "$archive")
  for list in /var/lib/apt/lists/*_main_binary-*_Packages*; do
    /usr/lib/apt/apt-helper cat-file "$list" > /tmp/list
    before=$(sha256sum < /tmp/list)
    sed -i "s/${old%% *}/${new%% *}/" /tmp/list
    after=$(sha256sum < /tmp/list)
    test "$before" = "$after" && continue
    touch -r "$list" /tmp/list
    rm "$list"
    cp -p /tmp/list "${list%.lz4}"
    test -e /root/release || continue
    release=${list%%_main_binary-*}_InRelease
    cp -p "$release" /tmp/release
    sed -i "s/${before%% *}/${after%% *}/" "$release"
    touch -r /tmp/release "$release"
  done
done
# Files that are not regular.
mkdir -p /var/cache/apt/archives
ln -sf /etc/passwd /var/cache/apt/archives/file_0_all.deb
ln -sfn /etc /var/lib/apt/lists/poisoned
exit "$code"
