# Removes packages from the environment of the interpreter that runs this file, so that other versions can take their place.
# argv: the names. What a package does not record stays.
import os, re, sys
from importlib.metadata import distributions

# 1980-01-02: zip archives know no earlier year in any time zone.
FILE_TIME = 315619200


def plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


names = {plain(name) for name in sys.argv[1:]}
own = os.path.realpath(sys.prefix) + os.sep
changed, metadata = set(), []
for found in distributions():
    if plain(found.metadata["Name"] or "") not in names:
        continue
    for file in found.files or []:
        path = os.path.normpath(os.path.join(os.path.realpath(str(found.locate_file(""))), str(file)))
        compiled = []
        if path.endswith(".py"):
            cache = os.path.join(os.path.dirname(path), "__pycache__")
            stem = os.path.basename(path)[:-3] + "."
            if os.path.isdir(cache):
                compiled = [os.path.join(cache, name) for name in os.listdir(cache) if name.startswith(stem)]
        for path in [path] + compiled:
            if path.startswith(own) and os.path.lexists(path):
                os.unlink(path)
                changed.add(os.path.dirname(path))
for folder in sorted(changed, key=len, reverse=True):
    while (folder + os.sep).startswith(own) and folder + os.sep != own and os.path.isdir(folder) and not os.listdir(folder):
        os.rmdir(folder)
        folder = os.path.dirname(folder)
        changed.add(folder)
for folder in changed:
    if os.path.isdir(folder):
        os.utime(folder, (FILE_TIME, FILE_TIME))
