"""The window of five batches of an idempotent producer, by raw requests: each of the last five may be sent again and is
answered with its first offset, older ones and gaps are refused, nothing is there twice; the same after an orderly
restart, after kill -9, and after segments have rolled (kafka-protocol.md 3.3)."""

from adapters import RdkafkaC
from live_test import LiveTest, main
from raw import (Peer, Reader, batch, int32, list_offsets_answer, list_offsets_request, produce_request, record,
                 request, string)

INIT_PRODUCER_ID = 22
WINDOW = 5
OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_PRODUCER_EPOCH = 45, 47
RECORDS = 3  # in a batch


class ProducerWindow(LiveTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client = RdkafkaC(cls.broker.bootstrap)

    def ask(self, content):
        with Peer(self.broker.port) as peer:
            return Reader(peer.ask(content))

    def new_producer(self):
        r = self.ask(request(INIT_PRODUCER_ID, 0, string(None) + int32(60000)))
        r.number("i"), r.number("i")
        self.assertEqual(r.number("h"), 0)
        return r.number("q"), r.number("h")

    def send(self, topic, producer, number, epoch=None, value=b"value"):
        """Error code and base offset of the producer's batch of this number."""
        records = b"".join(record(value, b"key", delta) for delta in range(RECORDS))
        content = batch(records, RECORDS, producer_id=producer[0], producer_epoch=producer[1] if epoch is None else epoch,
                        base_sequence=number * RECORDS)
        r = self.ask(produce_request([(0, content)], topic))
        r.number("i"), r.number("i"), r.string(), r.number("i"), r.number("i")
        return r.number("h"), r.number("q")

    def end_offset(self, topic):
        with Peer(self.broker.port) as peer:
            error, offset = list_offsets_answer(peer.ask(list_offsets_request(topic, 0, -1)))
        self.assertEqual(error, 0)
        return offset

    def check_window(self, topic, producer, sent):
        """`sent` batches are in the log, from the start of the topic."""
        for number in range(sent - WINDOW, sent):
            self.assertEqual(self.send(topic, producer, number), (0, number * RECORDS), f"batch {number} of {sent} again")
        self.assertEqual(self.send(topic, producer, sent - WINDOW - 1)[0], OUT_OF_ORDER_SEQUENCE_NUMBER, "an old batch")
        self.assertEqual(self.send(topic, producer, sent + 1)[0], OUT_OF_ORDER_SEQUENCE_NUMBER, "a gap")
        self.assertEqual(self.end_offset(topic), sent * RECORDS)

    def check_restarts(self, topic, value=b"value"):
        self.client.create_topic(topic, 1, ["segment.bytes=1048576"])
        producer = self.new_producer()
        sent = 0
        for restart in (None, self.restart_in_order, self.restart_after_kill, self.restart_in_order):
            if restart:
                restart()
                self.check_window(topic, producer, sent)
            for _ in range(8):
                self.assertEqual(self.send(topic, producer, sent, value=value), (0, sent * RECORDS))
                sent += 1
            self.check_window(topic, producer, sent)
        self.assertEqual(len(self.client.read(topic)), sent * RECORDS)

    def restart_in_order(self):
        self.assertEqual(self.broker.stop(), 0)
        self.broker.restart()

    def restart_after_kill(self):
        self.broker.kill()
        self.broker.restart()

    def test_window_survives_restarts(self):
        self.check_restarts("window")

    def test_window_survives_restarts_where_every_batch_or_two_fill_a_segment(self):
        self.check_restarts("rolling", b"v" * 250_000)

    def test_a_new_epoch_starts_at_sequence_0_and_the_old_one_is_fenced(self):
        self.client.create_topic("epochs")
        producer, _ = self.new_producer()
        self.assertEqual(self.send("epochs", (producer, 0), 0), (0, 0))
        self.assertEqual(self.send("epochs", (producer, 1), 1)[0], OUT_OF_ORDER_SEQUENCE_NUMBER)
        self.assertEqual(self.send("epochs", (producer, 1), 0), (0, RECORDS))
        self.assertEqual(self.send("epochs", (producer, 0), 1)[0], INVALID_PRODUCER_EPOCH)
        self.restart_after_kill()
        self.assertEqual(self.send("epochs", (producer, 0), 1)[0], INVALID_PRODUCER_EPOCH)
        self.assertEqual(self.send("epochs", (producer, 1), 1), (0, 2 * RECORDS))

    def test_producer_ids_are_never_given_twice(self):
        given = [self.new_producer()[0] for _ in range(20)]
        for restart in (self.restart_after_kill, self.restart_in_order):
            restart()
            given += [self.new_producer()[0] for _ in range(20)]
        self.assertEqual(len(set(given)), len(given))


if __name__ == "__main__":
    main(seconds=100)
