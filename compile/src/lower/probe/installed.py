# Lists the packages that the interpreter which runs this file can import. argv: the folder to write to. It gets the file
# `installed`, with name, version and place (`own`: in the interpreter's own environment, or `seen`) of each package,
# separated by tabs, and the folder `wheels`, with a wheel for each package that has only its metadata: a resolver can read
# there what the packages require, although no index may have them.
import os, re, sys, zipfile
from importlib.metadata import distributions

folder = os.path.join(sys.argv[1], "wheels")
os.mkdir(folder)
own = os.path.realpath(sys.prefix) + os.sep
lines, seen = [], set()
# A package that comes first hides others of the same name.
for found in distributions():
    headers = (found.read_text("METADATA") or found.read_text("PKG-INFO") or "").split("\n\n", 1)[0]
    name, version = found.metadata["Name"], found.version
    if not name or not version or any(c in name + version for c in "\t\n/"):
        continue
    file = "%s-%s" % (re.sub(r"[-_.]+", "_", name).lower(), version)
    if file.split("-")[0] in seen:
        continue
    seen.add(file.split("-")[0])
    place = os.path.realpath(str(found.locate_file("")))
    lines.append("%s\t%s\t%s\n" % (name, version, "own" if (place + os.sep).startswith(own) else "seen"))
    files = {
        "METADATA": headers + "\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: imagespec\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    with zipfile.ZipFile(os.path.join(folder, file + "-py3-none-any.whl"), "w") as wheel:
        for member, text in files.items():
            wheel.writestr(zipfile.ZipInfo("%s.dist-info/%s" % (file, member)), text)
with open(os.path.join(sys.argv[1], "installed"), "w", encoding="utf-8") as out:
    out.writelines(sorted(lines))
