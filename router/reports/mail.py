"""A report by e-mail: its text twice, as HTML and plain, and the whole of it as an attachment."""

import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from router.errors import Misconfigured
from router.reports.components import Story
from router.reports.markdown import markdown
from router.reports.page import mail_html
from router.settings import EmailSettings

MOST_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """The report in the format that was asked for."""

    name: str
    kind: str
    """Its media type."""
    content: bytes


def address(text: str) -> str:
    """Return an address as it stands in a header.

    Raises:
        Misconfigured: it is none.
    """
    try:
        found = Address(addr_spec=text.strip())
    except (ValueError, IndexError) as error:
        raise Misconfigured(f"--email: {text!r} is no e-mail address") from error
    if not found.domain:
        raise Misconfigured(f"--email: {text!r} is no e-mail address, such as lead@example.com")
    return found.addr_spec


def compose(story: Story, sender: str, to: Sequence[str], attachment: Attachment) -> EmailMessage:
    """Make the message."""
    message = EmailMessage()
    message["Subject"] = " ".join(f"{story.title}, {story.period}".split())
    message["From"] = sender
    message["To"] = ", ".join(to)
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(markdown(story))
    message.add_alternative(mail_html(story), subtype="html")
    main, _, sub = attachment.kind.partition("/")
    message.add_attachment(attachment.content, maintype=main, subtype=sub, filename=attachment.name)
    return message


def send(message: EmailMessage, settings: EmailSettings, password: str) -> None:
    """Hand the message to the mail server.

    Raises:
        Misconfigured: it cannot be reached, is another than it should be, or refuses; names the setting.
    """
    where = f"{settings.host}:{settings.port}"
    try:
        with _connected(settings) as server:
            if settings.user:
                server.login(settings.user, password)
            server.send_message(message)
    except smtplib.SMTPAuthenticationError as error:
        raise Misconfigured(
            f"email.user: {where} does not take this user and password ({error.smtp_code})"
        ) from error
    except smtplib.SMTPRecipientsRefused as error:
        refused = ", ".join(sorted(error.recipients))
        raise Misconfigured(f"--email: {where} does not take mail for {refused}") from error
    except smtplib.SMTPNotSupportedError as error:
        raise Misconfigured(f"email.tls: {where} does not offer what is asked of it: {error}") from error
    except ssl.SSLError as error:
        raise Misconfigured(f"email.tls: no secure connection to {where}: {error.reason or error}") from error
    except (smtplib.SMTPException, OSError) as error:
        raise Misconfigured(f"email.host: {where} did not take the mail: {error}") from error


@contextmanager
def _connected(settings: EmailSettings) -> Iterator[smtplib.SMTP]:
    context = ssl.create_default_context()
    if settings.tls == "implicit":
        with smtplib.SMTP_SSL(settings.host, settings.port, timeout=MOST_S, context=context) as server:
            yield server
        return
    with smtplib.SMTP(settings.host, settings.port, timeout=MOST_S) as server:
        if settings.tls == "starttls":
            server.starttls(context=context)
        yield server
