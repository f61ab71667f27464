"""`python -P -m router.scripted`: run the scripted upstream until it is interrupted."""

import argparse
import asyncio
import contextlib

from router.scripted.server import serve

_EXAMPLE = """example:
  python -P -m router.scripted --port 4748
  curl http://127.0.0.1:4748/v1/messages -d '{"model": "m", "messages": [{"role": "user", "content": "hi"}]}'
  curl http://127.0.0.1:4748/_script -d '[{"fault": "status", "status": 429, "retry_after": 2}]'
"""


async def _run(port: int) -> None:
    async with serve(port) as url:
        print(url, flush=True)  # noqa: T201 - whoever started it waits for this line
        await asyncio.Event().wait()


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(
        prog="python -P -m router.scripted",
        description="Scripted answers in both providers' wire formats: no key, no model.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--port", type=int, default=4748, help="port on 127.0.0.1; 0 takes a free one (default: 4748)"
    )
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(parser.parse_args().port))


if __name__ == "__main__":
    main()
