"""The sections of a report, one file each: numbers turned into sentences, tables and charts.

All follow three rules. A saving is stated with its baseline, its range and what it leaves out; a
negative saving is called a loss. A gap in the data is stated. An empty section says so in one line.
"""
