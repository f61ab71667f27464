"""The endpoint, recording which of its files each request enters. Runs in a process of its own.

    python walk_recorder.py '{"tree": ..., "port": ..., "output": ..., "requests": [...], "runs": ...}'

Only the standard library and the measured tree are imported, so that any commit can be measured. A profile
hook is on every thread that serves; the thread that sends the requests has none.
"""

import http.client
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

_START_S = 60
_IDLE_S = 0.7
"""After an answer, until its row is written: what belongs to one request is not counted as the next's."""


class Recorder:
    """The files that calls enter, in order; consecutive calls in one file are one entry."""

    def __init__(self, tree: str) -> None:
        self._root = f"{tree}/"
        self._packages = tuple(f"{tree}/{name}/" for name in ("router", "policies", "classifiers"))
        self._entries: list[str] | None = None

    def start(self) -> None:
        """Begin to record, from nothing."""
        self._entries = []

    def stop(self) -> list[str]:
        """End the record and return it: paths relative to the tree."""
        entries, self._entries = self._entries or [], None
        return entries

    def hook(self, frame: FrameType, event: str, _: object) -> None:
        """Note a call, or a coroutine that is resumed."""
        entries = self._entries
        if entries is None or event != "call" or not frame.f_code.co_filename.startswith(self._packages):
            return
        file = frame.f_code.co_filename.removeprefix(self._root)
        if not entries or entries[-1] != file:
            entries.append(file)


def drive(task: dict[str, Any], recorder: Recorder) -> None:
    """Send every request once to warm up, then some times recorded; write the records, end the process."""
    walks: dict[str, list[list[str]]] = {}
    tracks: dict[str, str] = {}
    try:
        _wait_until_ready(task["port"])
        for request in task["requests"]:
            name = request["name"]
            _send(task["port"], request)
            walks[name] = []
            for _ in range(task["runs"]):
                time.sleep(_IDLE_S)
                recorder.start()
                tracks[name] = _send(task["port"], request)
                walks[name].append(recorder.stop())
            time.sleep(_IDLE_S)
        Path(task["output"]).write_text(json.dumps({"walks": walks, "tracks": tracks}), encoding="utf-8")
    finally:
        os.kill(os.getpid(), signal.SIGTERM)


def _send(port: int, request: dict[str, Any]) -> str:
    """Send a request, read all of the answer, and return the track that gave it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", request["path"], json.dumps(request["body"]), request["headers"])
    response = connection.getresponse()
    content = response.read()
    connection.close()
    if response.status != http.HTTPStatus.OK:
        raise RuntimeError(f"{request['name']}: status {response.status}, {content[:300]!r}")
    return response.headers["x-turnout-track"]


def _wait_until_ready(port: int) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/health")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"not ready within {_START_S} s")


def main() -> None:
    """Serve from the tree, with the driver beside it."""
    task = json.loads(sys.argv[1])
    sys.path.insert(0, task["tree"])
    recorder = Recorder(task["tree"])
    threading.Thread(target=drive, args=(task, recorder), daemon=True).start()
    threading.setprofile(recorder.hook)
    sys.setprofile(recorder.hook)
    from router.cli.main import run

    sys.argv = ["turnout", "serve"]
    run()


if __name__ == "__main__":
    main()
