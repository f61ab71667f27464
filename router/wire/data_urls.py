"""Content that stands in an address: `data:image/png;base64,iVBO…`."""


def inline(url: str) -> tuple[str, str]:
    """The media type and base64 of a `data:` URL; two empty strings where it is another one."""
    head, comma, data = url.partition(",")
    if not comma or not is_data_url(head) or not head.lower().endswith(";base64"):
        return "", ""
    return head[5:-7].partition(";")[0], data


def is_data_url(url: str) -> bool:
    """Whether the content stands in it, in any spelling of `data:`."""
    return url[:5].lower() == "data:"


def content(text: str) -> str:
    """What stands behind the comma of a `data:` URL, however its head is spelled; of other text all of it."""
    _, comma, data = text.partition(",")
    return data if comma and is_data_url(text) else text
