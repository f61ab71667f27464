"""What an image is, by how its base64 begins."""

_MAGIC = (("/9j/", "image/jpeg"), ("R0lGOD", "image/gif"), ("UklGR", "image/webp"))


def media_type_of(data: str) -> str:
    """The type of an image in base64; PNG where that is not known."""
    return next((kind for magic, kind in _MAGIC if data.startswith(magic)), "image/png")
