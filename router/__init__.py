"""Carry it there and back: the endpoint, its dialects, its two tracks and its ledger."""
