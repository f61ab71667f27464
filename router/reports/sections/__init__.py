"""The sections of a report, a noun each: from numbers to sentences, tables and charts.

Three rules hold in all of them. A saving is said with its baseline, its range and what it leaves
out, and where it is a loss, it is called one. A gap is a sentence, never a silence. A section
with nothing to tell says that in one line.
"""
