# Finds files that several packages install with different content. argv: the file to write, then lists that
# install_group.py has written. Writes one line for each such file: its path and the packages, separated by tabs.
import sys

owners = {}
for listing in sys.argv[2:]:
    with open(listing, encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            package, digest, path = line.rstrip("\n").split("\t", 2)
            owners.setdefault(path, {})[package] = digest

with open(sys.argv[1], "w", encoding="utf-8", errors="surrogateescape") as out:
    for path, packages in sorted(owners.items()):
        digests = set(packages.values())
        if len(packages) > 1 and (len(digests) > 1 or "" in digests):
            out.write("\t".join([path] + sorted(packages)) + "\n")
