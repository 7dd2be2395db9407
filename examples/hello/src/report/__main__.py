"""Prints a table of yearly temperatures, and where its parts came from."""

import csv
import os
import pathlib
import platform
import subprocess

import click
import humanize
import numpy
from rich.console import Console
from rich.table import Table

DATA = pathlib.Path("data/temperatures.csv")


def rows():
    with DATA.open(newline="") as file:
        _header, *lines = csv.reader(file)
    for city, *degrees in lines:
        yield city, numpy.array(degrees, dtype=float)


@click.command()
@click.option("--width", default=60, help="Columns of the report.")
def main(width):
    title = os.environ.get("REPORT_TITLE", "report")
    print(subprocess.run(["figlet", title], check=True, capture_output=True, text=True).stdout.rstrip())
    table = Table("city", "coldest", "warmest", "mean", "spread")
    for city, degrees in sorted(rows(), key=lambda row: row[1].mean()):
        numbers = (degrees.min(), degrees.max(), degrees.mean(), degrees.std())
        table.add_row(city, *(f"{number:.1f}" for number in numbers))
    console = Console(width=width)
    console.print(table)
    size = humanize.naturalsize(DATA.stat().st_size, binary=True)
    console.print(f"{DATA}: {size}; Python {platform.python_version()}, numpy {numpy.__version__}")


if __name__ == "__main__":
    main()
