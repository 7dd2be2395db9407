# Creates the environment. argv: its folder, its owner as user[:group] (may be empty), the kind of bytecode of the standard
# library (checked, unchecked, none), and the command that creates it. It is run by the interpreter of the environment.
#
# All files get one time, so that the same inputs result in the same bytes.
import os, sys

# 1980-01-02: zip archives know no earlier year in any time zone.
FILE_TIME = 315619200 * 10**9


def set_times(folder):
    for path, folders, files in os.walk(folder, topdown=False):
        for name in [os.path.join(path, name) for name in files + folders] + [path]:
            os.utime(name, ns=(FILE_TIME, FILE_TIME), follow_symlinks=False)


def compile_library(mode):
    import compileall, py_compile

    library = os.path.dirname(os.__file__)
    kind = py_compile.PycInvalidationMode[mode.upper() + "_HASH"]
    # Templates, and tests for other versions of Python, have errors on purpose.
    compileall.compile_dir(library, quiet=2, force=True, workers=0, invalidation_mode=kind)
    set_times(library)


# As in chown, a group that is not named stays as it is.
def give(folder, owner):
    import grp, pwd

    user, _, group = owner.partition(":")
    user = int(user) if user.isdigit() else pwd.getpwnam(user).pw_uid
    group = -1 if not group else int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
    for path, folders, files in os.walk(folder):
        for name in [os.path.join(path, name) for name in files + folders] + [path]:
            os.chown(name, user, group, follow_symlinks=False)


home, owner, library = sys.argv[1:4]
command = sys.argv[4:]
above = []
path = os.path.dirname(home)
while path != "/":
    above.append((path, os.stat(path).st_mtime_ns if os.path.exists(path) else FILE_TIME))
    path = os.path.dirname(path)
code = os.spawnv(os.P_WAIT, command[0], command)
if code:
    sys.exit(code if code > 0 else 128 - code)
if library != "none":
    compile_library(library)
if owner:
    give(home, owner)
set_times(home)
for path, mtime in above:
    os.utime(path, ns=(mtime, mtime))
