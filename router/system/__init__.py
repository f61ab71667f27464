"""The machine below: files, processes, environment, and time on the event loop."""
