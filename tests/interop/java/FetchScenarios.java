import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** Reading from the beginning, by offset, by time, many partitions at once, with both consumers that the client has. */
final class FetchScenarios {
  private FetchScenarios() {}

  static void all(Interop interop) {
    for (String protocol : List.of("classic", "consumer")) {
      Map<String, Object> settings = Map.of("group.protocol", protocol);
      interop.run("fetch-from-beginning-" + protocol, session -> fromBeginning(session, settings, protocol));
      interop.run("fetch-by-offset-" + protocol, session -> byOffset(session, settings, protocol));
      interop.run("fetch-by-timestamp-" + protocol, session -> byTimestamp(session, settings, protocol));
    }
    interop.run("fetch-many-partitions", FetchScenarios::manyPartitions);
    interop.run("fetch-read-committed", FetchScenarios::readCommitted);
    interop.run("fetch-waits-for-records", FetchScenarios::waitsForRecords);
    interop.run("consumer-metadata-calls", FetchScenarios::metadataCalls);
  }

  private static void fromBeginning(Session session, Map<String, Object> settings, String suffix) throws Exception {
    String topic = session.create("beginning-" + suffix);
    var records = Session.records(topic, 3000, 5);
    session.produce(records, Map.of("batch.size", 2000));
    try (var consumer = session.consumer(settings)) {
      consumer.assign(List.of(Session.at(topic)));
      consumer.seekToBeginning(List.of(Session.at(topic)));
      Session.compare(records, Session.toEnd(consumer, topic), 0);
      consumer.seekToBeginning(List.of(Session.at(topic)));
      Session.compare(records, Session.toEnd(consumer, topic), 0);
      consumer.seekToEnd(List.of(Session.at(topic)));
      Check.equal(3000L, consumer.position(Session.at(topic)), "position at the end");
    }
  }

  private static void byOffset(Session session, Map<String, Object> settings, String suffix) throws Exception {
    String topic = session.create("offset-" + suffix);
    var records = Session.records(topic, 400, 6);
    session.produce(records, Map.of("batch.size", 3000));
    for (int from : new int[] {0, 1, 137, 399, 400})
      Session.compare(records.subList(from, 400), session.read(topic, from, settings), from);
    try (var consumer = session.consumer(settings)) {
      consumer.assign(List.of(Session.at(topic)));
      consumer.seek(Session.at(topic), 401);
      Check.refused(OffsetOutOfRangeException.class, () -> {
        for (int i = 0; i < 50; i++) consumer.poll(Duration.ofMillis(200));
        return "no error";
      }, "an offset beyond the end");
    }
  }

  private static void byTimestamp(Session session, Map<String, Object> settings, String suffix) throws Exception {
    String topic = session.create("timestamp-" + suffix);
    long base = System.currentTimeMillis() - 500_000;
    List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
    for (int i = 0; i < 200; i++) records.add(new ProducerRecord<>(topic, 0, base + 1000L * i, null, Session.bytes("v" + i)));
    for (int part = 0; part < 4; part++) session.produce(records.subList(50 * part, 50 * part + 50), Map.of());
    try (var consumer = session.consumer(settings)) {
      consumer.assign(List.of(Session.at(topic)));
      for (long[] pair : new long[][] {{0, 0}, {120_000, 120}, {120_001, 121}, {199_000, 199}}) {
        var found = consumer.offsetsForTimes(Map.of(Session.at(topic), base + pair[0])).get(Session.at(topic));
        Check.equal(pair[1], found.offset(), "offset for +" + pair[0]);
        Check.equal(base + 1000 * pair[1], found.timestamp(), "timestamp for +" + pair[0]);
        Check.equal(Optional.of(0), found.leaderEpoch(), "leader epoch");
        consumer.seek(Session.at(topic), found.offset());
        Session.compare(records.subList((int) pair[1], 200), Session.toEnd(consumer, topic), pair[1]);
      }
      Check.equal(null, consumer.offsetsForTimes(Map.of(Session.at(topic), base + 199_001)).get(Session.at(topic)),
          "offset of the future");
    }
  }

  private static void manyPartitions(Session session) throws Exception {
    String topic = session.create("many", 20, Map.of());
    List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
    for (int i = 0; i < 4000; i++) records.add(new ProducerRecord<>(topic, i % 20, null, Session.bytes("v" + i)));
    session.produce(records, Map.of());
    try (var consumer = session.consumer(Map.of("auto.offset.reset", "earliest"))) {
      List<TopicPartition> all = new ArrayList<>();
      for (int i = 0; i < 20; i++) all.add(new TopicPartition(topic, i));
      consumer.assign(all);
      int[] seen = new int[20];
      int total = 0;
      for (int polls = 0; total < 4000 && polls < 200; polls++)
        for (var record : consumer.poll(Duration.ofMillis(200))) {
          int place = seen[record.partition()]++;
          Check.equal((long) place, record.offset(), "offset in partition " + record.partition());
          Check.equalBytes(Session.bytes("v" + (20 * place + record.partition())), record.value(), "value");
          total++;
        }
      Check.equal(4000, total, "records read");
    }
  }

  private static void readCommitted(Session session) throws Exception {
    String topic = session.create("committed");
    var records = Session.records(topic, 100, 8);
    session.produce(records, Map.of());
    Session.compare(records, session.read(topic, 0, Map.of("isolation.level", "read_committed")), 0);
  }

  private static void waitsForRecords(Session session) throws Exception {
    String topic = session.create("waits");
    try (var consumer = session.consumer(Map.of("fetch.max.wait.ms", 10000, "auto.offset.reset", "earliest"))) {
      consumer.assign(List.of(Session.at(topic)));
      Check.equal(0, consumer.poll(Duration.ofMillis(500)).count(), "records of an empty topic");
      long began = System.nanoTime();
      session.produce(Session.records(topic, 1, 9), Map.of());
      Check.equal(1, consumer.poll(Duration.ofSeconds(9)).count(), "records after produce");
      Check.that(System.nanoTime() - began < 5_000_000_000L, "the record came late");
    }
  }

  private static void metadataCalls(Session session) throws Exception {
    String topic = session.create("metadata", 3, Map.of());
    try (var consumer = session.consumer(Map.of())) {
      Check.equal(3, consumer.partitionsFor(topic).size(), "partitions");
      Check.that(consumer.listTopics().containsKey(topic), "listTopics");
      Check.equal(0L, consumer.beginningOffsets(List.of(Session.at(topic))).get(Session.at(topic)), "beginning offset");
    }
    try (var producer = session.producer(Map.of())) {
      Check.equal(3, producer.partitionsFor(topic).size(), "the producer's partitions");
    }
  }
}
