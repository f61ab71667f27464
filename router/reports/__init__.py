"""What was routed where, why, and what it saved: for people."""
