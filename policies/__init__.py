"""Where may it go? A policy is YAML a person can read aloud; deciding is pure."""
