"""Later system messages as user text, for models that take one in front alone."""


def reminder(text: str) -> str:
    """Mark text as the client's own, in the form that Claude Code itself uses for older models."""
    if text.lstrip().startswith("<system-reminder>"):
        return text
    return f"<system-reminder>\n{text}\n</system-reminder>"
