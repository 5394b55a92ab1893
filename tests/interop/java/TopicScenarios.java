import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.errors.InvalidReplicationFactorException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.OffsetOutOfRangeException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicIdException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/** A topic's life: created, listed, described, grown, its records deleted, deleted. */
final class TopicScenarios {
  private static final short REPLICAS = (short) Session.REPLICAS;

  private TopicScenarios() {}

  static void all(Interop interop) {
    interop.run("create-topic", TopicScenarios::create);
    interop.run("create-topic-refused", TopicScenarios::createRefused);
    interop.run("describe-topics", TopicScenarios::describe);
    interop.run("create-partitions", TopicScenarios::grow);
    interop.run("delete-records", TopicScenarios::deleteRecords);
    interop.run("delete-topic", TopicScenarios::delete);
  }

  private static void create(Session session) throws Exception {
    String topic = session.name("create");
    var wish = List.of(new NewTopic(topic, 3, REPLICAS).configs(Map.of("retention.ms", "3600000")));
    var trial = session.admin.createTopics(wish, new CreateTopicsOptions().validateOnly(true));
    Session.get(trial.all());
    Check.that(!Session.get(session.admin.listTopics().names()).contains(topic), "validateOnly created the topic");
    var created = session.admin.createTopics(wish);
    Session.get(created.all());
    Check.equal(3, Session.get(created.numPartitions(topic)), "partitions");
    Check.equal((int) REPLICAS, Session.get(created.replicationFactor(topic)), "replication factor");
    Check.that(!Session.get(created.topicId(topic)).equals(Uuid.ZERO_UUID), "no topic id");
    Check.equal("3600000", Session.get(created.config(topic)).get("retention.ms").value(), "retention.ms");
    Session.soon(() -> Session.get(session.admin.listTopics().names()).contains(topic), "the topic is not listed");
    Check.refused(TopicExistsException.class, () -> Session.get(session.admin.createTopics(wish).all()), "twice");
  }

  private static void refused(Session session, Class<? extends Exception> error, NewTopic topic) {
    Check.refused(error, () -> Session.get(session.admin.createTopics(List.of(topic)).all()), topic.toString());
  }

  private static void createRefused(Session session) {
    refused(session, InvalidTopicException.class, new NewTopic("what/is this", 1, (short) 1));
    refused(session, InvalidTopicException.class, new NewTopic("x".repeat(250), 1, (short) 1));
    refused(session, InvalidPartitionsException.class, new NewTopic(session.name("no"), 0, (short) 1));
    refused(session, InvalidReplicationFactorException.class, new NewTopic(session.name("no"), 1, (short) 4));
    refused(session, InvalidConfigurationException.class,
        new NewTopic(session.name("no"), 1, (short) 1).configs(Map.of("retention.ms", "long")));
    refused(session, InvalidConfigurationException.class,
        new NewTopic(session.name("no"), 1, (short) 1).configs(Map.of("no.such.key", "1")));
  }

  private static void describe(Session session) throws Exception {
    String topic = session.create("describe", 5, Map.of());
    var byName = Session.get(session.admin.describeTopics(List.of(topic)).allTopicNames()).get(topic);
    Check.equal(5, byName.partitions().size(), "partitions");
    Check.equal(Session.REPLICAS, byName.partitions().get(4).isr().size(), "in-sync replicas");
    Check.that(byName.partitions().get(0).leader() != null, "no leader");
    var byId = Session.get(session.admin.describeTopics(TopicCollection.ofTopicIds(List.of(byName.topicId())))
                               .allTopicIds()).get(byName.topicId());
    Check.equal(byName.name(), byId.name(), "name by id");
    Check.equal(byName.partitions().size(), byId.partitions().size(), "partitions by id");
    Check.refused(UnknownTopicOrPartitionException.class,
        () -> Session.get(session.admin.describeTopics(List.of(session.name("none"))).allTopicNames()), "unknown name");
    Check.refused(UnknownTopicIdException.class, () -> Session.get(session.admin.describeTopics(
        TopicCollection.ofTopicIds(List.of(Uuid.randomUuid()))).allTopicIds()), "unknown id");
  }

  private static void grow(Session session) throws Exception {
    String topic = session.create("grow", 2, Map.of());
    Session.get(session.admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(4))).all());
    Session.soon(() -> Session.get(session.admin.describeTopics(List.of(topic)).allTopicNames()).get(topic).partitions().size() == 4,
        "not four partitions");
    Check.refused(InvalidPartitionsException.class,
        () -> Session.get(session.admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(3))).all()), "fewer");
  }

  private static void deleteRecords(Session session) throws Exception {
    String topic = session.create("delete-records");
    var records = Session.records(topic, 100, 4);
    session.produce(records, Map.of("batch.size", 500));
    Check.equal(47L, deleteBefore(session, topic, 47), "low watermark");
    Check.equal(47L, session.offset(topic, OffsetSpec.earliest()), "earliest offset");
    Session.compare(records.subList(47, 100), session.read(topic, 47, Map.of()), 47);
    Check.refused(OffsetOutOfRangeException.class, () -> deleteBefore(session, topic, 101), "beyond the end");
    Check.equal(100L, deleteBefore(session, topic, -1), "low watermark after all");
    Check.equal(0, session.read(topic, 100, Map.of()).size(), "records left");
    session.produce(records.subList(0, 1), Map.of());
    Session.compare(records.subList(0, 1), session.read(topic, 100, Map.of()), 100);
  }

  private static long deleteBefore(Session session, String topic, long offset) throws Exception {
    var deleted = session.admin.deleteRecords(Map.of(Session.at(topic), RecordsToDelete.beforeOffset(offset)));
    return Session.get(deleted.lowWatermarks().get(Session.at(topic))).lowWatermark();
  }

  private static void delete(Session session) throws Exception {
    String topic = session.create("delete");
    session.produce(Session.records(topic, 50, 2), Map.of());
    Session.get(session.admin.deleteTopics(List.of(topic)).all());
    Session.soon(() -> !Session.get(session.admin.listTopics().names()).contains(topic), "the topic is still listed");
    Check.refused(UnknownTopicOrPartitionException.class,
        () -> Session.get(session.admin.deleteTopics(List.of(topic)).all()), "twice");
    session.create("delete");
    Check.equal(0L, session.offset(topic, OffsetSpec.latest()), "end of the new topic of this name");
    var id = Session.get(session.admin.describeTopics(List.of(topic)).allTopicNames()).get(topic).topicId();
    Session.get(session.admin.deleteTopics(TopicCollection.ofTopicIds(Set.of(id))).all());
    Check.refused(UnknownTopicIdException.class,
        () -> Session.get(session.admin.deleteTopics(TopicCollection.ofTopicIds(Set.of(id))).all()), "id twice");
  }
}
