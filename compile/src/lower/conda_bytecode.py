"""Compiles the packages of a conda environment to bytecode that is checked by the hash of its source.

Arguments: the environment, and the check mode of the bytecode (checked, unchecked, none). Files that do not compile are skipped:
packages contain templates, and files for other versions of Python.
"""

import compileall
import glob
import os
import py_compile
import shutil
import sys

environment, mode = sys.argv[1:]
invalidation = {
    "checked": py_compile.PycInvalidationMode.CHECKED_HASH,
    "unchecked": py_compile.PycInvalidationMode.UNCHECKED_HASH,
}.get(mode)
for folder in glob.glob(os.path.join(glob.escape(environment), "lib", "python3*")):
    # Bytecode in packages is checked by the modification time of its source, and that has changed.
    for cache in glob.glob(os.path.join(glob.escape(folder), "**", "__pycache__"), recursive=True):
        shutil.rmtree(cache)
    if invalidation:
        compileall.compile_dir(folder, quiet=2, workers=0, invalidation_mode=invalidation)
