"""What the image runs: proves that sources, data, environment and packages are where they should be."""

import os
import pathlib
import sys

import numpy
import pkg

data = pathlib.Path("data/marker.txt").read_text().strip()
print(os.environ["GREETING"], pkg.NAME, data, int(numpy.arange(4).sum()), sys.prefix)
