"""A connection to Milvus: opened when first used; whatever goes wrong is one clear line that holds no token."""

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
_LONGEST = 300  # characters of what Milvus says that an error repeats
_LITE = "milvus_lite"
# A client asks every 10 seconds whether its server is still there. Milvus Lite, in the same process, takes that for an
# attack after 40 seconds without other calls: it hangs up, and the next call finds the connection closed.
_NOT_ASKED = {"grpc_options": {"grpc.keepalive_time_ms": 2**31 - 1}}
_LOUD = (  # loggers that are told each fault with its stack
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
    """Milvus does not know the token, or it may not do what was asked."""


class Connection:
    """One Milvus, by its address.

    Attributes:
        uri: the address without a password: what messages call it by.
    """

    def __init__(self, uri: str, token: str | None, timeout: float) -> None:
        """Hold the address; nothing is opened yet."""
        self.uri = without_password(uri)
        self._whole_uri = uri
        self._token = token or ""
        self._timeout = timeout
        self._client: Any = None

    def ask(self, method: str, *args: Any, **options: Any) -> Any:
        """Return what a method of the client gives; asked again for a few seconds where Milvus is out of reach.

        Raises:
            DatabaseError: pymilvus is not installed, Milvus cannot be reached, or it refuses.
        """
        began = time.monotonic()
        while True:
            try:
                with _told_once():
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
        """Return the one line that an error of the client comes to."""
        if type(error).__name__ == _NOT_OPENED and _is_file(self._whole_uri):
            return self._not_opened(str(error))
        refused = _refusal(error)
        said = self._without_secrets(" ".join((refused or str(getattr(error, "message", "") or error)).split()))
        said = said if len(said) <= _LONGEST else f"{said[: _LONGEST - 1]}…"
        if refused or _REFUSED_LOGIN.search(said):
            return RefusedError(f"{self.uri}: refuses the token; give one that may do this ({said})")
        if _OUT_OF_REACH.search(said):
            return OutOfReachError(
                f"{self.uri}: cannot be reached; see that Milvus runs there and is not cut off ({said})"
            )
        return DatabaseError(f"{self.uri}: Milvus refuses: {said}")

    def close(self) -> None:
        """Let go of the connection; the next use opens it anew."""
        client, self._client = self._client, None
        if client is not None:
            with _told_once():
                client.close()

    def _not_opened(self, said: str) -> DatabaseError:
        if "milvus-lite is required" in said or "milvus_lite" in said:
            return DatabaseError(_INSTALL_LITE)
        if "not exists" in said:
            return DatabaseError(f"{self.uri}: its folder does not exist; make it first")
        return DatabaseError(
            f"{self.uri}: cannot be opened; give a path of Milvus Lite or a new one, and close what else has it open"
        )

    def _opened(self) -> Any:
        if self._client is None:
            self._open()
        return self._client

    def _open(self) -> None:
        try:
            from pymilvus import MilvusClient
        except ImportError:
            raise DatabaseError(_INSTALL) from None
        options = _NOT_ASKED if _is_file(self._whole_uri) else {}
        self._client = MilvusClient(self._whole_uri, token=self._token, timeout=self._timeout, **options)

    def _without_secrets(self, text: str) -> str:
        password = _password(self._whole_uri)
        for secret in (self._token, self._token.partition(":")[2], self._whole_uri if password else "", password):
            if secret:
                text = text.replace(secret, "***")
        return text


@contextmanager
def _told_once() -> Iterator[None]:
    """Keep faults that are raised here out of the log while a call lasts; the loggers are then as they were.

    What a program logs of other clients, in other threads, is left alone; Milvus Lite serves all in threads of its own,
    so that its faults are kept back whoever asked.
    """
    caller = threading.get_ident()

    def is_kept(record: logging.LogRecord) -> bool:
        ours = record.thread == caller or record.name.startswith(_LITE) or _LACKING in record.getMessage()
        return record.levelno < logging.WARNING or not ours

    loggers = [logging.getLogger(name) for name in _LOUD]
    for logger in loggers:
        logger.addFilter(is_kept)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(is_kept)


def check_uri(uri: str) -> str:
    """Return an address that Milvus can be at.

    Raises:
        ValueError: it is neither the address of a server nor a path that ends in .db.
    """
    if not _is_file(uri) and not (uri.startswith(("http://", "https://", "tcp://")) and urlsplit(uri).hostname):
        raise ValueError(
            f"uri: expected http://host:port, https://... or a path that ends in .db, got {without_password(uri)!r}"
        )
    return uri


def without_password(uri: str) -> str:
    """Return an address without what a user gives away in it."""
    return re.sub(r"//[^/@]*@", "//", uri)


def _password(uri: str) -> str:
    found = re.search(r"//([^/@]*)@", uri)
    return found[1].partition(":")[2] if found else ""


def _is_file(uri: str) -> bool:
    return "://" not in uri and uri.endswith(".db")


def _refusal(error: Exception) -> str:
    """Return what a server says that does not know the token, or does not let it do this; else an empty text.

    The client hands the server's answer on bare, or says what it says of a server that is not there, with the answer
    as its cause.
    """
    import grpc

    for answer in (error, error.__cause__):
        said: Any = answer
        if isinstance(said, grpc.Call) and said.code().name in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
            return str(said.details() or said.code().name)
    return ""


def _is_from_milvus(error: Exception) -> bool:
    """Return whether an error is of the client, its connection or its server, and not a bug here."""
    home = type(error).__module__.partition(".")[0]
    return home in ("pymilvus", "grpc", "milvus_lite") or isinstance(error, OSError)
