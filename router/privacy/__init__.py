"""What of a request must not leave this machine: every string of its body is scanned, in whatever field."""
