"""An image of a gigabyte is read in the memory of a small one, whichever way it comes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import gzip, io, json, sys, tarfile, time, zlib
from pytest_dockerharden.source.image.image import image_of_pieces

GIB, ZEROS = 1 << 30, bytes(1 << 20)

def header(name, size):
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)

EMPTY = bytearray(header("", 0))

def empty(name):
    # the same as header(name, 0), where the test would spend most of its time
    block = EMPTY.copy()
    block[: len(name)] = name
    block[148:156] = b" " * 8  # the checksum is taken with blanks in its place
    block[148:156] = b"%06o\\0 " % sum(block)
    return bytes(block)

def layer():
    # one large file, or as many small ones as there are in a large image
    if sys.argv[1] == "files":
        for number in range(200_000):
            yield empty(b"usr/lib/package%d/file%d" % (number // 50, number))
    else:
        yield header("srv/model.bin", GIB)
        for _ in range(GIB >> 20):
            yield ZEROS
    yield bytes(1024)

def compressed():
    packer = zlib.compressobj(1, wbits=31)
    for piece in layer():
        yield packer.compress(piece)
    yield packer.flush()

def archive():
    names = ["0/layer.tar"]
    if sys.argv[1] == "gzip":
        content = b"".join(compressed())
        yield header(names[0], len(content)); yield content; yield bytes(-len(content) % 512)
    else:
        size = 512 * 200_000 + 1024 if sys.argv[1] == "files" else 512 + GIB + 1024
        yield header(names[0], size)
        yield from layer()
        yield bytes(-size % 512)
    config = json.dumps({"rootfs": {"diff_ids": ["sha256:0"]}}).encode()
    manifest = json.dumps([{"Config": "c", "Layers": names}]).encode()
    for name, content in (("c", config), ("manifest.json", manifest)):
        yield header(name, len(content)); yield content; yield bytes(-len(content) % 512)

began = time.monotonic()
image = image_of_pieces(archive(), "x")
layer = image.layers.value[0]
# ru_maxrss starts with what the parent had when it forked; the high-water mark of proc(5) does not
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(layer.size, layer.entries, peak // 1024, round(time.monotonic() - began, 1))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux")
@pytest.mark.parametrize(
    ("kind", "size", "entries"),
    [("plain", 1 << 30, 1), ("gzip", 1 << 30, 1), ("files", 0, 200_000)],
)
def test_a_large_image_is_read_in_bounded_memory(kind: str, size: int, entries: int) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", SCRIPT, kind],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    read, counted, mebibytes, seconds = answer.stdout.split()
    print(f"{kind}: {mebibytes} MiB, {seconds} s")
    assert (int(read), int(counted)) == (size, entries)
    assert int(mebibytes) < 150
