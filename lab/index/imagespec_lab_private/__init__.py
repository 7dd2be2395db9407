"""A package that only the lab's private index has: whoever can import it came past the index's password."""

__version__ = "0"


def main() -> None:
    print(f"imagespec-lab-private {__version__}")
