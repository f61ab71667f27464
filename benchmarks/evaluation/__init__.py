"""Evaluation: what `turnout policy check`, `tune`, `diff` and `cascade` measure, from recorded outcomes."""
