"""A connection to Milvus, opened on first use; every failure is one clear line without the token."""

import logging
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from gram.errors import DatabaseError

_INSTALL = "a Milvus index needs the package pymilvus; install it with: pip install gram[milvus]"
_INSTALL_LITE = "a Milvus index in a file needs the package milvus-lite; install it with: pip install milvus-lite"
_REFUSED_LOGIN = re.compile(
    r"unauthenticated|auth(entication|orization)? (check )?fail|permission (deny|denied)", re.IGNORECASE
)
_OUT_OF_REACH = re.compile(
    r"unavailable|fail(ed)? connecting|deadline|retry (timeout|run out)|closed channel|channel closed|connection|"
    r"timed? ?out",
    re.IGNORECASE,
)
_NOT_OPENED = "ConnectionConfigException"  # what a client raises for a file
_PATIENCE = 6.0  # seconds in which a server may come back; for some after a failure, no new attempt leaves this process
_PAUSE = 0.5
_LONGEST = 300  # characters of a server's message in an error
_LITE = "milvus_lite"
# A client pings its server every 10 seconds. Milvus Lite, in the same process, takes that for an attack after 40
# seconds without other calls and hangs up; the next call then finds the connection closed.
_NO_PINGS = {"grpc_options": {"grpc.keepalive_time_ms": 2**31 - 1}}
_LOUD = (  # loggers that get each error with its stack
    "pymilvus.decorators",
    "pymilvus.client.connection_manager",
    "pymilvus.client.grpc_handler",
    f"{_LITE}.adapter.grpc.servicer",
    f"{_LITE}.server_manager",
    "grpc._server",
)
_LACKING = "Method not implemented!"  # what Milvus Lite lacks, and the client then does without


class OutOfReachError(DatabaseError):
    """Milvus does not answer."""


class RefusedError(DatabaseError):
    """Milvus does not know the token, or does not permit it the operation."""


class Connection:
    """One Milvus, by its address; `uri` is the address without a password, for messages."""

    def __init__(self, uri: str, token: str | None, timeout: float) -> None:
        """Store the address; nothing is opened."""
        self.uri = without_password(uri)
        self._whole_uri = uri
        self._token = token or ""
        self._timeout = timeout
        self._client: Any = None

    def ask(self, method: str, *args: Any, **options: Any) -> Any:
        """Call a method of the client, and again for a few seconds while Milvus is out of reach.

        Raises:
            DatabaseError: pymilvus is not installed, Milvus cannot be reached, or it refuses.
        """
        began = time.monotonic()
        while True:
            try:
                with _quiet_loggers():
                    return getattr(self._opened(), method)(*args, timeout=self._timeout, **options)
            except Exception as error:
                if not _is_from_milvus(error):
                    raise
                fault = self.fault(error)
                lost = isinstance(fault, OutOfReachError) and not _is_file(self._whole_uri)
            if not lost or time.monotonic() - began > min(_PATIENCE, self._timeout):
                raise fault from None
            self.close()
            time.sleep(_PAUSE)

    def fault(self, error: Exception) -> DatabaseError:
        """Return an error of the client as one line."""
        if type(error).__name__ == _NOT_OPENED and _is_file(self._whole_uri):
            return self._not_opened(str(error))
        refused = _refusal(error)
        message = self._without_secrets(" ".join((refused or str(getattr(error, "message", "") or error)).split()))
        message = message if len(message) <= _LONGEST else f"{message[: _LONGEST - 1]}…"
        if refused or _REFUSED_LOGIN.search(message):
            return RefusedError(f"{self.uri}: refuses the token; give one that may do this ({message})")
        if _OUT_OF_REACH.search(message):
            return OutOfReachError(
                f"{self.uri}: cannot be reached; see that Milvus runs there and is not cut off ({message})"
            )
        return DatabaseError(f"{self.uri}: Milvus refuses: {message}")

    def close(self) -> None:
        """Close the connection; the next use opens it anew."""
        client, self._client = self._client, None
        if client is not None:
            with _quiet_loggers():
                client.close()

    def _not_opened(self, message: str) -> DatabaseError:
        if "milvus-lite is required" in message or "milvus_lite" in message:
            return DatabaseError(_INSTALL_LITE)
        if "not exists" in message:
            return DatabaseError(f"{self.uri}: its folder does not exist; make it first")
        return DatabaseError(
            f"{self.uri}: cannot be opened; give a path of Milvus Lite or a new one, and close what else has it open"
        )

    def _opened(self) -> Any:
        if self._client is None:
            try:
                from pymilvus import MilvusClient
            except ImportError:
                raise DatabaseError(_INSTALL) from None
            options = _NO_PINGS if _is_file(self._whole_uri) else {}
            self._client = MilvusClient(self._whole_uri, token=self._token, timeout=self._timeout, **options)
        return self._client

    def _without_secrets(self, text: str) -> str:
        user = re.search(r"//([^/@]*)@", self._whole_uri)
        password = user[1].partition(":")[2] if user else ""
        for secret in (self._token, self._token.partition(":")[2], self._whole_uri if password else "", password):
            if secret:
                text = text.replace(secret, "***")
        return text


@contextmanager
def _quiet_loggers() -> Iterator[None]:
    """Keep errors that are raised here out of the log during a call.

    Records of other clients, in other threads, pass. Milvus Lite serves all clients in threads of its own, so its
    errors are kept back whoever caused them.
    """
    caller = threading.get_ident()

    def passes(record: logging.LogRecord) -> bool:
        ours = record.thread == caller or record.name.startswith(_LITE) or _LACKING in record.getMessage()
        return record.levelno < logging.WARNING or not ours

    loggers = [logging.getLogger(name) for name in _LOUD]
    for logger in loggers:
        logger.addFilter(passes)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(passes)


def check_uri(uri: str) -> str:
    """Return an address, checked.

    Raises:
        ValueError: it is neither the address of a server nor a path that ends in .db.
    """
    if not _is_file(uri) and not (uri.startswith(("http://", "https://", "tcp://")) and urlsplit(uri).hostname):
        raise ValueError(
            f"uri: expected http://host:port, https://... or a path that ends in .db, got {without_password(uri)!r}"
        )
    return uri


def without_password(uri: str) -> str:
    """Return an address without user and password."""
    return re.sub(r"//[^/@]*@", "//", uri)


def _is_file(uri: str) -> bool:
    return "://" not in uri and uri.endswith(".db")


def _refusal(error: Exception) -> str:
    """Return the message of a server that refuses the token or the operation; empty for other errors.

    The client raises the server's reply itself, or the error of an unreachable server with the reply as its cause.
    """
    import grpc

    replies: tuple[Any, ...] = (error, error.__cause__)
    for reply in replies:
        if isinstance(reply, grpc.Call) and reply.code().name in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
            return str(reply.details() or reply.code().name)
    return ""


def _is_from_milvus(error: Exception) -> bool:
    """Return whether an error comes from the client, its connection or its server, not from a bug here."""
    home = type(error).__module__.partition(".")[0]
    return home in ("pymilvus", "grpc", "milvus_lite") or isinstance(error, OSError)
