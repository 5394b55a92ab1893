import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Kafka Streams: applications that are stopped, killed and started again meanwhile. */
final class StreamsScenarios {
  private static final int PARTITIONS = 3;
  private static final int SECONDS = 90;
  private static final Map<String, Object> COMMITTED = Map.of("isolation.level", "read_committed");

  private StreamsScenarios() {}

  static void all(Interop interop) {
    interop.run("word-count", StreamsScenarios::wordCount);
    interop.run("exactly-once-killed", StreamsScenarios::exactlyOnceKilled);
    if (Session.FAULT_SECONDS > 0) interop.run("exactly-once-leader-killed", StreamsScenarios::exactlyOnceLeaderKilled);
  }

  private static Map<String, Object> settings(Session session, Scratch scratch, String id, String guarantee) {
    Map<String, Object> settings = new HashMap<>();
    settings.put("application.id", session.name(id));
    settings.put("bootstrap.servers", session.bootstrap);
    settings.put("state.dir", scratch.folder.resolve("state"));
    settings.put("processing.guarantee", guarantee);
    settings.put("commit.interval.ms", 100);
    settings.put("statestore.cache.max.bytes", 0);
    settings.put("default.key.serde", "org.apache.kafka.common.serialization.Serdes$StringSerde");
    settings.put("default.value.serde", "org.apache.kafka.common.serialization.Serdes$StringSerde");
    settings.put("consumer.auto.offset.reset", "earliest");
    // Who comes back takes the place of who was killed: nobody waits until its session is over.
    settings.put("main.consumer.group.instance.id", "one");
    return settings;
  }

  /** The last value of each key. */
  private static Map<String, String> last(List<ConsumerRecord<byte[], byte[]>> records) {
    Map<String, String> last = new TreeMap<>();
    for (var record : records) last.put(new String(record.key()), new String(record.value()));
    return last;
  }

  /** Stopped in order and started again without its stores: they come back from the changelog. */
  private static void wordCount(Session session) throws Exception {
    String lines = session.create("lines", PARTITIONS, Map.of());
    String counts = session.create("counts");
    Map<String, String> wanted = new TreeMap<>();
    Random random = new Random(5);
    Scratch.with(scratch -> {
      var settings = settings(session, scratch, "word-count", "at_least_once");
      for (int part = 0; part < 2; part++) {
        List<ProducerRecord<byte[], byte[]>> sent = new ArrayList<>();
        for (int i = 0; i < 400; i++) {
          StringBuilder line = new StringBuilder();
          for (int word = 0; word < 5; word++) {
            String next = "word" + random.nextInt(50);
            line.append(word == 0 ? "" : " ").append(next);
            wanted.merge(next, "1", (a, b) -> Long.toString(Long.parseLong(a) + Long.parseLong(b)));
          }
          sent.add(new ProducerRecord<>(lines, i % PARTITIONS, null, Session.bytes(line.toString())));
        }
        session.produce(sent, Map.of());
        settings.put("state.dir", scratch.folder.resolve("state" + part));
        String file = scratch.settings("streams.properties", settings);
        Child app = scratch.start("word-count" + part, WordCount.class, file, lines, counts);
        app.await(SECONDS, () -> wanted.equals(last(session.read(counts))), "counts of all words");
        app.stop();
      }
      // In order, no word is counted twice.
      Check.equal(4000, session.read(counts).size(), "counts that were written");
    });
  }

  /** Numbers 0, 1, … are sent for some seconds; the application copies and sums them, and is killed meanwhile; so are nodes
   * with `faults`. */
  private static void exactlyOnce(Session session, String name, int seconds, int kills, boolean faults) throws Exception {
    String numbers = session.create(name + "-numbers", PARTITIONS, Map.of());
    String copies = session.create(name + "-copies");
    String sums = session.create(name + "-sums");
    Scratch.with(scratch -> {
      String file = scratch.settings("streams.properties", settings(session, scratch, name, "exactly_once_v2"));
      Child app = scratch.start(name + "0", ExactlyOnce.class, file, numbers, copies, sums);
      if (faults) System.out.println("faults " + numbers + " " + PARTITIONS);
      int count = 0;
      try (Numbers source = new Numbers(session, numbers)) {
        source.send(20);
        app.await(SECONDS, () -> session.read(copies, 0, COMMITTED).size() > 0, "a first copy");
        for (int kill = 1; kill <= kills; kill++) {
          source.sendFor(seconds / (kills + 1.0));
          app.kill();
          app = scratch.start(name + kill, ExactlyOnce.class, file, numbers, copies, sums);
        }
        source.sendFor(seconds / (kills + 1.0));
        count = source.all();
      } finally {
        if (faults) System.out.println("faults over");
      }
      int sent = count;
      app.await(SECONDS, () -> session.read(copies, 0, COMMITTED).size() >= sent, "copies of all " + sent);
      app.await(SECONDS, () -> wantedSums(sent).equals(last(session.read(sums, 0, COMMITTED))), "sums of all");
      app.stop();
      Check.equal(wantedCopies(sent), copied(session, copies), "each number, once");
      Check.equal(sent, session.read(sums, 0, COMMITTED).size(), "sums that were written");
    });
  }

  private static void exactlyOnceKilled(Session session) throws Exception {
    exactlyOnce(session, "eos", 6, 2, false);
  }

  private static void exactlyOnceLeaderKilled(Session session) throws Exception {
    exactlyOnce(session, "eos-faults", Session.FAULT_SECONDS, 1, true);
  }

  private static Map<Long, Integer> wantedCopies(int count) {
    Map<Long, Integer> wanted = new TreeMap<>();
    for (long number = 0; number < count; number++) wanted.put(number, 1);
    return wanted;
  }

  private static Map<Long, Integer> copied(Session session, String topic) {
    Map<Long, Integer> copied = new TreeMap<>();
    for (var record : session.read(topic, 0, COMMITTED))
      copied.merge(Long.parseLong(new String(record.value())), 1, Integer::sum);
    return copied;
  }

  private static Map<String, String> wantedSums(int count) {
    Map<String, String> wanted = new TreeMap<>();
    for (int number = 0; number < count; number++) {
      int value = number;
      wanted.merge(Integer.toString(number % 10), Integer.toString(number),
          (sum, more) -> Long.toString(Long.parseLong(sum) + value));
    }
    return wanted;
  }

  /** The numbers from 0 on, over all partitions. */
  private static final class Numbers implements AutoCloseable {
    private final String topic;
    private final KafkaProducer<byte[], byte[]> producer;
    private final List<Future<?>> sent = new ArrayList<>();

    Numbers(Session session, String topic) {
      this.topic = topic;
      this.producer = session.producer(Map.of("enable.idempotence", true, "acks", "all", "delivery.timeout.ms", 120000,
          "request.timeout.ms", 5000, "reconnect.backoff.max.ms", 200));
    }

    void send(int count) {
      for (int i = 0; i < count; i++) {
        byte[] value = Session.bytes(Integer.toString(sent.size()));
        sent.add(producer.send(new ProducerRecord<>(topic, sent.size() % PARTITIONS, null, value)));
      }
    }

    void sendFor(double seconds) throws InterruptedException {
      for (long until = System.nanoTime() + (long) (seconds * 1e9); System.nanoTime() < until; Thread.sleep(20)) send(5);
    }

    /** How many: all are answered. */
    int all() throws Exception {
      for (var future : sent) future.get(90, TimeUnit.SECONDS);
      return sent.size();
    }

    @Override
    public void close() {
      producer.close();
    }
  }
}
