"""What the server does beside Streamlit: what a page's first picture is made of is on its way before it asks for it."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import FileResponse

from app.components.shared import plotly_address
from app.components.shared.script import compressed, plotly_file
from app.startup import early

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

_FOR_GOOD = "public, immutable, max-age=31536000"  # the name carries the version


class Early:
    """ASGI middleware: pages have `early`'s additions, and plotly.js is served as it was compressed once.

    Streamlit would compress it anew for every browser, and a picture would ask for it only when it is there itself:
    its transfer, and the half second that it takes to run, would come after the page's words instead of before them,
    while the browser waits for the server's imports.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request for plotly.js, and add to pages; pass on all else."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if scope["path"].endswith(f"/{plotly_address()}") and "gzip" in headers.get("accept-encoding", ""):
            await _script()(scope, receive, send)
        elif headers.get("accept", "").startswith("text/html"):
            plain = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
            await self.app({**scope, "headers": plain}, receive, _Page(send))
        else:
            await self.app(scope, receive, send)


def _script() -> FileResponse:
    headers = {"Content-Encoding": "gzip", "Cache-Control": _FOR_GOOD, "Vary": "Accept-Encoding"}
    return FileResponse(compressed(plotly_file()), headers=headers, media_type="text/javascript")


class _Page:
    """Sends a page on, with what `early` adds to its head and body; what is no HTML, or has neither, as it is."""

    def __init__(self, send: Send) -> None:
        self.send = send
        self.start: Message | None = None
        self.body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_page(message):
            self.start = message
        elif self.start is None or message["type"] != "http.response.body":
            await self.send(message)
        else:
            self.body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._send_all(self.start)

    async def _send_all(self, start: Message) -> None:
        body = self.body.replace(b"</head>", f"{early.head()}</head>".encode(), 1)
        before, end, after = body.rpartition(b"</body>")
        if end:
            body = b"".join([before, early.foot().encode(), end, after])
        headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
        await self.send({**start, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
        await self.send({"type": "http.response.body", "body": body})


def _is_page(start: Message) -> bool:
    kinds = [value for name, value in start["headers"] if name.lower() == b"content-type"]
    return start["status"] == 200 and any(kind.startswith(b"text/html") for kind in kinds)
