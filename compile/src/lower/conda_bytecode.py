"""Compiles the packages of a conda environment to bytecode that names its source by content.

Arguments: the environment, and how bytecode is checked. What cannot be compiled is left as it is: packages bring files that are
templates, or for other versions of Python.
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
    # What packages bring compiled names the time of a file that is another one now.
    for cache in glob.glob(os.path.join(glob.escape(folder), "**", "__pycache__"), recursive=True):
        shutil.rmtree(cache)
    if invalidation:
        compileall.compile_dir(folder, quiet=2, workers=0, invalidation_mode=invalidation)
