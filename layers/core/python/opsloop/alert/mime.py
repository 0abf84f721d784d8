"""A message as a mail: text and HTML in one, in a thread with what it follows. Pure ASCII, lines end in CRLF.

Threads (RFC 5322 section 3.6.4): the mail that begins one has an id made of its delivery, so that a second copy has the
same; those that follow name it. Amazon SES puts its own id in the place of ours and tells it: then that one is named
too. Mail programs that go by subjects (Gmail, Outlook) want the first one's again, after ``Re:``.
"""

from collections.abc import Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from hashlib import sha256

from opsloop.alert.mail_html import html
from opsloop.alert.mail_text import plain_text
from opsloop.alert.model import Message
from opsloop.alert.words import line

POLICY = SMTP.clone(cte_type="7bit", max_line_length=76)


def mail(message: Message, *, sender: str, to: Sequence[str]) -> bytes:
    """Return the mail from ``sender`` to the addresses ``to``, without a date: whoever takes it writes that."""
    domain = sender.rpartition("@")[2]
    document = EmailMessage(policy=POLICY)
    document["From"] = Address("opsloop", addr_spec=sender)
    document["To"] = [Address(addr_spec=address) for address in to]
    earlier = message.earlier
    document["Subject"] = _unencoded(f"Re: {earlier.subject}" if earlier else message.subject)
    document["Message-ID"] = message_id(message.delivery_id, domain)
    if earlier:
        first = message_id(earlier.delivery_id, domain)
        known = [first, earlier.receipt] if _is_id(earlier.receipt) else [first]
        document["In-Reply-To"] = known[-1]
        document["References"] = " ".join(dict.fromkeys(known))
    document["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday notices in return
    document["X-Auto-Response-Suppress"] = "All"
    document["X-Opsloop-Delivery"] = line(message.delivery_id, 250)
    document["X-Opsloop-State"] = f"{message.state} {message.severity}"
    document.set_content(plain_text(message), cte="quoted-printable")
    document.add_alternative(html(message), subtype="html", cte="quoted-printable")
    document.set_boundary(f"=_{sha256(message.delivery_id.encode()).hexdigest()[:32]}")
    return document.as_bytes()


def message_id(delivery_id: str, domain: str) -> str:
    """Return the id of the mail of that delivery, the same for every copy of it."""
    return f"<{sha256(delivery_id.encode()).hexdigest()[:40]}@{domain}>"


def _unencoded(text: str) -> str:
    """Return ``text`` as a header's value. The library decodes encoded words (RFC 2047) even in what it is given: a
    service named ``=?utf-8?q?=0D=0ABcc:...?=`` would write a header of its own."""
    return line(text, 200).replace("=?", "= ?")


def _is_id(text: str) -> bool:
    return text.startswith("<") and text.endswith(">") and text.isascii() and text.isprintable() and " " not in text
