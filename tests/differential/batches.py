"""Record batches v2 for requests, right in everything that is not given otherwise, and read from answers."""

import gzip
import struct
import sys

import codec

sys.path.insert(0, str(codec.ROOT / "tests" / "clients"))
import raw  # noqa: E402
from kafka.codec import lz4_encode, snappy_encode  # noqa: E402
from kafka.record.util import calc_crc32c  # noqa: E402
import lz4.frame  # noqa: E402
import snappy  # noqa: E402
import zstandard  # noqa: E402

T0 = 1_400_000_000_000      # old enough to be no clock of the test, within what a topic accepts by default
COMPRESS = {"none": lambda b: b, "gzip": lambda b: gzip.compress(b, mtime=0), "snappy": snappy_encode,
            "lz4": lz4_encode, "zstd": zstandard.ZstdCompressor().compress}
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
HEADER = ">qiibIhiqqqhii"
HEADER_SIZE = struct.calcsize(HEADER)


def batch(values=(b"v0",), codec_name="none", keys=None, timestamps=None, **header):
    """One batch; `header` goes to raw.batch."""
    timestamps = timestamps or [T0 + 10 * i for i in range(len(values))]
    keys = keys if keys is not None else [b"k%d" % i for i in range(len(values))]
    records = b"".join(raw.record(value, key, i, timestamp - timestamps[0])
                       for i, (value, key, timestamp) in enumerate(zip(values, keys, timestamps)))
    header.setdefault("attributes", CODECS.index(codec_name))
    header.setdefault("base_timestamp", timestamps[0])
    header.setdefault("max_timestamp", max(timestamps))
    header.setdefault("count", len(values))
    return raw.batch(COMPRESS[codec_name](records), **header)


def legacy_message(magic, value=b"v", key=b"k", attributes=0, offset=0):
    """A message of magic 0 or 1."""
    import zlib
    rest = struct.pack(">bb", magic, attributes) + (struct.pack(">q", T0) if magic == 1 else b"")
    rest += struct.pack(">i", len(key)) + key + struct.pack(">i", len(value)) + value
    message = struct.pack(">I", zlib.crc32(rest)) + rest
    return struct.pack(">qi", offset, len(message)) + message


def xerial(content):
    """Snappy as Java writes it: blocks behind a header; else a raw block."""
    if content[:8] != b"\x82SNAPPY\x00":
        return snappy.decompress(content)
    out, at = b"", 16
    while at < len(content):
        size = struct.unpack_from(">i", content, at)[0]
        out += snappy.decompress(content[at + 4:at + 4 + size])
        at += 4 + size
    return out


DECOMPRESS = {0: lambda b: b, 1: gzip.decompress, 2: xerial, 3: lz4.frame.decompress,
              4: lambda b: zstandard.ZstdDecompressor().decompressobj().decompress(b)}


def read_all(content):
    """The batches as dicts; compressed ones by what is in them, since brokers compress in their own ways."""
    found, at = [], 0
    while at + HEADER_SIZE <= len(content):
        (base, length, epoch, magic, crc, attributes, last_delta, base_timestamp, max_timestamp, producer, producer_epoch,
         sequence, count) = struct.unpack_from(HEADER, content, at)
        end = at + 12 + length
        if end > len(content):
            break
        found.append({
            "baseOffset": base, "partitionLeaderEpoch": epoch, "magic": magic, "attributes": attributes,
            "lastOffsetDelta": last_delta, "baseTimestamp": base_timestamp, "maxTimestamp": max_timestamp,
            "producerId": producer, "producerEpoch": producer_epoch, "baseSequence": sequence, "count": count,
            "crc": "right" if calc_crc32c(content[at + 21:end]) == crc else "wrong",
            "payload": DECOMPRESS[attributes & 7](content[at + HEADER_SIZE:end])})
        at = end
    if at < len(content):
        found.append({"cutOff": len(content) - at if found else content[at:]})
    return found
