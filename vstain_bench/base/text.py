"""Text that is safe to print: names and messages of files, people and libraries in one visible line."""


def printable(text: object) -> str:
    r"""Return a path or message in one printable line: controls, direction marks and stray bytes as ``\x1b``.

    Markup is left as it is: what must be escaped differs between a terminal, HTML and Markdown.
    """
    line = str(text)
    return line if line.isprintable() else "".join(each if each.isprintable() else _escape(each) for each in line)


def _escape(letter: str) -> str:
    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8, as os.fsdecode keeps it
        code -= 0xDC00
    return letter.encode("unicode_escape").decode() if code > 0xFF else f"\\x{code:02x}"
