"""The command line, `turnout`."""
