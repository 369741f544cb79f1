"""Alerts by e-mail: one plain message to the addresses in the settings, through the operator's own server."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.policy import SMTP

from bridge.settings import MailAlerts

_TIMEOUT_SECONDS = 20.0


def mail_body(mail: MailAlerts, subject: str, text: str) -> bytes:
    """Return a message as it is handed to the server."""
    message = EmailMessage(policy=SMTP)
    message["Subject"] = " ".join(subject.split())
    message["From"] = mail.sender
    message["To"] = ", ".join(mail.to)
    message.set_content(text)
    return message.as_bytes()


def send_mail(mail: MailAlerts, body: bytes) -> None:
    """Hand a message to the server; raises OSError with what the server said, but never the password.

    A certificate that is not valid is an error: the password would go to whoever answers.
    """
    try:
        with _connected(mail) as server:
            if mail.user:
                server.login(mail.user, mail.password or "")
            server.sendmail(mail.sender, list(mail.to), body)
    except smtplib.SMTPResponseException as error:
        raise ConnectionError(f"{mail.host} answered {error.smtp_code}") from error
    except smtplib.SMTPException as error:
        raise ConnectionError(f"{mail.host}: {type(error).__name__}") from error


def _connected(mail: MailAlerts) -> smtplib.SMTP:
    if mail.security == "tls":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(mail.host, mail.port, timeout=_TIMEOUT_SECONDS, context=context)
    server = smtplib.SMTP(mail.host, mail.port, timeout=_TIMEOUT_SECONDS)
    if mail.security == "starttls":
        server.starttls(context=ssl.create_default_context())
    return server
