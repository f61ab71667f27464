"""The clients that are known, a file for each, and `catalog` of them all."""
