"""A page in a real browser, without network, with everything that it did on its own."""

from pathlib import Path
from typing import Any

CHROMIUM = Path("/usr/bin/chromium")


class Visit:
    """A page opened from the disk: what it asked for and what it complained of.

    Attributes:
        page: The page, as playwright has it.
        fetched: Everything that it asked for beside itself and what it holds.
        complaints: Its console, its faults and its dialogs.
    """

    def __init__(self, browser: Any, path: Path, **context: object) -> None:
        self.page = browser.new_context(offline=True, **context).new_page()
        self.complaints: list[str] = []
        requests: list[str] = []
        self.page.on("request", lambda request: requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda fault: self.complaints.append(str(fault)))
        self.page.on("dialog", lambda dialog: (self.complaints.append(dialog.message), dialog.dismiss()))
        self.page.goto(path.as_uri(), wait_until="load")
        self.fetched = [url for url in requests if not url.startswith("data:")][1:]
