"""Runs through a live endpoint: whose answers pass, measured anew."""
