import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;

/** Transactions: what is committed is read, and nothing else; records that a group moves, each once. */
final class TransactionScenarios {
  private static final List<String> PROTOCOLS = List.of("classic", "consumer");
  private static final Map<String, Object> COMMITTED = Map.of("isolation.level", "read_committed");
  private static final int FAULT_RECORDS = 1200;

  private TransactionScenarios() {}

  static void all(Interop interop) {
    interop.run("transactions", TransactionScenarios::transactions);
    interop.run("open-transaction", TransactionScenarios::open);
    interop.run("one-after-the-other", TransactionScenarios::oneAfterTheOther);
    for (String protocol : PROTOCOLS)
      interop.run("exactly-once-" + protocol, session -> new Move(session, "eos-" + protocol, protocol, 300, 0).check());
    if (Session.FAULT_SECONDS > 0) interop.run("exactly-once-leader-killed", TransactionScenarios::leaderKilled);
  }

  private static KafkaProducer<byte[], byte[]> producer(Session session, String id) {
    var producer = session.producer(Map.of("transactional.id", session.name(id), "transaction.timeout.ms", 30000));
    producer.initTransactions();
    return producer;
  }

  private static List<String> send(KafkaProducer<byte[], byte[]> producer, String topic, String prefix, int count) {
    List<String> values = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      values.add(prefix + i);
      producer.send(new ProducerRecord<>(topic, 0, null, Session.bytes(prefix + i)));
    }
    return values;
  }

  private static List<String> read(Session session, String topic, Map<String, Object> settings) {
    List<String> values = new ArrayList<>();
    for (var record : session.read(topic, 0, settings)) values.add(new String(record.value()));
    return values;
  }

  private static void transactions(Session session) throws Exception {
    String topic = session.create("transactions");
    List<String> expected = new ArrayList<>();
    try (var producer = producer(session, "transactions")) {
      for (int turn = 0; turn < 6; turn++) {
        producer.beginTransaction();
        var values = send(producer, topic, turn + "-", 20);
        if (turn % 3 == 1) {
          producer.flush();
          producer.abortTransaction();
        } else {
          producer.commitTransaction();
          expected.addAll(values);
        }
      }
      soonCommitted(session, topic, expected);
      Check.equal(120, read(session, topic, Map.of()).size(), "all values");
      try (var successor = producer(session, "transactions")) {
        try {
          producer.beginTransaction();
          send(producer, topic, "late", 1);
          producer.commitTransaction();
          throw new AssertionError("a producer that another has replaced committed");
        } catch (KafkaException error) {
          Throwable cause = error.getCause() == null ? error : error.getCause();
          Check.that(error instanceof ProducerFencedException || cause instanceof ProducerFencedException
                  || error instanceof InvalidProducerEpochException || cause instanceof InvalidProducerEpochException,
              "a producer that another has replaced: " + error);
        }
        successor.beginTransaction();
        expected.addAll(send(successor, topic, "newer", 1));
        successor.commitTransaction();
      }
    }
    soonCommitted(session, topic, expected);
  }

  /** A commit is answered before its markers are in every partition. */
  private static void soonCommitted(Session session, String topic, List<String> expected) throws Exception {
    Session.eventually(() -> expected.equals(read(session, topic, COMMITTED)), "other committed values than " + expected);
  }

  /** What is in an open transaction, and what is behind it, is not read yet. */
  private static void open(Session session) throws Exception {
    String topic = session.create("open");
    try (var first = producer(session, "open-first"); var second = producer(session, "open-second")) {
      first.beginTransaction();
      var firsts = send(first, topic, "first", 5);
      first.flush();
      second.beginTransaction();
      var seconds = send(second, topic, "second", 5);
      second.commitTransaction();
      Check.equal(10, read(session, topic, Map.of()).size(), "all values");
      Check.equal(List.of(), read(session, topic, COMMITTED), "committed values behind an open transaction");
      first.commitTransaction();
      firsts.addAll(seconds);
      Session.eventually(() -> firsts.equals(read(session, topic, COMMITTED)), "both are not read in their order");
    }
  }

  /** Each begins before the markers of the last one are written everywhere. */
  private static void oneAfterTheOther(Session session) throws Exception {
    String topic = session.create("one-after-the-other", Move.PARTITIONS, Map.of());
    int count = 60;
    try (var producer = producer(session, "one-after-the-other")) {
      for (int turn = 0; turn < count; turn++) {
        producer.beginTransaction();
        for (int partition = 0; partition < Move.PARTITIONS; partition++)
          producer.send(new ProducerRecord<>(topic, partition, null, Session.bytes(Integer.toString(turn))));
        producer.commitTransaction();
      }
    }
    for (int partition = 0; partition < Move.PARTITIONS; partition++) {
      var at = new TopicPartition(topic, partition);
      Session.eventually(() -> session.read(at, 0, COMMITTED).size() == count, "not " + count + " values in partition " + partition);
    }
  }

  /** With both protocols at once. */
  private static void leaderKilled(Session session) throws Exception {
    List<Move> moves = new ArrayList<>();
    for (String protocol : PROTOCOLS)
      moves.add(new Move(session, "eos-killed-" + protocol, protocol, FAULT_RECORDS, 50));
    System.out.println("faults " + moves.get(0).source + " " + Move.PARTITIONS);
    try {
      Thread.sleep(1000L * Session.FAULT_SECONDS);
    } finally {
      System.out.println("faults over");
    }
    moves.forEach(Move::hurry);
    for (Move move : moves) move.check();
  }
}
