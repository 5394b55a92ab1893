"""Record batches that no client writes: Kafka's error code, nothing appended, other partitions of the same request
unaffected, bounded memory (reliability NW-07, NW-08, RE-01; kafka-protocol.md 3.1)."""

import gzip
import random
import sys
import time
import zlib

import lz4.frame
import snappy
import zstandard

import raw
from adapters import At
from broker import PATIENCE
from hostile import MIB, HostileTest
from live_test import main
from raw import (CODEC_IDS, CORRUPT_MESSAGE, INVALID_RECORD, INVALID_TIMESTAMP, MESSAGE_TOO_LARGE,
                 UNSUPPORTED_COMPRESSION_TYPE, batch, produce_errors, produce_request, record, varint)

TOPIC = "bad"
HUGE = 1 << 31


def compress(codec, content):
    if codec == "gzip":
        return gzip.compress(content, 6)
    if codec == "snappy":
        return snappy.compress(content)
    if codec == "lz4":
        return lz4.frame.compress(content, block_linked=False)
    if codec == "zstd":
        return zstandard.ZstdCompressor().compress(content)
    return content


class BatchTest(HostileTest):
    growth_bytes = 96 * MIB

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client.create_topic(TOPIC, 2)

    def produce(self, records, version=8):
        """Error code and message for partition 0; partition 1 gets a good batch in the same request, which must be
        appended. Nothing must be appended to partition 0 if there was an error."""
        before = [self.end_offset(TOPIC, p) for p in (0, 1)]
        began = time.monotonic()
        answer = produce_errors(self.connect(timeout=30).ask(produce_request([(0, records), (1, batch())], TOPIC)))
        self.seconds = time.monotonic() - began
        (_, error, message), (_, good, _) = answer
        self.assertEqual(good, 0, "the good partition of the request")
        self.assertEqual(self.end_offset(TOPIC, 1), before[1] + 1)
        if error:
            self.assertEqual(self.end_offset(TOPIC, 0), before[0], f"error {error}, and yet something was appended")
        return error, message

    def check_refused(self, records, *codes, what=""):
        error, message = self.produce(records)
        self.assertIn(error, codes, f"{what}: {message}")
        self.assertTrue(message, "an error message for a person")


class Headers(BatchTest):
    """NW-07: the header of the batch."""

    def test_good_batch(self):
        self.assertEqual(self.produce(batch())[0], 0)

    def test_wrong_crc(self):
        self.check_refused(batch(crc=0x12345678), CORRUPT_MESSAGE)

    def test_flipped_bits_behind_the_crc(self):
        rng = random.Random(11)
        for _ in range(60):
            bad = bytearray(batch())
            bad[rng.randrange(21, len(bad))] ^= 1 << rng.randrange(8)
            self.check_refused(bytes(bad), CORRUPT_MESSAGE, INVALID_RECORD)

    def test_magic_0_and_1(self):
        for magic in (0, 1):
            self.check_refused(batch(magic=magic), INVALID_RECORD, what=f"magic {magic}")

    def test_message_sets_of_old_clients(self):
        from kafka.record.legacy_records import LegacyRecordBatchBuilder
        for magic in (0, 1):
            for codec in (0, 1):
                builder = LegacyRecordBatchBuilder(magic=magic, compression_type=codec, batch_size=1 << 20)
                builder.append(0, int(time.time() * 1000), b"key", b"value" * 30)
                self.check_refused(bytes(builder.build()), INVALID_RECORD, CORRUPT_MESSAGE, what=f"magic {magic}")

    def test_magic_unknown(self):
        for magic in (3, 9, 127, -1):
            self.check_refused(batch(magic=magic), INVALID_RECORD, CORRUPT_MESSAGE, what=f"magic {magic}")

    def test_length_that_lies(self):
        for length in (0, 1, 48, 49, 60, 1 << 20, 2 ** 31 - 1, -1, -2 ** 31):
            self.check_refused(batch(length=length), CORRUPT_MESSAGE, INVALID_RECORD, what=f"length {length}")

    def test_cut_short(self):
        whole = batch()
        for size in (1, 11, 12, 16, 17, 60, 61, len(whole) - 1):
            self.check_refused(whole[:size], CORRUPT_MESSAGE, INVALID_RECORD, what=f"{size} bytes")

    def test_no_records_at_all(self):
        for records in (b"", None):
            self.assertIn(self.produce(records)[0], (INVALID_RECORD, CORRUPT_MESSAGE), records)

    def test_two_batches(self):
        self.check_refused(batch() + batch(), INVALID_RECORD)

    def test_bytes_behind_the_batch(self):
        self.check_refused(batch() + b"tail", INVALID_RECORD, CORRUPT_MESSAGE)

    def test_base_offset_not_zero(self):
        for offset in (1, -1, 2 ** 63 - 1):
            self.check_refused(batch(base_offset=offset), INVALID_RECORD)

    def test_count_impossible(self):
        for count in (0, -1, 2, 1 << 20, 2 ** 31 - 1, -2 ** 31):
            self.check_refused(batch(record(), count, last_offset_delta=0), INVALID_RECORD, CORRUPT_MESSAGE,
                               what=f"count {count}")

    def test_count_and_delta_agree_and_lie(self):
        for count in (2, 1000, 2 ** 31 - 1):
            self.check_refused(batch(record(), count), INVALID_RECORD, CORRUPT_MESSAGE, what=f"count {count}")

    def test_last_offset_delta_impossible(self):
        for delta in (-1, 1, 2 ** 31 - 1, -2 ** 31):
            self.check_refused(batch(record(), 1, last_offset_delta=delta), INVALID_RECORD, CORRUPT_MESSAGE)

    def test_control_bit(self):
        self.check_refused(batch(attributes=1 << 5), INVALID_RECORD)

    def test_log_append_time_bit(self):
        self.check_refused(batch(attributes=1 << 3), INVALID_TIMESTAMP)

    def test_unknown_codec(self):
        for codec in (5, 6, 7):
            self.check_refused(batch(attributes=codec), INVALID_RECORD, CORRUPT_MESSAGE, UNSUPPORTED_COMPRESSION_TYPE)

    def test_producer_id_without_sequence(self):
        self.check_refused(batch(producer_id=7, producer_epoch=0, base_sequence=-1), INVALID_RECORD)

    def test_timestamp_far_ahead(self):
        ahead = int(time.time() * 1000) + 2 * 3600 * 1000
        self.check_refused(batch(base_timestamp=ahead), INVALID_TIMESTAMP)

    def test_negative_timestamps_leave_the_log_usable(self):
        for timestamp in (-1, -2, -2 ** 63):
            self.produce(batch(base_timestamp=timestamp))
        self.client.read(TOPIC, At(1))
        self.assertGreater(len(self.client.read(TOPIC, 0)), 0)

    def test_larger_than_max_message_bytes(self):
        big = batch(record(random.Random(1).randbytes(1_100_000)), 1)
        self.check_refused(big, MESSAGE_TOO_LARGE)


class Records(BatchTest):
    """NW-08: the records inside, plain and behind each codec."""

    def check_inner(self, content, count, what, last_offset_delta=None):
        for codec, attributes in CODEC_IDS.items():
            bad = batch(compress(codec, content), count, attributes=attributes, last_offset_delta=last_offset_delta)
            self.check_refused(bad, INVALID_RECORD, CORRUPT_MESSAGE, what=f"{codec}: {what}")
            self.assertLess(self.seconds, 5 * PATIENCE, f"{codec}: {what}")

    def test_good_records_of_each_codec(self):
        for codec, attributes in CODEC_IDS.items():
            content = b"".join(record(b"value" * 50, b"key", i) for i in range(20))
            self.assertEqual(self.produce(batch(compress(codec, content), 20, attributes=attributes)), (0, None), codec)

    def test_fewer_records_than_told(self):
        self.check_inner(record(), 5, "five told, one there")

    def test_more_records_than_told(self):
        self.check_inner(record() + record(offset_delta=1), 1, "one told, two there")

    def test_record_length_beyond_the_batch(self):
        self.check_inner(varint(1 << 30) + record()[1:], 1, "record length")

    def test_record_length_negative(self):
        self.check_inner(varint(-5) + record()[1:], 1, "record length")

    def test_record_length_too_small(self):
        self.check_inner(varint(3) + record()[1:], 1, "record length")

    def test_varint_that_never_ends(self):
        self.check_inner(b"\xff" * 40, 1, "varint")

    def test_key_length_beyond_the_record(self):
        body = b"\0\0\0" + varint(1 << 28) + b"key"
        self.check_inner(varint(len(body)) + body, 1, "key length")

    def test_value_length_illegal(self):
        for length in (-2, 1 << 30):
            body = b"\0\0\0" + varint(-1) + varint(length) + b"value" + b"\0"
            self.check_inner(varint(len(body)) + body, 1, f"value length {length}")

    def test_header_count_that_lies(self):
        for headers in (varint(-1), varint(1 << 30), varint(2) + varint(1) + b"a" + varint(-1)):
            self.check_inner(record(headers=headers), 1, "headers")

    def test_header_without_key(self):
        self.check_inner(record(headers=varint(1) + varint(-1) + varint(-1)), 1, "null header key")

    def test_offset_deltas_out_of_order(self):
        self.check_inner(record(offset_delta=1) + record(offset_delta=0), 2, "offset deltas")

    def test_not_compressed_at_all(self):
        for codec in ("gzip", "snappy", "lz4", "zstd"):
            for content in (record(), b"", random.Random(3).randbytes(500)):
                self.check_refused(batch(content, 1, attributes=CODEC_IDS[codec]), INVALID_RECORD, CORRUPT_MESSAGE,
                                   what=codec)

    def test_compressed_stream_cut_short(self):
        content = record(random.Random(4).randbytes(2000))
        for codec in ("gzip", "snappy", "lz4", "zstd"):
            whole = compress(codec, content)
            for size in (1, len(whole) // 2, len(whole) - 1):
                self.check_refused(batch(whole[:size], 1, attributes=CODEC_IDS[codec]), INVALID_RECORD,
                                   CORRUPT_MESSAGE, what=f"{codec} cut at {size} of {len(whole)}")

    def test_flipped_bits_in_compressed_streams(self):
        rng = random.Random(6)
        content = b"".join(record(b"river %d" % i, b"key", i) for i in range(50))
        for codec in ("gzip", "snappy", "lz4", "zstd"):
            for _ in range(25):
                bad = bytearray(compress(codec, content))
                bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
                self.produce(batch(bytes(bad), 50, attributes=CODEC_IDS[codec]))  # any answer, soon
                self.assertLess(self.seconds, 5 * PATIENCE)


def zeros(size):
    part = bytes(1 << 20)
    for _ in range(size >> 20):
        yield part


def gzip_bomb(size):
    pack = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(pack.compress(part) for part in zeros(size)) + pack.flush()


def lz4_bomb(size):
    with lz4.frame.LZ4FrameCompressor(block_linked=False, block_size=lz4.frame.BLOCKSIZE_MAX4MB) as pack:
        return pack.begin() + b"".join(pack.compress(part) for part in zeros(size)) + pack.flush()


def zstd_bomb(size):
    pack = zstandard.ZstdCompressor(level=3, write_content_size=False).compressobj()
    return b"".join(pack.compress(part) for part in zeros(size)) + pack.flush()


class Bombs(BatchTest):
    """RE-01: a batch of at most 1 MiB that becomes very much more. A topic that allows 1 MiB batches must not allow a
    peer to take memory or time from the others."""

    growth_bytes = 320 * MIB  # a batch may become 128 MiB, and memory that grows is there twice for a moment

    def check_bomb(self, codec, content, size):
        print(f"  {codec}: {len(content)} bytes become {size >> 20} MiB", file=sys.stderr)
        self.assertLess(len(content), MIB)
        bomb = batch(content, 1, attributes=CODEC_IDS[codec])
        for _ in range(3):
            self.check_refused(bomb, INVALID_RECORD, CORRUPT_MESSAGE, MESSAGE_TOO_LARGE, what=codec)
            self.assertLess(self.seconds, 5 * PATIENCE)

    def test_gzip(self):
        size = 900 * MIB
        self.check_bomb("gzip", gzip_bomb(size), size)

    def test_lz4(self):
        size = 240 * MIB
        self.check_bomb("lz4", lz4_bomb(size), size)

    def test_zstd(self):
        size = 4096 * MIB
        self.check_bomb("zstd", zstd_bomb(size), size)

    def test_zstd_that_tells_its_size(self):
        self.check_bomb("zstd", zstandard.ZstdCompressor().compress(bytes(600 * MIB)), 600 * MIB)

    def test_zstd_with_a_huge_window(self):
        # Frame header: no checksum, no content size, window descriptor 2 GiB; one empty last block.
        window = b"\x28\xb5\x2f\xfd" + b"\x00" + bytes([(31 - 10) << 3]) + b"\x01\x00\x00"
        self.check_bomb("zstd", window, 2048 * MIB)

    def test_snappy(self):
        size = 20 * MIB  # snappy does not get below a twentieth
        self.check_bomb("snappy", snappy.compress(bytes(size)), size)

    def test_snappy_that_tells_a_size_it_does_not_have(self):
        told = b"\xff\xff\xff\xff\x07"  # 2 GiB
        self.check_bomb("snappy", told + b"\x00a", 2048 * MIB)

    def test_snappy_of_java_with_chunks_that_lie(self):
        java = b"\x82SNAPPY\x00" + raw.int32(1) + raw.int32(1)
        for chunk in (raw.int32(2 ** 31 - 1), raw.int32(-1), raw.int32(5) + b"\xff\xff\xff\xff\x07"):
            self.check_bomb("snappy", java + chunk + b"abc", 2048 * MIB)

    def test_one_valid_record_of_half_a_gigabyte(self):
        size = 512 * MIB
        body = b"\0\0\0" + varint(-1) + varint(size)
        head = varint(len(body) + size + 1) + body
        pack = zlib.compressobj(9, zlib.DEFLATED, 31)
        content = pack.compress(head) + b"".join(pack.compress(part) for part in zeros(size)) + pack.compress(b"\0")
        self.check_bomb("gzip", content + pack.flush(), size)


if __name__ == "__main__":
    main(seconds=150)
