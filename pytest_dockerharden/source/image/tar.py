"""Entries of a tar archive (ustar, GNU, pax), one at a time.

The standard library's reader keeps every entry and takes headers of any length into memory; this one keeps none, and
bounds them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pytest_dockerharden.source.image.streams import BadArchive, Part, Stream, read_exactly

BLOCK = 512
MOST_HEADER = 1 << 20
"""Bytes of one extended header: names, links and attributes of one file."""
CAPABILITY = "SCHILY.xattr.security.capability"

_NONE: Mapping[str, bytes] = {}
_FILES = "0\x007S"


@dataclass(slots=True, eq=False)
class Entry:
    """One entry. ``name`` is as it is written. ``kind`` is the type flag: 0 file, 1 hard link, 2 symbolic link, 3 and 4
    devices, 5 directory, 6 pipe. ``size`` are the bytes of the file, of which a sparse one has fewer in the archive.
    """

    name: str
    kind: str
    mode: int
    uid: int
    gid: int
    size: int
    link: str
    data: Part
    pax: Mapping[str, bytes]

    def content(self, most: int) -> bytes:
        """The first bytes of it."""
        return read_exactly(self.data, min(most, self.data.left))


def entries(stream: Stream) -> Iterator[Entry]:
    """Every entry; the content of one can be read until the next is asked for. Raises BadArchive."""
    common: dict[str, bytes] = {}
    own: dict[str, bytes] = {}
    while True:
        header = read_exactly(stream, BLOCK)
        if not header.strip(b"\0"):  # two blocks of zeros, or nothing, are the end
            return
        kind = _kind_of(header)
        if kind in "xgLK":
            length = _number(header[124:136])
            read = _extended(kind, Part(stream, length), length)
            (common if kind == "g" else own).update(read)
        else:
            pax = {**common, **own} if common else own or _NONE
            data = Part(stream, _length(header, kind, pax))
            if kind == "S":
                _leave_map(stream, header)
            length = data.left
            yield _entry(header, kind, data, pax)
            _leave(data)
            own = {}
        _leave(Part(stream, -length % BLOCK), strict=False)


def _leave(data: Part, *, strict: bool = True) -> None:
    left = data.left
    if left and data.skip(left) < left and strict:
        raise BadArchive("the archive ends in the middle of a file")


def _kind_of(header: bytes) -> str:
    """The type flag of a header whose checksum fits."""
    if len(header) < BLOCK:
        raise BadArchive("the archive ends in the middle of an entry")
    if sum(header) - sum(header[148:156]) + 256 != _number(header[148:156]):
        raise BadArchive("it is no tar archive, or a damaged one")
    return chr(header[156])


def _length(header: bytes, kind: str, pax: Mapping[str, bytes]) -> int:
    """Bytes of content that follow. Links, devices and pipes have none, whatever they say."""
    if kind in "123456":
        return 0
    length = _decimal(pax["size"]) if "size" in pax else _number(header[124:136])
    if length < 0:
        raise BadArchive("an entry has a negative size")
    return length


def _entry(header: bytes, kind: str, data: Part, pax: Mapping[str, bytes]) -> Entry:
    name, link = header[:100], header[157:257]
    if header[257:263] == b"ustar\0" and header[345]:
        name = _until_zero(header[345:500]) + b"/" + _until_zero(name)
    size = data.left
    uid, gid = _number(header[108:116]), _number(header[116:124])
    if pax:
        name, link = pax.get("GNU.sparse.name") or pax.get("path") or name, pax.get("linkpath", link)
        uid, gid = _decimal(pax.get("uid", b""), uid), _decimal(pax.get("gid", b""), gid)
        size = _decimal(pax.get("GNU.sparse.realsize") or pax.get("GNU.sparse.size", b""), size)
    if kind == "S":
        size = _number(header[483:495])
    text = _text(name)
    kind = ("5" if text.endswith("/") else "0") if kind in _FILES else kind
    return Entry(text, kind, _number(header[100:108]) & 0o7777, uid, gid, size, _text(link), data, pax)


def _leave_map(stream: Stream, header: bytes) -> None:
    """The rest of the list of pieces of a sparse file, in blocks before the content."""
    more = header[482]
    while more:
        block = read_exactly(stream, BLOCK)
        if len(block) < BLOCK:
            raise BadArchive("the archive ends in the middle of an entry")
        more = block[504]


def _extended(kind: str, data: Part, length: int) -> dict[str, bytes]:
    """What an extended header says of the entries after it. One that is too long says nothing."""
    if length < 0:
        raise BadArchive("an entry has a negative size")
    if length > MOST_HEADER:
        _leave(data)
        return {}
    content = read_exactly(data, length)
    if len(content) < length:
        raise BadArchive("the archive ends in the middle of an entry")
    if kind in "LK":
        return {"path" if kind == "L" else "linkpath": _until_zero(content)}
    return dict(_records(content))


def _records(content: bytes) -> Iterator[tuple[str, bytes]]:
    """``30 SCHILY.xattr.security.capability=...\\n``: length of the whole record, name, value."""
    position = 0
    while position < len(content):
        digits = content[position : position + 20].partition(b" ")[0]
        length = _decimal(digits)
        record = content[position + len(digits) + 1 : position + length - 1]
        name, equals, value = record.partition(b"=")
        if length <= len(digits) or not equals:
            return  # damaged: what was read until here counts
        yield name.decode("utf-8", "replace"), value
        position += length


def _number(field: bytes) -> int:
    """Octal digits, or the binary form of GNU tar."""
    if field[0] in (0x80, 0xFF):
        number = int.from_bytes(field[1:], "big")
        return number - (1 << 8 * (len(field) - 1)) if field[0] == 0xFF else number
    digits = _until_zero(field).strip()
    try:
        return int(digits, 8) if digits else 0
    except ValueError:
        raise BadArchive("it is no tar archive, or a damaged one") from None


def _decimal(digits: bytes, otherwise: int = 0) -> int:
    return int(digits) if digits.isdigit() and len(digits) < 20 else otherwise


def _until_zero(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _text(field: bytes) -> str:
    return _until_zero(field).decode("utf-8", "replace")
