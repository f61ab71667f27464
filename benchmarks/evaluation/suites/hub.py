"""One file of a data set on the Hugging Face hub, taken up where a download was cut.

The hub itself says which hash a file has (its ETag), and that is what the bytes are checked against: a
damaged or cut file is found, a data set that its owner changed is not.
`HF_ENDPOINT`, `HF_TOKEN` and `HF_HUB_OFFLINE` mean what they mean to every tool of the hub.
"""

import hashlib
import re
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from benchmarks.errors import BenchmarkError

_SHA256 = re.compile(r"[0-9a-f]{64}")
_CHUNK = 1 << 20
_TIMEOUT_S = 30.0
_COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    DownloadColumn(),
    TransferSpeedColumn(),
    TimeRemainingColumn(),
)


def download(
    repository: str, file: str, folder: Path, report: Callable[[str], None] = lambda _: None
) -> Path:
    """Bring `file` into `folder`, with a progress bar on a terminal.

    Args:
        repository: of a data set, `owner/name`.
        file: its path in there.
        folder: what came so far is kept here under the file's hash, also after a cut.
        report: is called with each step.

    Returns:
        Where it is, whole and checked.

    Raises:
        BenchmarkError: the hub cannot be reached, has no such file, or the bytes are not those it stated.
    """
    import httpx
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError

    url = hf_hub_url(repository, file, repo_type="dataset")
    part = None
    try:
        stated = get_hf_file_metadata(url)
        if not stated.etag or stated.size is None:
            raise BenchmarkError(f"{url} states no hash and size: is HF_ENDPOINT a hub?")
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f"{stated.etag}.part"
        if have := _size(part):
            report(f"{file}: goes on at {have:,} of {stated.size:,} bytes")
        with Progress(*_COLUMNS, console=Console(stderr=True)) as progress:
            bar = progress.add_task(file, total=stated.size)
            _download(url, part, stated.size, lambda size: progress.update(bar, completed=size))
    except HfHubHTTPError as error:
        why = f"answered {error.response.status_code}"
        raise BenchmarkError(f"{url} {why}{_resume_note(part)}: {_OTHERWISE}") from error
    except (httpx.HTTPError, OSError) as error:
        why = f"cannot be fetched ({_words(error)})"
        raise BenchmarkError(f"{url} {why}{_resume_note(part)}: {_OTHERWISE}") from error
    kind = _check(part, stated.etag)
    report(f"{file}: {stated.size:,} bytes, {kind} as the hub states it: {stated.etag}")
    return part


def _download(url: str, part: Path, size: int, report: Callable[[int], None]) -> None:
    """Fill `part` up to `size` bytes; a connection that drops is opened again as long as more comes.

    Not the hub's own download: that keeps nothing of a file below 10 MB when it is cut.
    """
    import httpx
    from huggingface_hub import get_session, hf_raise_for_status
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # public, not listed

    headers = build_hf_headers() | {"accept-encoding": "identity"}
    while (have := _size(part)) < size:
        ranged = {"range": f"bytes={have}-"} if have else {}
        try:
            with get_session().stream("GET", url, headers=headers | ranged, timeout=_TIMEOUT_S) as reply:
                hf_raise_for_status(reply)
                # A server that knows no ranges answers 200 and begins anew.
                with part.open("ab" if reply.status_code == HTTPStatus.PARTIAL_CONTENT else "wb") as file:
                    for chunk in reply.iter_bytes():
                        file.write(chunk)
                        report(file.tell())
        except httpx.TransportError:
            if _size(part) <= have:
                raise
        else:
            if _size(part) <= have:
                raise httpx.RemoteProtocolError(f"ended at {have:,} of {size:,} bytes")


def _size(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _resume_note(part: Path | None) -> str:
    return f"; {_size(part):,} bytes are kept" if part and _size(part) else ""


_OTHERWISE = "try again, or give a copy with --file"


def _words(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".:") if str(error) else type(error).__name__


def _check(part: Path, etag: str) -> str:
    """Compare with what the hub stated: SHA-256 of a large file, git's blob hash of a small one."""
    large = _SHA256.fullmatch(etag)
    digest = hashlib.sha256() if large else hashlib.sha1(usedforsecurity=False)
    if not large:
        digest.update(b"blob %d\0" % part.stat().st_size)
    with part.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != etag:
        part.unlink()
        raise BenchmarkError(
            f"what came has the hash {digest.hexdigest()}, the hub stated {etag}: it was removed, try again"
        )
    return "sha256" if large else "git hash"
