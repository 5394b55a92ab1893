import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** Members of groups: sharing, committing, coming back, with both protocols and from one to the other. */
final class GroupScenarios {
  private static final int PARTITIONS = 4;

  private GroupScenarios() {}

  static void all(Interop interop) {
    for (String protocol : List.of("classic", "consumer")) {
      interop.run("group-shares-and-resumes-" + protocol, session -> sharesAndResumes(session, protocol));
      interop.run("group-pattern-" + protocol, session -> pattern(session, protocol));
    }
    interop.run("group-changes-protocol", GroupScenarios::changesProtocol);
  }

  private static Consumer<byte[], byte[]> member(Session session, String group, String protocol) {
    Map<String, Object> settings = new HashMap<>(Map.of("group.id", session.name(group), "group.protocol", protocol,
        "auto.offset.reset", "earliest", "enable.auto.commit", false, "metadata.max.age.ms", 1000));
    if (protocol.equals("classic")) settings.put("heartbeat.interval.ms", 500);
    return session.consumer(settings);
  }

  private static void produce(Session session, String topic, int from, int until) throws Exception {
    List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
    for (int i = from; i < until; i++)
      records.add(new ProducerRecord<>(topic, i % PARTITIONS, null, Session.bytes("v" + i)));
    session.produce(records, Map.of());
  }

  /** All of them poll in turn until so many values were seen, and each has some partition. */
  private static Set<String> poll(List<Consumer<byte[], byte[]>> members, int values) {
    Set<String> seen = new HashSet<>();
    long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    while (System.nanoTime() < deadline) {
      Set<TopicPartition> assigned = new HashSet<>();
      int total = 0;
      boolean all = true;
      for (var member : members) {
        for (var record : member.poll(Duration.ofMillis(100))) seen.add(new String(record.value()));
        assigned.addAll(member.assignment());
        total += member.assignment().size();
        all &= !member.assignment().isEmpty();
      }
      if (all && seen.size() >= values && total == assigned.size() && total >= PARTITIONS) break;
    }
    return seen;
  }

  private static void sharesAndResumes(Session session, String protocol) throws Exception {
    String topic = session.create("shared-" + protocol, PARTITIONS, Map.of());
    produce(session, topic, 0, 100);
    try (var first = member(session, "g-" + protocol, protocol); var second = member(session, "g-" + protocol, protocol)) {
      first.subscribe(List.of(topic));
      Check.equal(100, poll(List.of(first), 100).size(), "values of one member");
      first.commitSync();
      second.subscribe(List.of(topic));
      poll(List.of(first, second), 0);
      Check.equal(2, first.assignment().size(), "partitions of the first");
      Check.equal(2, second.assignment().size(), "partitions of the second");
      produce(session, topic, 100, 140);
      Check.equal(40, poll(List.of(first, second), 40).size(), "values of two members");
      first.commitSync();
      second.commitSync();
    }
    try (var third = member(session, "g-" + protocol, protocol)) {
      third.subscribe(List.of(topic));
      produce(session, topic, 140, 144);
      Check.equal(4, poll(List.of(third), 4).size(), "values since the last commit");
    }
  }

  private static void pattern(Session session, String protocol) throws Exception {
    String topic = session.create("pattern-" + protocol + "-one", PARTITIONS, Map.of());
    produce(session, topic, 0, 8);
    try (var member = member(session, "p-" + protocol, protocol)) {
      member.subscribe(Pattern.compile(Pattern.quote(session.name("pattern-" + protocol)) + "-.*"));
      Check.equal(8, poll(List.of(member), 8).size(), "values of a topic that matches");
      member.commitSync();
      String later = session.create("pattern-" + protocol + "-two", PARTITIONS, Map.of());
      produce(session, later, 8, 12);
      Check.equal(4, poll(List.of(member), 4).size(), "values of a topic that came later");
    }
  }

  private static void changesProtocol(Session session) throws Exception {
    String topic = session.create("changes", PARTITIONS, Map.of());
    produce(session, topic, 0, 40);
    try (var old = member(session, "changes", "classic")) {
      old.subscribe(List.of(topic));
      Check.equal(40, poll(List.of(old), 40).size(), "values of the classic member");
      old.commitSync();
      try (var modern = member(session, "changes", "consumer")) {
        modern.subscribe(List.of(topic));
        poll(List.of(old, modern), 0);
        Check.equal(2, old.assignment().size(), "partitions of the classic member");
        Check.equal(2, modern.assignment().size(), "partitions of the other");
        produce(session, topic, 40, 60);
        Check.equal(20, poll(List.of(old, modern), 20).size(), "values of both");
        old.commitSync();
        modern.commitSync();
      }
      produce(session, topic, 60, 80);
      Check.equal(20, poll(List.of(old), 20).size(), "values of the classic member, alone again");
      Check.equal(PARTITIONS, old.assignment().size(), "partitions of the classic member, alone again");
    }
  }
}
