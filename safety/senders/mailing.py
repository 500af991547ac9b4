"""One e-mail, by the SMTP server of the settings (CHIMERA_EMAIL_URL)."""

import smtplib

from django.conf import settings
from django.core.mail import EmailMessage

from safety.senders.outcome import Outcome, refused

NOT_SET_UP = "E-mail is not set up here; who runs Chimera sets CHIMERA_EMAIL_URL."


def is_set_up() -> bool:
    return bool(settings.EMAIL_HOST)


def mail(to: str, *, subject: str, text: str, message_id: str) -> Outcome:
    """`message_id` is the same however often it is tried, so that mail servers know a repetition. Raises nothing of the server's."""
    if not is_set_up():
        return refused(NOT_SET_UP, final=True)
    headers = {"Message-ID": f"<{message_id}@{_domain()}>", "Auto-Submitted": "auto-generated"}
    try:
        EmailMessage(subject, text, settings.DEFAULT_FROM_EMAIL, [to], headers=headers).send()
    except smtplib.SMTPRecipientsRefused as refusal:
        code, said = next(iter(refusal.recipients.values()))
        return refused(f"The server refused the address: {_text(said)}", status_code=code, final=code >= 500)
    except smtplib.SMTPResponseException as answer:
        return refused(
            f"The server answered {answer.smtp_code}: {_text(answer.smtp_error)}", status_code=answer.smtp_code
        )
    except (smtplib.SMTPException, OSError) as fault:
        return refused(f"No answer from the mail server: {fault}")
    except ValueError as fault:  # a header that no mail may have
        return refused(f"It cannot be sent as it is: {fault}", final=True)
    return Outcome(True)


def _domain() -> str:
    return settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("> ") or "localhost"


def _text(said: bytes | str) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else said
