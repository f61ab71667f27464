"""An upstream that needs no key and no model: both providers' wire formats, with scripted answers.

Run it with `python -P -m router.scripted --port 4748`, or inside a program:

    async with serve() as url:
        ...  # POST {url}/v1/messages, POST {url}/v1/chat/completions
"""

from router.scripted.server import serve

__all__ = ["serve"]
