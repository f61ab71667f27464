"""What kind of request is this? Pure functions over what was read; no I/O."""
