"""`turnout report` as people run it: every format, every refusal, beside an endpoint that serves."""

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from report_traffic import DAY, RequestSpec, open_ledger, post_requests
from typer.testing import CliRunner

from router.accounts.teams import Team
from router.cli.main import app
from router.errors import Misconfigured
from tests.router.cli.conftest import COMMAND

TODAY = datetime.fromtimestamp(time.time(), UTC).date()


@pytest.fixture
def ledger(tmp_path):
    """Requests of two teams, a few minutes ago and the day before."""
    path = tmp_path / "own.db"
    store = open_ledger(path)
    now = time.time()
    store.accounts.add_team(Team(name="web", zone="Asia/Tokyo"))
    post_requests(
        store,
        [
            RequestSpec(at=now - 300, team="web", user="ada"),
            RequestSpec(at=now - 200, team="web", user="bob", track="cloud", rule="files"),
            RequestSpec(at=now - DAY, team="docs", user="mallory"),
        ],
    )
    store.close()
    return str(path)


@pytest.mark.parametrize(
    ("form", "first"),
    [
        ("html", "<!doctype html>"),
        ("md", "# Routing report: team web"),
        ("csv", "day,team,track,rule,requests,"),
        ("json", "{"),
    ],
)
def test_every_format_is_printed(turnout, ledger, form, first):
    printed = turnout("report", "--team", "web", "--last", "7d", "--ledger", ledger, "--format", form)
    assert printed.code == 0, printed.err
    assert printed.err == ""
    assert printed.out.startswith(first)
    assert "mallory" not in printed.out


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_a_terminal_shows_text_whose_names_cannot_steer_it(ledger, clean, tmp_path):
    import pty

    store = open_ledger(Path(ledger))
    post_requests(store, [RequestSpec(at=time.time() - 60, user="eve\x1b[2J")], first=10)
    store.close()
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "report", "--ledger", ledger], stdout=terminal, cwd=tmp_path, env=clean
    )
    os.close(terminal)
    screen = b""
    with suppress(OSError):  # EIO ends it on Linux
        while chunk := os.read(controller, 65_536):
            screen += chunk
    os.close(controller)
    assert process.wait() == 0
    assert b"Routing report: all teams" in screen
    assert b"<!doctype html>" not in screen
    assert rb"eve\x1b[2J" in screen
    assert b"\x1b[2J" not in screen


def test_a_file_is_written_whole_and_its_name_tells_the_format(turnout, ledger, tmp_path):
    written = turnout("report", "--out", "report.md", "--ledger", ledger)
    assert (written.out, written.err) == ("", "written to report.md\n")
    assert (tmp_path / "report.md").read_text().startswith("# Routing report: all teams\n")
    assert list(tmp_path.glob(".report*")) == []


def test_a_team_has_its_own_days(turnout, ledger):
    arguments = ("report", "--format", "json", "--ledger", ledger)
    own = json.loads(turnout(*arguments, "--team", "web").out)
    assert (own["team"], own["zone"], own["totals"]["requests"]) == ("web", "Asia/Tokyo", 2)
    assert date.fromisoformat(own["to"]) >= TODAY
    assert (date.fromisoformat(own["to"]) - date.fromisoformat(own["from"])).days == 29
    docs = json.loads(turnout(*arguments, "--team", "docs", "--zone", "Asia/Kolkata").out)
    assert (docs["zone"], docs["totals"]["requests"]) == ("Asia/Kolkata", 1)


def test_the_name_of_the_file_may_tell_its_days(turnout, ledger, tmp_path):
    turnout(
        "report", "--from", "2026-11-01", "--to", "2026-11-03", "--out", "{from}_{to}.md", "--ledger", ledger
    )
    assert (tmp_path / "2026-11-01_2026-11-03.md").is_file()


def test_an_empty_ledger_gives_a_kind_page(turnout, tmp_path):
    ended = turnout("report", "--ledger", str(tmp_path / "new.db"))
    assert ended.code == 0
    assert "No request was made in these days." in ended.out


def test_economics_need_the_price_of_the_card(turnout, refused, ledger):
    assert "set `local.card_usd`" in refused("report", "--economics", "--ledger", ledger)
    arguments = ("report", "--economics", "--ledger", ledger, "--format", "json")
    economics = json.loads(turnout(*arguments, LOCAL__CARD_USD="900").out)["economics"]
    assert economics["card_usd"] == 900
    assert economics["days"] < 3  # the ledger is no older


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--team", "wbe"), "--team: there is no team 'wbe'; did you mean web?"),
        (("--from", "2026-11-05", "--to", "2026-11-01"), "--from: 2026-11-05 is after --to, 2026-11-01"),
        (("--last", "fortnight"), "--last: 'fortnight' is none of 7d"),
        (("--zone", "Mars"), "--zone: 'Mars' is no time zone"),
        (("--out", "report.docx"), "--out: 'report.docx' has no known format"),
        (("--out", "nowhere/report.md"), "--out: nowhere/report.md cannot be written: No such file"),
        (("--email", "lead@example.com"), "--email: set `email.host`"),
        (("--email", "lead"), "--email: 'lead' is not an e-mail address"),
        (("--schedule",), "--schedule: name the destination with --out or --email"),
        (("--schedule", "--from", "2026-11-01", "--out", "r.md"), "--schedule: use --last"),
    ],
)
def test_what_is_wrong_is_told_with_its_option(ledger, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(app, ["report", "--ledger", ledger, *arguments])
    assert ended.output == ""
    assert isinstance(ended.exception, Misconfigured)  # `run` says it in one line
    assert ended.exception.message.startswith(message)


def test_an_unknown_format_is_refused(turnout, ledger):
    ended = turnout("report", "--format", "docx", "--ledger", ledger)
    assert ended.code == 2
    assert ended.out == ""
    assert "'docx' is not one of 'html', 'md', 'csv', 'json', 'pdf'" in ended.err


def test_a_schedule_is_this_very_command(turnout, ledger, tmp_path):
    ended = turnout(
        "report", "--team", "web", "--last", "week", "--out", "w.html", "--schedule", LEDGER=ledger
    )
    assert ended.code == 0, ended.err
    (line,) = [line for line in ended.out.splitlines() if line.startswith("0 7 * * 1 ")]
    assert "--schedule" not in line
    assert "needed above the line: TURNOUT_LEDGER" in ended.out
    assert ledger not in ended.out
    env = os.environ | {"TURNOUT_LEDGER": ledger, "PYTHONPATH": str(Path(__file__).parents[3])}
    command = line.removeprefix("0 7 * * 1 ").replace("\\%", "%")
    subprocess.run(["/bin/sh", "-c", command], env=env, capture_output=True, check=True, timeout=60)
    assert (tmp_path / "w.html").read_text().startswith("<!doctype html>")


def test_a_mail_server_that_is_not_there(refused, ledger):
    message = refused(
        "report", "--email", "lead@example.com", "--ledger", ledger,
        EMAIL__HOST="127.0.0.1", EMAIL__PORT="1", EMAIL__FROM="turnout@example.com",
    )  # fmt: skip
    assert message.startswith("email.host: 127.0.0.1:1 did not take the mail")


def test_a_password_that_is_not_set_is_named(refused, ledger):
    message = refused(
        "report", "--email", "lead@example.com", "--ledger", ledger,
        EMAIL__HOST="127.0.0.1", EMAIL__FROM="turnout@example.com", EMAIL__USER="x",
        EMAIL__PASSWORD_ENV="MAIL_PASSWORD",
    )  # fmt: skip
    assert message == "email.password_env: the environment variable MAIL_PASSWORD is not set"


def test_a_report_is_made_while_the_endpoint_serves_and_has_no_text_of_it(
    start_endpoint, upstream, turnout, tmp_path
):
    marked = "MARKED-PROMPT-7141"
    endpoint = start_endpoint(
        CLOUD__BASE_URL=upstream.url, CLOUD__FORWARD_CREDENTIALS="always", LEDGER=str(tmp_path / "served.db")
    )
    body = {
        "model": "cloud",
        "max_tokens": 20,
        "messages": [{"role": "user", "content": f"{marked} in src/{marked}.py"}],
    }
    key = {"x-api-key": "sk-ant-MARKED-KEY-7142"}
    answers = [endpoint.post("/v1/messages", body, headers=key) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    endpoint.row(answers[-1])
    outputs = {
        form: turnout("report", "--ledger", str(endpoint.ledger), "--format", form)
        for form in ("html", "md", "csv", "json")
    }
    assert endpoint.post("/v1/messages", body, headers=key).status_code == 200
    assert json.loads(outputs["json"].out)["totals"]["requests"] == 3
    answer_text = answers[-1].json()["content"][0]["text"]
    for ended in outputs.values():
        assert ended.code == 0
        for text in (marked, "MARKED-KEY-7142", answer_text):
            assert text not in ended.out + ended.err
