"""A report by e-mail: as HTML and plain text, with the full report attached."""

import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from router.errors import Misconfigured
from router.reports.components import Report
from router.reports.markdown import render_markdown
from router.reports.page import render_mail_html
from router.settings import EmailSettings

TIMEOUT_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """The report in the requested format."""

    name: str
    media_type: str
    content: bytes


def parse_address(text: str) -> str:
    """Parse an address into the form used in headers.

    Raises:
        Misconfigured: the text is not an address.
    """
    try:
        parsed = Address(addr_spec=text.strip())
    except (ValueError, IndexError) as error:
        raise Misconfigured(f"--email: {text!r} is not an e-mail address") from error
    if not parsed.domain:
        raise Misconfigured(f"--email: {text!r} is not an e-mail address, such as lead@example.com")
    return parsed.addr_spec


def compose_message(
    report: Report, sender: str, recipients: Sequence[str], attachment: Attachment
) -> EmailMessage:
    """Compose a multipart message: plain text, HTML without charts, and the attachment."""
    message = EmailMessage()
    message["Subject"] = " ".join(f"{report.title}, {report.period}".split())
    message["From"] = sender
    message["To"] = ", ".join(recipients)
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(render_markdown(report))
    message.add_alternative(render_mail_html(report), subtype="html")
    main, _, sub = attachment.media_type.partition("/")
    message.add_attachment(attachment.content, maintype=main, subtype=sub, filename=attachment.name)
    return message


def send_message(message: EmailMessage, settings: EmailSettings, password: str) -> None:
    """Deliver the message to the mail server.

    Raises:
        Misconfigured: the server is unreachable, fails TLS verification or refuses; names the setting.
    """
    server_address = f"{settings.host}:{settings.port}"
    try:
        with _connected(settings) as server:
            if settings.user:
                server.login(settings.user, password)
            server.send_message(message)
    except smtplib.SMTPAuthenticationError as error:
        raise Misconfigured(
            f"email.user: {server_address} does not take this user and password ({error.smtp_code})"
        ) from error
    except smtplib.SMTPRecipientsRefused as error:
        refused = ", ".join(sorted(error.recipients))
        raise Misconfigured(f"--email: {server_address} does not take mail for {refused}") from error
    except smtplib.SMTPNotSupportedError as error:
        raise Misconfigured(
            f"email.tls: {server_address} does not offer what is asked of it: {error}"
        ) from error
    except ssl.SSLError as error:
        raise Misconfigured(
            f"email.tls: no secure connection to {server_address}: {error.reason or error}"
        ) from error
    except (smtplib.SMTPException, OSError) as error:
        raise Misconfigured(f"email.host: {server_address} did not take the mail: {error}") from error


@contextmanager
def _connected(settings: EmailSettings) -> Iterator[smtplib.SMTP]:
    context = ssl.create_default_context()
    if settings.tls == "implicit":
        with smtplib.SMTP_SSL(settings.host, settings.port, timeout=TIMEOUT_S, context=context) as server:
            yield server
        return
    with smtplib.SMTP(settings.host, settings.port, timeout=TIMEOUT_S) as server:
        if settings.tls == "starttls":
            server.starttls(context=context)
        yield server
