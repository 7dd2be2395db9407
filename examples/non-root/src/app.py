"""Says who runs it and writes into its working directory."""

import os
import pathlib

import humanize

pathlib.Path("written").write_text("by the user\n")
print(f"{humanize.apnumber(1)} file written by uid {os.getuid()} in {pathlib.Path.cwd()}")
