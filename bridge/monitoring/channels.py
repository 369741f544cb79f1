"""The ways an alert is sent: a webhook, a chat, an e-mail. All that are configured get every alert."""

from __future__ import annotations

from datetime import datetime

from bridge.monitoring.notifier import Message, Post, http_post
from bridge.settings import Alerts

_MAIL = "mailto:"
_TAKEN = 200


def open_post(alerts: Alerts) -> Post:
    """Return a function that sends a message its way; it returns a status of 2xx when it was taken."""
    over_http = http_post()

    def post(message: Message) -> int:
        if alerts.email is not None and message.url.startswith(_MAIL):
            from bridge.monitoring.mail import send_mail  # 1 MB, for those who are told by e-mail

            send_mail(alerts.email, message.body)
            return _TAKEN
        return over_http(message)

    return post


def messages_of(kind: str, text: str, body: bytes, alerts: Alerts, now: datetime) -> list[Message]:
    """Return an alert as one message for each way that is configured; `body` is the one for a webhook."""
    messages = []
    if alerts.url:
        messages.append(Message(f"alert {kind} to the webhook", alerts.url, body))
    if alerts.email:
        from bridge.monitoring.mail import mail_body

        whole = f"{text}\n\n{now.isoformat(timespec='seconds')}, capi-bridge\n"
        mail = mail_body(alerts.email, f"capi-bridge: {text}", whole)
        messages.append(Message(f"alert {kind} by e-mail", _MAIL + ",".join(alerts.email.to), mail))
    return messages
