"""Points a client at this endpoint and back: its settings, the change to them, and what undoes it."""
