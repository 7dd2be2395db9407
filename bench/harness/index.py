"""A package index in front of PyPI: caches every page and lets clients cache it for ten minutes.

With it both sides find pages of one age, from one near place: what is left of a difference is not the index's doing. Files are
downloaded from where the pages say. Which side asks, it does not know.
"""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

UPSTREAM = "https://pypi.org/simple"
# Steps reach the host at the address of the lab's bridge.
ADDRESS = ("10.66.0.1", 15910)
URL = f"http://{ADDRESS[0]}:{ADDRESS[1]}/simple"


class KeptIndex:
    """Serves for as long as the `with` block lasts."""

    def __init__(self) -> None:
        self._pages: dict[tuple[str, str], tuple[str, bytes]] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> KeptIndex:
        index = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:  # the name is http.server's
                index.answer(self)

            def log_message(self, format: str, *args: object) -> None:  # the parameter's name is http.server's
                pass

        self._server = ThreadingHTTPServer(ADDRESS, Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Returns the cached page, which is fetched the first time."""
        try:
            kind, page = self._page(request.path.removeprefix("/simple"), request.headers.get("Accept", "*/*"))
        except urllib.error.HTTPError as error:
            request.send_error(error.code)
            return
        except OSError as error:
            request.send_error(502, str(error))
            return
        request.send_response(200)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(page)))
        request.send_header("Cache-Control", "max-age=600")
        request.end_headers()
        request.wfile.write(page)

    def _page(self, path: str, accept: str) -> tuple[str, bytes]:
        with self._lock:
            kept = self._pages.get((path, accept))
        if kept:
            return kept
        asked = urllib.request.Request(UPSTREAM + path, headers={"Accept": accept, "User-Agent": "imagespec-bench"})
        with urllib.request.urlopen(asked, timeout=60) as response:
            kept = (response.headers["Content-Type"], response.read())
        with self._lock:
            self._pages[(path, accept)] = kept
        return kept
