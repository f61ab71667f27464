"""The gate: a policy on the recorded suites, held to its bars."""
