# Copies a tree into the root filesystem. argv: the tree. Owners and modes of folders that exist stay as they are.
import os, shutil, sys

tree = sys.argv[1]
for path, folders, files in os.walk(tree):
    place = path[len(tree) :] + "/"
    for name in folders:
        if not os.path.islink(os.path.join(path, name)):
            os.makedirs(place + name, exist_ok=True)
    for name in files + [name for name in folders if os.path.islink(os.path.join(path, name))]:
        if os.path.lexists(place + name):
            os.unlink(place + name)
        shutil.copy2(os.path.join(path, name), place + name, follow_symlinks=False)
