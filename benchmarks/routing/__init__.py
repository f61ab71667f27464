"""Whether a classifier tells tasks apart: beside other routers, and late in a turn."""
