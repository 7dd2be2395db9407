# Runs the installer, lists what it installed, and compiles it. argv: environment, file for the list, bytecode
# (checked, unchecked, none), and the installer's command.
#
# The list has a line for each file: package, hash, path, with tabs between; paths are relative to the environment.
# Bytecode is made here rather than by the installer, because one process that forks once starts faster than workers
# that are interpreters of their own, and because files are dealt out in a fixed order.
import os, py_compile, sys

FEW = 150


def metadata(environment):
    found = {}
    library = os.path.join(environment, "lib")
    for folder in os.listdir(library) if os.path.isdir(library) else []:
        site = os.path.join(library, folder, "site-packages")
        for name in os.listdir(site) if os.path.isdir(site) else []:
            if name.endswith(".dist-info"):
                found[os.path.join(site, name)] = site
    return found


def record(folder):
    with open(os.path.join(folder, "RECORD"), encoding="utf-8", newline="") as file:
        for line in file.read().splitlines():
            path, digest, _ = line.rsplit(",", 2)
            if path.startswith('"'):
                path = path[1:-1].replace('""', '"')
            yield path, digest


def compile_all(files, mode):
    if mode == "none":
        return
    kind = py_compile.PycInvalidationMode[mode.upper() + "_HASH"]
    processes = 1 if len(files) < FEW else len(os.sched_getaffinity(0))
    children = []
    for number in range(processes):
        child = os.fork() if processes > 1 else 0
        if child:
            children.append(child)
            continue
        for file in files[number::processes]:
            try:
                py_compile.compile(file, doraise=True, quiet=2, invalidation_mode=kind)
            except Exception:
                # Templates and tests of other Pythons: nobody imports them, or who does is told then.
                pass
        if processes > 1:
            os._exit(0)
    for child in children:
        if os.waitpid(child, 0)[1]:
            sys.exit("a process that compiles bytecode died")


environment, listing, mode = sys.argv[1:4]
before = metadata(environment)
marker = os.path.join(environment, ".lock")
had_marker = os.path.exists(marker)
code = os.spawnv(os.P_WAIT, sys.argv[4], sys.argv[4:])
if code:
    sys.exit(code if code > 0 else 128 - code)
if not had_marker and os.path.exists(marker):
    os.unlink(marker)

sources, lines = set(), []
for folder, site in sorted(metadata(environment).items()):
    if folder in before:
        continue
    package = os.path.basename(folder).rsplit("-", 1)[0].split("-", 1)[0]
    for path, digest in record(folder):
        path = os.path.normpath(os.path.join(site, path))
        lines.append("%s\t%s\t%s\n" % (package, digest, os.path.relpath(path, environment)))
        if path.endswith(".py") and path.startswith(site + os.sep):
            sources.add(path)
with open(listing, "w", encoding="utf-8", errors="surrogateescape") as out:
    out.writelines(sorted(lines))
compile_all(sorted(sources), mode)
