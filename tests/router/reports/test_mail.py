"""Mail is handed to a real SMTP server, over TLS where it says so, and never in the clear with a password."""

import email
import shutil
import socket
import ssl
import subprocess
from email.policy import default

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from pydantic import ValidationError
from report_traffic import RequestSpec

from router.errors import Misconfigured
from router.reports.build import build_report
from router.reports.mail import Attachment, compose_message, parse_address, send_message
from router.settings import EmailSettings

PASSWORD = "secret-of-the-mail-server"
ATTACHED = Attachment(
    name="turnout-web.html", media_type="text/html", content=b"<!doctype html><p>All of it.</p>"
)


class Box:
    """Keeps what it is given."""

    def __init__(self):
        self.messages = []

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):  # noqa: N802 - aiosmtpd's
        if address.startswith("nobody@"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's
        parsed = email.message_from_bytes(envelope.content, policy=default)
        self.messages.append((envelope.rcpt_tos, session.ssl is not None, parsed))
        return "250 OK"


def allowed(_server, _session, _envelope, _mechanism, data):
    return AuthResult(success=data.login == b"reports" and data.password == PASSWORD.encode(), handled=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """One for localhost that nobody signed but itself."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("certificate")
    key, pem = folder / "key.pem", folder / "made.pem"
    command = [
        openssl,
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(pem)]
    subprocess.run(command, capture_output=True, check=True)
    return key, pem


@pytest.fixture
def secured(certificate):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate[1], certificate[0])
    return context


@pytest.fixture
def trusted(certificate, monkeypatch):
    """This machine believes the certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))


@pytest.fixture
def serve():
    """Start mail servers; returns the box and settings that lead there."""
    started = []

    def start(*, implicit=None, **options):
        box = Box()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        controller = Controller(box, hostname="127.0.0.1", port=port, ssl_context=implicit, **options)
        controller.start()
        started.append(controller)
        return box, {"host": "localhost", "port": port, "from": "turnout@example.com"}

    yield start
    for controller in started:
        controller.stop()


@pytest.fixture
def message(build_facts):
    report = build_report(build_facts([RequestSpec(), RequestSpec(track="cloud", user="<b>eve</b>")]))
    return compose_message(report, "turnout@example.com", ["lead@example.com", "pay@example.com"], ATTACHED)


def settings(options, **changed):
    return EmailSettings.model_validate(options | changed)


@pytest.mark.usefixtures("trusted")
def test_a_mail_arrives_over_tls_with_a_login(serve, secured, message):
    box, options = serve(tls_context=secured, auth_required=True, authenticator=allowed)
    send_message(message, settings(options, user="reports", password_env="X"), PASSWORD)
    ((to, encrypted, got),) = box.messages
    assert to == ["lead@example.com", "pay@example.com"]
    assert encrypted
    assert got["From"] == "turnout@example.com"
    assert got["Subject"].strip().startswith("Routing report: all teams, 1 November 2026 to 3 November 2026")
    assert got["Date"]
    assert got["Message-ID"].endswith("@example.com>")
    plain, html = got.get_body(("plain",)).get_content(), got.get_body(("html",)).get_content()
    assert "50% of 2 requests stayed on your own machine" in " ".join(plain.split())
    assert "50% of 2 requests stayed on your own machine" in html
    assert "<b>eve" not in html
    (attached,) = got.iter_attachments()
    assert attached.get_filename() == "turnout-web.html"
    assert attached.get_content_type() == "text/html"
    assert attached.get_payload(decode=True) == ATTACHED.content
    assert PASSWORD not in got.as_string()


@pytest.mark.usefixtures("trusted")
def test_tls_from_the_start(serve, secured, message):
    box, values = serve(implicit=secured)
    send_message(message, settings(values, tls="implicit"), "")
    assert len(box.messages) == 1


def test_without_tls_where_it_says_so(serve, message):
    box, options = serve()
    send_message(message, settings(options, tls="none"), "")
    assert [encrypted for _, encrypted, _ in box.messages] == [False]


def test_a_server_without_tls_gets_nothing(serve, message):
    box, options = serve()
    with pytest.raises(Misconfigured, match=r"^email\.tls: localhost:\d+ does not offer"):
        send_message(message, settings(options), "")
    assert box.messages == []


def test_a_certificate_nobody_vouches_for_gets_nothing(serve, secured, message):
    box, options = serve(tls_context=secured, auth_required=True, authenticator=allowed)
    with pytest.raises(Misconfigured, match=r"^email\.tls: no secure connection to localhost"):
        send_message(message, settings(options, user="reports", password_env="X"), PASSWORD)
    assert box.messages == []


@pytest.mark.usefixtures("trusted")
def test_a_wrong_password_is_told_without_it(serve, secured, message):
    _, options = serve(tls_context=secured, auth_required=True, authenticator=allowed)
    with pytest.raises(Misconfigured, match=r"^email\.user: ") as refused:
        send_message(message, settings(options, user="reports", password_env="X"), "wrong-" + PASSWORD)
    assert PASSWORD not in refused.value.message


def test_a_recipient_the_server_does_not_know(serve, build_facts):
    box, options = serve()
    message = compose_message(
        build_report(build_facts()), "turnout@example.com", ["nobody@example.com"], ATTACHED
    )
    with pytest.raises(
        Misconfigured, match=r"--email: localhost:\d+ does not take mail for nobody@example.com"
    ):
        send_message(message, settings(options, tls="none"), "")
    assert box.messages == []


def test_a_server_that_is_not_there(message):
    nowhere = settings({"host": "127.0.0.1", "port": 1, "from": "a@example.com", "tls": "none"})
    with pytest.raises(Misconfigured, match=r"^email\.host: 127\.0\.0\.1:1 did not take the mail"):
        send_message(message, nowhere, "")


def test_a_team_cannot_write_headers(build_facts):
    report = build_report(build_facts(team="web\r\nBcc: eve@example.com"))
    message = compose_message(report, "turnout@example.com", ["lead@example.com"], ATTACHED)
    assert message["Bcc"] is None
    assert "Bcc: eve@example.com" in message["Subject"]


@pytest.mark.parametrize("text", ["lead", "lead@", "a b@example.com", "lead@example.com\nBcc: x@y.z", ""])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(Misconfigured, match=r"^--email: "):
        parse_address(text)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"host": "mail"}, "`from` is needed"),
        ({"host": "mail", "from": "a@b.c", "user": "x"}, "`user` and `password_env` are needed together"),
        (
            {"host": "mail", "from": "a@b.c", "user": "x", "password_env": "X", "tls": "none"},
            "a password is sent over TLS only",
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused(values, message):
    with pytest.raises(ValidationError, match=message):
        EmailSettings.model_validate(values)
