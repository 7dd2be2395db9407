"""Writes what uv says about requirement lines: one line each, `accepts` or `refuses`, a tab, the line.

Run beside `cases.txt` with `uv` on PATH (the version is noted in the output): python3 generate.py > verdicts.tsv
No index is asked: a line that parses fails later, for want of packages.
"""

import pathlib
import subprocess

here = pathlib.Path(__file__).parent
# What uv says when the line itself is at fault, and not what it names.
PARSE_ERRORS = ("Couldn't parse", "Unexpected '", "Expected ", "Unsupported", "Invalid", "invalid value", "must be", "Failed to parse")


def refuses(line: str) -> bool:
    command = ["uv", "pip", "compile", "-", "--offline", "--no-index", "--quiet", "--no-cache"]
    done = subprocess.run(command, input=line + "\n", capture_output=True, text=True, cwd="/")
    first = done.stderr.splitlines()[0] if done.stderr else ""
    return any(words in first for words in PARSE_ERRORS)


version = subprocess.run(["uv", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
print(f"# uv {version}, written by generate.py")
for case in (here / "cases.txt").read_text().splitlines():
    print("refuses" if refuses(case) else "accepts", case, sep="\t")
