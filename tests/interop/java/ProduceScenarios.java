import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.RecordTooLargeException;

/** What goes in comes out: compression, acks, idempotence, headers, nulls, large records. */
final class ProduceScenarios {
  private ProduceScenarios() {}

  private static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");

  static void all(Interop interop) {
    for (String codec : CODECS)
      for (String acks : List.of("0", "1", "all"))
        interop.run("produce-" + codec + "-acks-" + acks, session -> produce(session, codec, acks));
    interop.run("idempotent", ProduceScenarios::idempotent);
    interop.run("headers", ProduceScenarios::headers);
    interop.run("nulls", ProduceScenarios::nulls);
    interop.run("one-mib-records", ProduceScenarios::oneMibRecords);
    interop.run("record-too-large", ProduceScenarios::recordTooLarge);
    interop.run("illegal-topic-name", ProduceScenarios::illegalTopicName);
    interop.run("topic-compression-recompresses", ProduceScenarios::topicCompression);
    interop.run("log-append-time", ProduceScenarios::logAppendTime);
    if (Session.FAULT_SECONDS > 0) interop.run("leader-killed", ProduceScenarios::leaderKilled);
  }

  /** An idempotent producer goes on while its leader dies, over and over: nothing lost, nothing there twice. */
  private static void leaderKilled(Session session) throws Exception {
    String topic = session.create("leader-killed", 1, Map.of("min.insync.replicas", "2"));
    System.out.println("faults " + topic);
    int count;
    try {
      count = produceFor(session, topic, Session.FAULT_SECONDS);
    } finally {
      System.out.println("faults over");
    }
    Check.that(count > 100, "only " + count + " records were sent");
    var read = session.read(topic);
    Check.equal(count, read.size(), "records read");
    for (int i = 0; i < count; i++) Check.equalBytes(Session.bytes("" + i), read.get(i).value(), "value of record " + i);
  }

  /** Records "0", "1", …; all are answered. */
  private static int produceFor(Session session, String topic, int seconds) throws Exception {
    try (var producer = session.producer(Map.of("enable.idempotence", true, "acks", "all", "delivery.timeout.ms", 120000,
             "request.timeout.ms", 5000, "reconnect.backoff.max.ms", 200))) {
      List<Future<RecordMetadata>> sent = new ArrayList<>();
      for (long until = System.nanoTime() + seconds * 1_000_000_000L; System.nanoTime() < until; Thread.sleep(20))
        for (int i = 0; i < 20; i++)
          sent.add(producer.send(new ProducerRecord<>(topic, 0, null, Session.bytes("" + sent.size()))));
      for (var future : sent) future.get(90, TimeUnit.SECONDS);
      return sent.size();
    }
  }

  private static void produce(Session session, String codec, String acks) throws Exception {
    String topic = session.create("produce-" + codec + "-" + acks);
    var records = Session.records(topic, 300, codec.hashCode());
    session.produce(records, Map.of("compression.type", codec, "acks", acks, "enable.idempotence", false));
    for (int tries = 0; tries < 500 && session.offset(topic, OffsetSpec.latest()) < 300; tries++) Thread.sleep(10);
    Session.compare(records, session.read(topic), 0);
  }

  private static void idempotent(Session session) throws Exception {
    String topic = session.create("idempotent");
    var records = Session.records(topic, 5000, 1);
    var offsets = session.produce(records, Map.of("enable.idempotence", true, "compression.type", "lz4",
        "batch.size", 4096, "max.in.flight.requests.per.connection", 5));
    Check.equal(4999L, offsets.get(4999), "last offset told");
    Session.compare(records, session.read(topic), 0);
    var producers = Session.get(session.admin.describeProducers(List.of(Session.at(topic))).partitionResult(Session.at(topic)));
    Check.equal(1, producers.activeProducers().size(), "active producers");
    Check.equal(4999, producers.activeProducers().get(0).lastSequence(), "last sequence");
  }

  private static void headers(Session session) throws Exception {
    String topic = session.create("headers");
    List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      var record = new ProducerRecord<>(topic, 0, Session.bytes("k" + i), Session.bytes("v" + i));
      record.headers().add("one", Session.bytes("1")).add("one", Session.bytes("2")).add("empty", new byte[0]);
      record.headers().add("null", null).add("", Session.bytes("no name")).add("long", new byte[3000 + i]);
      records.add(record);
    }
    session.produce(records, Map.of());
    Session.compare(records, session.read(topic), 0);
  }

  private static void nulls(Session session) throws Exception {
    String topic = session.create("nulls");
    byte[] text = Session.bytes("text");
    byte[] empty = new byte[0];
    List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
    for (byte[] key : new byte[][] {null, empty, text})
      for (byte[] value : new byte[][] {null, empty, text}) records.add(new ProducerRecord<>(topic, 0, key, value));
    session.produce(records, Map.of());
    Session.compare(records, session.read(topic), 0);
  }

  private static void oneMibRecords(Session session) throws Exception {
    String topic = session.create("one-mib", 1, Map.of("max.message.bytes", Integer.toString(2 * Session.MIB)));
    List<ProducerRecord<byte[], byte[]>> sent = new ArrayList<>();
    for (String codec : CODECS) {
      byte[] noise = new byte[Session.MIB];
      new Random(sent.size()).nextBytes(noise);
      var records = List.of(new ProducerRecord<>(topic, 0, Session.bytes("noise"), noise),
          new ProducerRecord<>(topic, 0, Session.bytes("zeros"), new byte[Session.MIB]));
      session.produce(records, Map.of("compression.type", codec));
      sent.addAll(records);
    }
    Session.compare(sent, session.read(topic), 0);
    Session.compare(sent, session.read(topic, 0, Map.of("max.partition.fetch.bytes", 1, "fetch.max.bytes", 1)), 0);
  }

  private static void recordTooLarge(Session session) throws Exception {
    String topic = session.create("too-large");
    byte[] noise = new byte[3 * Session.MIB / 2];
    new Random(1).nextBytes(noise);
    Check.refused(RecordTooLargeException.class,
        () -> session.produce(List.of(new ProducerRecord<>(topic, 0, null, noise)), Map.of()), "1.5 MiB");
    session.produce(List.of(new ProducerRecord<>(topic, 0, null, new byte[10])), Map.of());
    Check.equal(1, session.read(topic).size(), "records read");
  }

  private static void illegalTopicName(Session session) {
    Check.refused(InvalidTopicException.class,
        () -> session.produce(List.of(new ProducerRecord<>("what/is this", 0, null, new byte[1])), Map.of()), "name");
  }

  private static void topicCompression(Session session) throws Exception {
    String topic = session.create("recompressed", 1, Map.of("compression.type", "zstd"));
    var records = Session.records(topic, 200, 3);
    session.produce(records, Map.of("compression.type", "gzip"));
    session.produce(records, Map.of("compression.type", "none"));
    var read = session.read(topic);
    Session.compare(records, read.subList(0, 200), 0);
    Session.compare(records, read.subList(200, 400), 200);
  }

  private static void logAppendTime(Session session) throws Exception {
    String topic = session.create("append-time", 1, Map.of("message.timestamp.type", "LogAppendTime"));
    long before = System.currentTimeMillis();
    session.produce(List.of(new ProducerRecord<>(topic, 0, 12345L, null, new byte[1])), Map.of());
    var record = session.read(topic).get(0);
    Check.equal("LogAppendTime", record.timestampType().toString(), "timestamp type");
    Check.that(record.timestamp() >= before - 5, "timestamp " + record.timestamp() + " is the sender's");
  }
}
