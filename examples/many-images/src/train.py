import numpy
from model import Model

print(Model(name="mean", weight=float(numpy.mean([1, 2, 3]))))
