"""What of a request must not leave this machine: every string of the body is scanned, whatever field it is in."""
