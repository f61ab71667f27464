"""Lines of refused requests: some, and then their number."""

import structlog

from router.telemetry import request_log
from router.telemetry.request_log import REFUSALS, Refusal, RequestLog

REFUSAL = Refusal(
    id="3f2a9c1b", client="curl/8.5", method="POST", path="/x" * 100, status=404, record="not found"
)


def test_nobody_fills_a_log_with_refusals(monkeypatch):
    lines = []
    log = RequestLog(lines.append)
    with structlog.testing.capture_logs() as said:
        for _ in range(REFUSALS + 7):
            log.refused(REFUSAL)
        monkeypatch.setattr(request_log, "REFUSALS_S", 0.0)
        log.refused(REFUSAL)
        log.close()
    assert len(lines) == REFUSALS + 1
    assert [entry["number"] for entry in said] == [7]
    assert (lines[0].client, lines[0].error, lines[0].status) == ("curl", "not found", 404)
    assert lines[0].asked.endswith("/x/…")
