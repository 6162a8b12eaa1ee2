"""Streams of bytes with an end: parts of other streams, and what compressed ones hold. All in bounded memory."""

from __future__ import annotations

import os
import zlib
from typing import Any, Protocol

CHUNK = 1 << 18
MOST_BYTES = 1 << 38
"""What one layer may hold uncompressed, so that a bomb ends: 256 GiB."""


class BadArchive(Exception):  # noqa: N818 - a verdict on what was read, not an error of ours
    """What cannot be an image, or goes beyond every bound."""


class Stream(Protocol):
    """What can be read once, forwards."""

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes; empty at the end."""

    def skip(self, size: int) -> int:
        """Leave bytes out. How many there were."""


class FileStream:
    """A file, or an answer of an engine given as pieces."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._seekable = bool(getattr(file, "seekable", lambda: False)())
        self._left = self._length() if self._seekable else 0

    def _length(self) -> int:
        here = self._file.tell()
        end: int = self._file.seek(0, os.SEEK_END)
        self._file.seek(here)
        return int(end - here)

    def read(self, size: int) -> bytes:
        data: bytes = self._file.read(size)
        self._left -= len(data)
        return data

    def skip(self, size: int) -> int:
        if not self._seekable:
            return skip_by_reading(self, size)
        size = min(size, self._left)
        self._file.seek(size, os.SEEK_CUR)
        self._left -= size
        return size


class Pieces:
    """An iterator of bytes as a stream: what ``docker save`` sends."""

    def __init__(self, pieces: Any) -> None:
        self._pieces = iter(pieces)
        self._rest = memoryview(b"")

    def read(self, size: int) -> bytes:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = memoryview(piece)
        data, self._rest = self._rest[:size], self._rest[size:]
        return bytes(data)

    def skip(self, size: int) -> int:
        return skip_by_reading(self, size)


class Part:
    """The next ``length`` bytes of a stream."""

    def __init__(self, stream: Stream, length: int) -> None:
        self._stream = stream
        self.left = length

    def read(self, size: int) -> bytes:
        data = self._stream.read(min(size, self.left)) if self.left else b""
        self.left -= len(data)
        return data

    def skip(self, size: int) -> int:
        done = self._stream.skip(min(size, self.left))
        self.left -= done
        return done


class Replay:
    """A stream whose first bytes were read already, to see what it is."""

    def __init__(self, head: bytes, stream: Stream) -> None:
        self._head = head
        self._stream = stream

    def read(self, size: int) -> bytes:
        if self._head:
            data, self._head = self._head[:size], self._head[size:]
            return data
        return self._stream.read(size)

    def skip(self, size: int) -> int:
        done = min(size, len(self._head))
        self._head = self._head[done:]
        return done + (self._stream.skip(size - done) if size > done else 0)


class Decompressed:
    """What a compressed stream holds; never more than a piece of it is in memory."""

    def __init__(self, stream: Stream, make: Any) -> None:
        self._stream = stream
        self._make = make
        self._engine = make()
        self._input = b""
        self._total = 0

    def read(self, size: int) -> bytes:
        while size > 0:  # for zlib a limit of 0 is none
            if self._engine.eof:
                # gzip and zstd files may be several, one after another, and padded with zeros
                self._input = (self._engine.unused_data or self._stream.read(CHUNK)).lstrip(b"\0")
                if not self._input:
                    return b""
                self._engine = self._make()
            data = self._decompress(size)
            if data:
                self._total += len(data)
                if self._total > MOST_BYTES:
                    raise BadArchive("a layer unpacks to more than 256 GiB")
                return data
            if not self._input and not self._engine.eof:
                self._input = self._stream.read(CHUNK)
                if not self._input:
                    raise BadArchive("the archive ends in the middle of a compressed layer")
        return b""

    def _decompress(self, size: int) -> bytes:
        try:
            data: bytes = self._engine.decompress(self._input, size)
        except Exception as error:
            raise BadArchive(f"a compressed layer is damaged: {type(error).__name__}") from None
        self._input = getattr(self._engine, "unconsumed_tail", b"")
        return data

    def skip(self, size: int) -> int:
        return skip_by_reading(self, size)


def skip_by_reading(stream: Stream, size: int) -> int:
    """Leave bytes out of a stream that cannot jump."""
    left = size
    while left:
        data = stream.read(min(left, CHUNK))
        if not data:
            break
        left -= len(data)
    return size - left


def read_exactly(stream: Stream, size: int) -> bytes:
    """Up to ``size`` bytes, fewer only where the stream ends."""
    data = stream.read(size)
    if len(data) == size or not data:
        return data
    parts = [data]
    left = size - len(data)
    while left and (data := stream.read(left)):
        parts.append(data)
        left -= len(data)
    return b"".join(parts)


def unpacked(stream: Stream) -> Stream:
    """The stream, decompressed if it is compressed. Raises BadArchive for what cannot be."""
    head = read_exactly(stream, 6)
    whole = Replay(head, stream)
    if head.startswith(b"\x1f\x8b"):
        return Decompressed(whole, lambda: zlib.decompressobj(zlib.MAX_WBITS | 16))
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        return Decompressed(whole, _zstd())
    if head.startswith(b"\xfd7zXZ"):
        import lzma

        return Decompressed(whole, lambda: lzma.LZMADecompressor(memlimit=1 << 27))
    if head.startswith(b"BZh"):
        import bz2

        return Decompressed(whole, bz2.BZ2Decompressor)
    return whole


def _zstd() -> Any:
    import importlib

    for module in ("compression.zstd", "backports.zstd"):
        try:
            return importlib.import_module(module).ZstdDecompressor
        except ImportError:
            continue
    raise BadArchive(
        "a layer is compressed with zstd: that needs Python 3.14, or pip install 'pytest-dockerharden[zstd]'"
    )
