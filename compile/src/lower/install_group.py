# Runs the installer, lists the files it installed, and compiles them to bytecode. argv:
#   1. the folder below which the environment is; empty if it is at its place in the image
#   2. the environment, as an absolute path of the image
#   3. the file for the list; may be empty
#   4. the kind of bytecode: checked, unchecked, none
#   5. the folder below which bytecode is written, usually the first one
#   6. the folder of the bytecode cache; may be empty
#   7. the folder for the installer's input files
#   8. the version of Python that this must be run with; may be empty
#   9. and so on: the installer's command; without one, the files are there already
# The input files come in variables, which are removed before anything else runs: IMAGESPEC_FILE_0_0 is the name of the
# first file, IMAGESPEC_FILE_0_1 and so on are its pieces, and IMAGESPEC_FILE_1_0 is the name of the second file.
#
# The list has one line for each file: package, hash and path, separated by tabs; paths are relative to the environment.
# Bytecode is compiled here rather than by the installer for two reasons: forking once is faster than starting several
# interpreters, and files are distributed in a fixed order. Compiling takes most of an installation's time, so bytecode
# is cached. The key is the content of the sources, their paths and the interpreter, and never the name or version that
# a package claims.
#
# All files get one time, so that the same packages result in the same bytes.
import hashlib, importlib.util, marshal, os, py_compile, sys, time

MIN_PARALLEL = 150
# 1980-01-02: zip archives know no earlier year in any time zone.
FILE_TIME = 315619200


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


# The path in the image, and the place of its bytecode.
def final(path):
    return path[len(below) :]


def place(path):
    return into + importlib.util.cache_from_source(final(path))


def compile_all(files, mode):
    kind = py_compile.PycInvalidationMode[mode.upper() + "_HASH"]
    processes = 1 if len(files) < MIN_PARALLEL else len(os.sched_getaffinity(0))
    children = []
    for number in range(processes):
        child = os.fork() if processes > 1 else 0
        if child:
            children.append(child)
            continue
        for file in files[number::processes]:
            try:
                py_compile.compile(file, place(file), final(file), doraise=True, quiet=2, invalidation_mode=kind)
            except Exception:
                # Templates, and tests for other versions of Python. Whoever imports one gets the error.
                pass
        if processes > 1:
            os._exit(0)
    for child in children:
        if os.waitpid(child, 0)[1]:
            sys.exit("a process that compiles bytecode died")


def kept_name(files, mode):
    name = hashlib.sha256(repr((sys.version, importlib.util.MAGIC_NUMBER, mode)).encode())
    for path in files:
        with open(path, "rb") as file:
            source = file.read()
        path = os.fsencode(final(path))
        name.update(b"%d %d " % (len(path), len(source)) + path + source)
    return name.hexdigest()


def use_kept(kept, files):
    try:
        with open(kept, "rb") as file:
            digest, content = file.read(32), file.read()
        if hashlib.sha256(content).digest() != digest:
            return False
    except FileNotFoundError:
        return False
    for path, code in zip(files, marshal.loads(content)):
        if code is None:
            continue
        compiled = place(path)
        os.makedirs(os.path.dirname(compiled), exist_ok=True)
        if os.path.lexists(compiled):
            os.unlink(compiled)
        mode = (os.stat(path).st_mode | 0o200) & 0o666
        with open(os.open(compiled, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as out:
            out.write(code)
    return True


def keep(kept, files):
    codes = []
    for path in files:
        compiled = place(path)
        code = None
        if os.path.exists(compiled):
            with open(compiled, "rb") as file:
                code = file.read()
        codes.append(code)
    content = marshal.dumps(codes)
    unfinished = "%s.%d.%s" % (kept, os.getpid(), os.urandom(8).hex())
    try:
        with open(unfinished, "wb") as out:
            out.write(hashlib.sha256(content).digest() + content)
        os.replace(unfinished, kept)
    except OSError as error:
        # The disk may be full. The next build compiles the files again.
        print("cannot cache bytecode: %s" % error)
        if os.path.exists(unfinished):
            os.unlink(unfinished)


# Sets the time of a folder and of everything in it that was written since.
def set_times(folder, since):
    for path, folders, files in os.walk(folder, topdown=False):
        for name in [os.path.join(path, name) for name in files + folders] + [path]:
            if os.lstat(name).st_mtime >= since:
                os.utime(name, (FILE_TIME, FILE_TIME), follow_symlinks=False)


def variables(number):
    piece = 0
    while True:
        value = os.environ.pop("IMAGESPEC_FILE_%d_%d" % (number, piece), None)
        if value is None:
            return
        yield os.fsencode(value)
        piece += 1


started = int(time.time()) - 1
below, home, listing, mode, into, kept, folder, version = sys.argv[1:9]
command = sys.argv[9:]
found = "%d.%d" % sys.version_info[:2]
if version not in ("", found):
    sys.exit("builder_config.python_image has Python %s, but the packages are for Python %s" % (found, version))
environment = below + home
before = {}
if command:
    for number in range(2):
        name, *pieces = variables(number)
        with open(os.path.join(os.fsencode(folder), name), "wb") as file:
            file.writelines(pieces)
    before = metadata(environment)
    marker = os.path.join(environment, ".lock")
    had_marker = os.path.exists(marker)
    code = os.spawnv(os.P_WAIT, command[0], command)
    if code:
        sys.exit(code if code > 0 else 128 - code)
    if not had_marker and os.path.exists(marker):
        os.unlink(marker)

sources, lines = {}, []
for folder, site in sorted(metadata(environment).items()):
    if folder in before:
        continue
    package = os.path.basename(folder).rsplit("-", 1)[0].split("-", 1)[0]
    for path, digest in record(folder):
        path = os.path.normpath(os.path.join(site, path))
        lines.append("%s\t%s\t%s\n" % (package, digest, os.path.relpath(path, environment)))
        if path.endswith(".py") and path.startswith(site + os.sep):
            sources.setdefault(path, folder)
if listing:
    with open(listing, "w", encoding="utf-8", errors="surrogateescape") as out:
        out.writelines(sorted(lines))
if mode != "none":
    packages = {}
    for path, folder in sorted(sources.items()):
        packages.setdefault(folder, []).append(path)
    missing = []
    for folder, files in sorted(packages.items()):
        name = os.path.join(kept, kept_name(files, mode)) if kept else ""
        if not (kept and use_kept(name, files)):
            missing.append((name, files))
    compile_all(sorted(path for _, files in missing for path in files), mode)
    for name, files in missing if kept else []:
        keep(name, files)
    print("bytecode of %d packages: %d compiled, %d cached" % (len(packages), len(missing), len(packages) - len(missing)))
if into == below:
    set_times(below or home, 0 if below else started)
