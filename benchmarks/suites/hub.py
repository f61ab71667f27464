"""One file of a data set on the Hugging Face hub, taken up where a download was cut.

The hub itself says which hash a file has (its ETag), and that is what the bytes are checked against: a
damaged or cut file is found, a data set that its owner changed is not.
`HF_ENDPOINT`, `HF_TOKEN` and `HF_HUB_OFFLINE` mean what they mean to every tool of the hub.
"""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from benchmarks.process import BenchmarkError

_SHA256 = re.compile(r"[0-9a-f]{64}")
_CHUNK = 1 << 20


def download(repository: str, file: str, folder: Path, tell: Callable[[str], None] = lambda _: None) -> Path:
    """Bring `file` into `folder`, with a progress bar on a terminal.

    Args:
        repository: of a data set, `owner/name`.
        file: its path in there.
        folder: what came so far is kept here under the file's hash, also after a cut.
        tell: is called with each step.

    Returns:
        Where it is, whole and checked.

    Raises:
        BenchmarkError: the hub cannot be reached, has no such file, or the bytes are not those it stated.
    """
    import httpx
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # public, not re-exported

    url = hf_hub_url(repository, file, repo_type="dataset")
    part = None
    try:
        stated = get_hf_file_metadata(url)
        if not stated.etag or stated.size is None:
            raise BenchmarkError(f"{url} states no hash and size: is HF_ENDPOINT a hub?")
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f"{stated.etag}.part"
        with part.open("ab") as opened:
            if opened.tell():
                tell(f"{file}: goes on at {opened.tell():,} of {stated.size:,} bytes")
            http_get(
                url,
                opened,
                resume_size=opened.tell(),
                headers=build_hf_headers(),
                expected_size=stated.size,
                displayed_filename=file,
            )
    except HfHubHTTPError as error:
        raise BenchmarkError(f"{url} answered {error.response.status_code}: {_OTHERWISE}") from error
    except (httpx.HTTPError, OSError) as error:
        kept = f"; {part.stat().st_size:,} bytes are kept" if part and part.is_file() else ""
        raise BenchmarkError(f"{url} cannot be fetched ({_words(error)}){kept}: {_OTHERWISE}") from error
    kind = _check(part, stated.etag)
    tell(f"{file}: {stated.size:,} bytes, {kind} as the hub states it: {stated.etag}")
    return part


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
