"""What mails say: a subject, a plain text and, if wanted, HTML, with ${names} in them."""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SUBJECT = "Subject:"
MAX_TEMPLATE_BYTES = 512 * 1024
MAX_TEMPLATES = 1_000
_NAME = re.compile(r"\$\{([^{}]{1,128})\}")


@dataclass(frozen=True, slots=True)
class MailTemplate:
    subject: str
    text: str
    html: str = ""
    """Empty: the mail is plain text alone."""


class Text:
    """A text with names in it, taken apart once."""

    def __init__(self, text: str, *, markup: bool = False) -> None:
        """`markup`: values are text and are escaped for HTML."""
        parts = _NAME.split(text)
        self._markup = markup
        self._literals = parts[0::2]
        self.names = parts[1::2]

    def fill(self, values: Mapping[str, str]) -> str:
        """The text with every name replaced by its value, which is not looked at again. Raises KeyError."""
        filled = [self._literals[0]]
        for name, literal in zip(self.names, self._literals[1:], strict=True):
            value = values[name]
            filled += (html.escape(value) if self._markup else value, literal)
        return "".join(filled)


def read_templates(folder: str) -> dict[str, MailTemplate]:
    """Every template of a folder by its id: <id>.txt begins with a line `Subject: ...`, and <id>.html may stand beside
    it. Raises ValueError that names the file at fault."""
    files = sorted(Path(folder).glob("*.txt")) if folder else []
    if folder and not files:
        raise ValueError(f"templates: {folder} holds no <id>.txt")
    if len(files) > MAX_TEMPLATES:
        raise ValueError(f"templates: {folder} holds more than {MAX_TEMPLATES}")
    return {file.stem: _template(file) for file in files}


def _template(file: Path) -> MailTemplate:
    first, _, text = _content(file).partition("\n")
    if not first.startswith(SUBJECT) or not first.removeprefix(SUBJECT).strip():
        raise ValueError(f"templates: {file} does not begin with a line {SUBJECT} ...")
    markup = file.with_suffix(".html")
    return MailTemplate(
        subject=first.removeprefix(SUBJECT).strip(),
        text=text.lstrip("\n"),
        html=_content(markup) if markup.exists() else "",
    )


def _content(file: Path) -> str:
    try:
        raw = file.read_bytes()
        if len(raw) > MAX_TEMPLATE_BYTES:
            raise ValueError(f"templates: {file} is longer than {MAX_TEMPLATE_BYTES} bytes")
        return raw.decode().replace("\r\n", "\n")
    except OSError as error:
        raise ValueError(f"templates: {file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise ValueError(f"templates: {file} is not UTF-8") from None
