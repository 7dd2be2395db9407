# Describes the interpreter that runs this file, and the system's C library. argv: the file to write.
import os, sys


def c_library():
    try:
        name = os.confstr("CS_GNU_LIBC_VERSION")
    except (AttributeError, ValueError, OSError):
        name = None
    if name and " " in name:
        return name.split(" ", 1)
    for folder in ("/lib", "/usr/lib"):
        loaders = [file for file in os.listdir(folder) if file.startswith("ld-musl-")] if os.path.isdir(folder) else []
        for loader in sorted(loaders):
            import subprocess

            ran = subprocess.run([os.path.join(folder, loader)], stderr=subprocess.PIPE)
            for line in ran.stderr.decode("utf-8", "replace").splitlines():
                if line.startswith("Version "):
                    return "musl", line.split(" ", 1)[1]
    return "", ""


def dotted(version):
    return ".".join(str(part) for part in version[:3])


# The folders with packages, if this is the interpreter of an environment that another interpreter has made.
def packages():
    if sys.prefix == getattr(sys, "base_prefix", sys.prefix):
        return []
    found = [path for path in sys.path if os.path.basename(path) in ("site-packages", "dist-packages")]
    return [path for path in found if os.path.isdir(path) and "\n" not in path]


libc, libc_version = c_library()
flags = getattr(sys, "abiflags", "")
with open(sys.argv[1], "w") as out:
    for name, value in [
        ("version", dotted(sys.version_info)),
        ("implementation", sys.implementation.name),
        ("implementation-version", dotted(sys.implementation.version)),
        ("free-threaded", int("t" in flags)),
        ("libc", libc),
        ("libc-version", libc_version),
    ] + [("packages", path) for path in packages()]:
        out.write("%s %s\n" % (name, value))
