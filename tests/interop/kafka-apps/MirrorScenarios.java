import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.connect.mirror.MirrorMaker;

/** MirrorMaker 2 from this cluster to the one at MOLDAU_TEST_SECOND: topics, their settings and records, groups' offsets. */
final class MirrorScenarios {
  private static final int PARTITIONS = 2;
  private static final int SECONDS = 90;
  private static final String PREFIX = "first.";

  private MirrorScenarios() {}

  static void all(Interop interop) {
    interop.run("mirror-killed", MirrorScenarios::mirror);
  }

  private static String settings(Session session, Scratch scratch, String second) throws Exception {
    Map<String, Object> settings = new HashMap<>();
    settings.put("clusters", "first,second");
    settings.put("first.bootstrap.servers", session.bootstrap);
    settings.put("second.bootstrap.servers", second);
    settings.put("first->second.enabled", true);
    settings.put("second->first.enabled", false);
    settings.put("topics", session.name("") + ".*");
    settings.put("groups", session.name("") + ".*");
    settings.put("tasks.max", 2);
    for (String topic : List.of("", "checkpoints.topic.", "heartbeats.topic.", "offset-syncs.topic.",
             "offset.storage.", "status.storage.", "config.storage."))
      settings.put(topic + "replication.factor", topic.startsWith("offset-syncs") ? Session.REPLICAS : 1);
    settings.put("refresh.topics.interval.seconds", 1);
    settings.put("refresh.groups.interval.seconds", 1);
    settings.put("sync.topic.configs.interval.seconds", 1);
    settings.put("sync.group.offsets.enabled", true);
    settings.put("sync.group.offsets.interval.seconds", 1);
    settings.put("emit.checkpoints.interval.seconds", 1);
    settings.put("emit.heartbeats.interval.seconds", 1);
    settings.put("offset.lag.max", 0);
    settings.put("offset.flush.interval.ms", 500);
    settings.put("plugin.discovery", "service_load");
    settings.put("second.session.timeout.ms", 6000);
    settings.put("second.heartbeat.interval.ms", 1000);
    settings.put("second.scheduled.rebalance.max.delay.ms", 1000);
    return scratch.settings("mirror.properties", settings);
  }

  /** Topics that are there, one that comes later, one that grows; MirrorMaker is killed and started again meanwhile. */
  private static void mirror(Session first) throws Exception {
    String bootstrap = System.getenv("MOLDAU_TEST_SECOND");
    Check.that(bootstrap != null, "MOLDAU_TEST_SECOND does not tell of a second cluster");
    String topic = first.create("one", PARTITIONS, Map.of("retention.ms", "7200000"));
    produce(first, topic, 0, 300);
    commit(first, topic, 300);
    try (Session second = new Session(bootstrap, PREFIX)) {
      Scratch.with(scratch -> {
        String file = settings(first, scratch, bootstrap);
        String copy = second.name(topic);
        Child mirror = scratch.start("mirror0", MirrorMaker.class, file);
        mirror.await(SECONDS, () -> exists(second, copy) && count(second, copy) >= 300, "copies of the first records");
        mirror.await(SECONDS, () -> "7200000".equals(retention(second, copy)), "the topic's settings");
        mirror.await(SECONDS, () -> offset(second, first.name("readers"), copy) == 300, "the group's offsets");

        produce(first, topic, 300, 400);
        mirror.kill();
        produce(first, topic, 400, 500);
        String later = first.create("two");
        produce(first, later, 0, 50);
        commit(first, topic, 500);
        Child again = scratch.start("mirror1", MirrorMaker.class, file);
        again.await(SECONDS, () -> holds(second, copy, 500), "copies of all records");
        String laterCopy = second.name(later);
        again.await(SECONDS, () -> exists(second, laterCopy) && holds(second, laterCopy, 50), "the later topic");
        Session.get(first.admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(PARTITIONS + 1))).all());
        again.await(SECONDS, () -> partitions(second, copy) == PARTITIONS + 1, "the new partition");
        alter(first, topic, "retention.ms", "3600000");
        again.await(SECONDS, () -> "3600000".equals(retention(second, copy)), "the changed settings");
        again.stop();

        for (int partition = 0; partition < PARTITIONS; partition++)
          compare(read(first, topic, partition), read(second, copy, partition));
        resume(second, first.name("readers"), copy);
      });
    }
  }

  private static void produce(Session session, String topic, int from, int until) throws Exception {
    int partitions = partitions(session, topic);
    List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
    for (int i = from; i < until; i++) {
      var record = new ProducerRecord<>(topic, i % partitions, Session.bytes("k" + i), Session.bytes("v" + i));
      record.headers().add("place", Session.bytes("" + i));
      records.add(record);
    }
    session.produce(records, Map.of("compression.type", "lz4", "enable.idempotence", true));
  }

  /** A group has read so many records of the topic. */
  private static void commit(Session session, String topic, int count) {
    Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
    for (int i = 0; i < PARTITIONS; i++)
      offsets.put(new TopicPartition(topic, i), new OffsetAndMetadata(count / PARTITIONS, "of the first"));
    try (var consumer = session.consumer(Map.of("group.id", session.name("readers")))) {
      consumer.commitSync(offsets);
    }
  }

  private static boolean exists(Session session, String topic) throws Exception {
    return Session.get(session.admin.listTopics().names()).contains(topic);
  }

  private static int partitions(Session session, String topic) throws Exception {
    return Session.get(session.admin.describeTopics(List.of(topic)).allTopicNames()).get(topic).partitions().size();
  }

  private static String retention(Session session, String topic) throws Exception {
    var resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
    return Session.get(session.admin.describeConfigs(List.of(resource)).all()).get(resource).get("retention.ms").value();
  }

  private static void alter(Session session, String topic, String key, String value) throws Exception {
    var resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
    var set = new AlterConfigOp(new ConfigEntry(key, value), AlterConfigOp.OpType.SET);
    Session.get(session.admin.incrementalAlterConfigs(Map.of(resource, List.of(set))).all());
  }

  private static List<ConsumerRecord<byte[], byte[]>> read(Session session, String topic, int partition) {
    return session.read(new TopicPartition(topic, partition), 0, Map.of());
  }

  private static int count(Session session, String topic) throws Exception {
    int count = 0;
    for (int i = 0; i < partitions(session, topic); i++) count += read(session, topic, i).size();
    return count;
  }

  /** All of the values "v0", "v1", … are there, which may be so more than once after a kill -9. */
  private static boolean holds(Session session, String topic, int count) throws Exception {
    var values = new java.util.HashSet<String>();
    for (int i = 0; i < partitions(session, topic); i++)
      for (var record : read(session, topic, i)) values.add(new String(record.value()));
    return values.size() == count;
  }

  /** Sum of what a group has committed for a topic. */
  private static long offset(Session session, String group, String topic) throws Exception {
    var offsets = Session.get(session.admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata());
    long sum = 0;
    for (var entry : offsets.entrySet())
      if (entry.getKey().topic().equals(topic) && entry.getValue() != null) sum += entry.getValue().offset();
    return sum;
  }

  /** The copies are the records in their order, with keys, headers and times; after a kill -9 some are there again. */
  private static void compare(List<ConsumerRecord<byte[], byte[]>> records, List<ConsumerRecord<byte[], byte[]>> copies) {
    int next = 0;
    for (var copy : copies) {
      int number = Integer.parseInt(new String(copy.value()).substring(1)) / PARTITIONS;
      Check.that(number <= next, "copy " + number + " came before " + next);
      next = Math.max(next, number + 1);
      var record = records.get(number);
      Check.equalBytes(record.key(), copy.key(), "key");
      Check.equal(record.headers(), copy.headers(), "headers");
      Check.equal(record.timestamp(), copy.timestamp(), "timestamp");
    }
    Check.equal(records.size(), next, "copies");
  }

  /** A member of the group at the second cluster goes on behind what was read at the first: it sees nothing again. */
  private static void resume(Session second, String group, String topic) throws Exception {
    try (var member = second.consumer(Map.of("group.id", group, "auto.offset.reset", "earliest"))) {
      member.assign(List.of(new TopicPartition(topic, 0), new TopicPartition(topic, 1)));
      for (var partition : member.assignment()) {
        Optional<OffsetAndMetadata> committed = Optional.ofNullable(member.committed(java.util.Set.of(partition)).get(partition));
        Check.that(committed.isPresent(), "no offset of " + partition);
        long end = member.endOffsets(List.of(partition)).get(partition);
        Check.that(committed.get().offset() <= end, "offset " + committed.get().offset() + " beyond the end " + end);
      }
    }
  }
}
