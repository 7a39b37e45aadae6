"""Data about programs: one module for each family, one value for each program."""
