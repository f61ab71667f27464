"""Content that stands in an address: `data:image/png;base64,iVBO…`."""


def inline(url: str) -> tuple[str, str]:
    """The media type and base64 of a `data:` URL; two empty strings where it is another one."""
    head, comma, data = url.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        return "", ""
    return head[5:-7].partition(";")[0], data
