"""A report about temperatures."""
