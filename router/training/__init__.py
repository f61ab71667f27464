"""Training: data for the trained classifier."""
