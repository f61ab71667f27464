"""Who asks: teams, their keys, and what each may do."""
