"""The checklist of `turnout doctor`: what is needed, what is there, and what to do about the rest."""
