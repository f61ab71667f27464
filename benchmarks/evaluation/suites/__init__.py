"""The suites, one file each: their problems, as a client would ask them, and how an answer is scored."""
