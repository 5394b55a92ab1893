import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Every record of one topic goes into two others, by members of a group that commit its offsets in their producers'
 * transactions. A member begins anew, with its producer, after every error and after each abort. */
final class Move {
  static final int PARTITIONS = 4;
  private static final int MOVERS = 2;
  private static final int SECONDS = 60;
  private static final Map<String, Object> COMMITTED = Map.of("isolation.level", "read_committed");

  final String source;
  private final Session session;
  private final String group;
  private final String protocol;
  private final int count;
  private final List<String> sinks;
  private final List<Thread> threads = new ArrayList<>();
  private final List<String> errors = new ArrayList<>();
  private volatile boolean done = false;
  private volatile long pauseMillis;  // behind each transaction

  Move(Session session, String name, String protocol, int count, long pauseMillis) throws Exception {
    this.session = session;
    this.group = session.name(name);
    this.protocol = protocol;
    this.count = count;
    this.pauseMillis = pauseMillis;
    this.source = session.create(name + "-in", PARTITIONS, Map.of());
    this.sinks = List.of(session.create(name + "-out"), session.create(name + "-copy"));
    List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
    for (int i = 0; i < count; i++)
      records.add(new ProducerRecord<>(source, i % PARTITIONS, null, Session.bytes(Integer.toString(i))));
    session.produce(records, Map.of());
    for (int mover = 0; mover < MOVERS; mover++) {
      String id = group + "-" + mover;
      threads.add(new Thread(() -> run(id)));
    }
    threads.forEach(Thread::start);
  }

  void hurry() {
    pauseMillis = 0;
  }

  /** All are moved within some time, each once. */
  void check() throws Exception {
    long until = System.nanoTime() + Duration.ofSeconds(SECONDS).toNanos();
    try {
      while (moved(sinks.get(0)).size() < count) {
        synchronized (errors) {
          Check.that(System.nanoTime() < until, moved(sinks.get(0)).size() + " of " + count + " are moved; " + errors.size()
              + " errors: " + errors.subList(Math.max(0, errors.size() - 3), errors.size()));
        }
        Thread.sleep(200);
      }
    } finally {
      done = true;
      for (Thread thread : threads) thread.join();
    }
    Map<Integer, Integer> wanted = new TreeMap<>();
    for (int i = 0; i < count; i++) wanted.put(i, 1);
    for (String sink : sinks) Check.equal(wanted, moved(sink), "each number, once, in " + sink);
  }

  private Map<Integer, Integer> moved(String sink) {
    Map<Integer, Integer> moved = new TreeMap<>();
    for (var record : session.read(sink, 0, COMMITTED)) moved.merge(Integer.parseInt(new String(record.value())), 1, Integer::sum);
    return moved;
  }

  private void run(String id) {
    while (!done) {
      try (var producer = session.producer(Map.of("transactional.id", id, "transaction.timeout.ms", 30000, "max.block.ms", 20000,
               "request.timeout.ms", 5000, "reconnect.backoff.max.ms", 200, "linger.ms", 2));
           var member = session.consumer(memberSettings())) {
        producer.initTransactions();
        member.subscribe(List.of(source));
        move(producer, member);
      } catch (Exception error) {
        synchronized (errors) {
          errors.add(error.toString());
        }
      }
    }
  }

  private Map<String, Object> memberSettings() {
    Map<String, Object> settings = new HashMap<>(COMMITTED);
    settings.put("group.id", group);
    settings.put("group.protocol", protocol);
    settings.put("auto.offset.reset", "earliest");
    settings.put("max.poll.records", 10);
    settings.put("reconnect.backoff.max.ms", 200);
    if (protocol.equals("classic")) {
      settings.put("session.timeout.ms", 6000);
      settings.put("heartbeat.interval.ms", 500);
    }
    return settings;
  }

  /** Until an error, or an abort now and then. */
  private void move(KafkaProducer<byte[], byte[]> producer, KafkaConsumer<byte[], byte[]> member) throws InterruptedException {
    for (int turn = 1; !done;) {
      ConsumerRecords<byte[], byte[]> records = member.poll(Duration.ofMillis(200));
      if (records.isEmpty()) continue;
      producer.beginTransaction();
      for (var record : records)
        for (String sink : sinks) producer.send(new ProducerRecord<>(sink, 0, null, record.value()));
      producer.sendOffsetsToTransaction(records.nextOffsets(), member.groupMetadata());
      if (++turn % 7 == 0) {
        producer.abortTransaction();
        return;
      }
      producer.commitTransaction();
      Thread.sleep(pauseMillis);
    }
  }
}
