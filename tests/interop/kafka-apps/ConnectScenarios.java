import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.apache.kafka.connect.cli.ConnectDistributed;
import org.apache.kafka.connect.cli.ConnectStandalone;

/** Kafka Connect: lines go from a file through a topic into another file, while workers are stopped and killed. */
final class ConnectScenarios {
  private static final int SECONDS = 90;
  private static final String FILE_SOURCE = "org.apache.kafka.connect.file.FileStreamSourceConnector";
  private static final String FILE_SINK = "org.apache.kafka.connect.file.FileStreamSinkConnector";

  private ConnectScenarios() {}

  static void all(Interop interop) {
    interop.run("standalone", ConnectScenarios::standalone);
    interop.run("distributed-killed", session -> distributed(session, "distributed", 4, false));
    if (Session.FAULT_SECONDS > 0)
      interop.run("distributed-leader-killed", session -> distributed(session, "faults", Session.FAULT_SECONDS, true));
  }

  private static Map<String, Object> worker(Session session, Worker worker) {
    Map<String, Object> settings = new HashMap<>();
    settings.put("bootstrap.servers", session.bootstrap);
    settings.put("listeners", "http://127.0.0.1:" + worker.port);
    settings.put("plugin.discovery", "service_load");
    settings.put("key.converter", "org.apache.kafka.connect.storage.StringConverter");
    settings.put("value.converter", "org.apache.kafka.connect.storage.StringConverter");
    settings.put("offset.flush.interval.ms", 500);
    return settings;
  }

  private static Map<String, Object> source(Lines lines, String topic) {
    return Map.of("connector.class", FILE_SOURCE, "tasks.max", 1, "file", lines.file, "topic", topic);
  }

  private static Map<String, Object> sink(Path file, String topic) {
    return Map.of("connector.class", FILE_SINK, "tasks.max", 1, "file", file, "topics", topic,
        "consumer.override.isolation.level", "read_committed", "consumer.override.auto.offset.reset", "earliest",
        "consumer.override.session.timeout.ms", 6000, "consumer.override.heartbeat.interval.ms", 1000);
  }

  /** Stopped in order and started again, nothing is lost and nothing there twice: the files are equal. */
  private static void standalone(Session session) throws Exception {
    String topic = session.create("standalone");
    Scratch.with(scratch -> {
      Lines lines = new Lines(scratch.folder.resolve("in.txt"));
      Path out = scratch.folder.resolve("out.txt");
      var settings = worker(session, new Worker());
      settings.put("offset.storage.file.filename", scratch.folder.resolve("offsets"));
      settings.put("connector.client.config.override.policy", "All");
      var named = new HashMap<>(source(lines, topic));
      named.put("name", session.name("standalone-source"));
      String source = scratch.settings("source.properties", named);
      named = new HashMap<>(sink(out, topic));
      named.put("name", session.name("standalone-sink"));
      String sink = scratch.settings("sink.properties", named);
      String file = scratch.settings("worker.properties", settings);
      for (int run = 0; run < 2; run++) {
        lines.write(500);
        Child worker = scratch.start("standalone" + run, ConnectStandalone.class, file, source, sink);
        worker.await(SECONDS, () -> read(out).size() >= lines.count / 2, "lines in the file");
        lines.write(500);
        worker.await(SECONDS, () -> read(out).size() >= lines.count, "all lines in the file");
        worker.stop();
      }
      Check.equal(lines.written(), read(out), "lines");
      Check.equalBytes(Files.readAllBytes(lines.file), Files.readAllBytes(out), "the file");
    });
  }

  /** Two workers, of which each is killed once. The source is one of exactly-once: the topic has each line once. A sink
   * into a file has some lines again after a kill -9, as Connect says of it, but none is missing. */
  private static void distributed(Session session, String name, int seconds, boolean faults) throws Exception {
    String topic = session.create(name + "-lines");
    Scratch.with(scratch -> {
      Lines lines = new Lines(scratch.folder.resolve("in.txt"));
      Path out = scratch.folder.resolve("out.txt");
      Worker[] rest = {new Worker(), new Worker()};
      Child[] workers = new Child[2];
      for (int i = 0; i < 2; i++) workers[i] = start(session, scratch, name, i, rest[i]);
      workers[0].await(SECONDS, () -> rest[0].put(session.name(name + "-source"), source(lines, topic)), "a source");
      workers[0].await(SECONDS, () -> rest[0].put(session.name(name + "-sink"), sink(out, topic)), "a sink");
      lines.write(100);
      workers[0].await(SECONDS, () -> read(out).size() >= 100, "the first lines in the file");
      if (faults) System.out.println("faults " + topic);
      try {
        for (int i = 0; i < 2; i++) {
          lines.writeFor(seconds / 4.0);
          workers[i].kill();
          lines.writeFor(seconds / 4.0);
          workers[i] = start(session, scratch, name, i, rest[i]);
        }
      } finally {
        if (faults) System.out.println("faults over");
      }
      for (int i = 0; i < 2; i++) {
        int one = i;
        for (String connector : List.of("-source", "-sink"))
          workers[i].await(SECONDS, () -> rest[one].runs(session.name(name + connector)), "running " + name + connector);
      }
      lines.write(100);
      List<String> wanted = lines.written();
      workers[0].await(SECONDS, () -> {
        if (new TreeSet<>(read(out)).containsAll(wanted)) return true;
        for (String connector : List.of("-source", "-sink")) rest[0].runs(session.name(name + connector));
        return false;
      }, "all lines in the file");
      for (Child worker : workers) worker.stop();
      List<String> taken = new ArrayList<>();
      for (var record : session.read(topic, 0, Map.of("isolation.level", "read_committed")))
        taken.add(new String(record.value()));
      Check.equal(wanted, taken, "lines in the topic");
      Check.equal(new TreeSet<>(wanted), new TreeSet<>(read(out)), "lines in the file");
    });
  }

  private static Child start(Session session, Scratch scratch, String name, int number, Worker rest) throws Exception {
    var settings = worker(session, rest);
    settings.put("group.id", session.name(name + "-workers"));
    for (String store : List.of("config", "offset", "status")) {
      settings.put(store + ".storage.topic", session.name(name + "-" + store));
      settings.put(store + ".storage.replication.factor", Session.REPLICAS);
    }
    settings.put("offset.storage.partitions", 3);
    settings.put("status.storage.partitions", 3);
    settings.put("exactly.once.source.support", "enabled");
    settings.put("connector.client.config.override.policy", "All");
    settings.put("scheduled.rebalance.max.delay.ms", 1000);
    settings.put("session.timeout.ms", 6000);
    settings.put("heartbeat.interval.ms", 1000);
    String file = scratch.settings("worker" + number + ".properties", settings);
    return scratch.start(name + number + "-" + System.nanoTime(), ConnectDistributed.class, file);
  }

  /** Whole lines of a file; none when it is not there yet. */
  private static List<String> read(Path file) throws IOException {
    return Files.exists(file) ? Files.readAllLines(file) : Collections.emptyList();
  }

  /** A file that grows. */
  private static final class Lines {
    final Path file;
    int count = 0;

    Lines(Path file) throws IOException {
      this.file = file;
      Files.createFile(file);
    }

    void write(int more) throws IOException {
      StringBuilder text = new StringBuilder();
      for (int i = 0; i < more; i++) text.append(String.format("line %06d of the river%n", count++));
      Files.writeString(file, text, StandardOpenOption.APPEND);
    }

    void writeFor(double seconds) throws IOException, InterruptedException {
      for (long until = System.nanoTime() + (long) (seconds * 1e9); System.nanoTime() < until; Thread.sleep(20)) write(3);
    }

    List<String> written() throws IOException {
      return Files.readAllLines(file);
    }
  }
}
