import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.AlterConfigOp.OpType;
import org.apache.kafka.clients.admin.AlterConfigsOptions;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.DescribeConfigsOptions;
import org.apache.kafka.clients.admin.FeatureUpdate;
import org.apache.kafka.clients.admin.ListConfigResourcesOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.UpdateFeaturesOptions;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartitionReplica;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.errors.UnsupportedVersionException;

/** The Admin client's calls over everything that is served, and one over what is not. */
final class AdminScenarios {
  private AdminScenarios() {}

  static void all(Interop interop) {
    interop.run("alter-configs", AdminScenarios::alterConfigs);
    interop.run("alter-configs-refused", AdminScenarios::alterConfigsRefused);
    interop.run("alter-broker-configs", AdminScenarios::alterBrokerConfigs);
    interop.run("describe-configs", AdminScenarios::describeConfigs);
    interop.run("list-config-resources", AdminScenarios::listConfigResources);
    interop.run("describe-cluster", AdminScenarios::describeCluster);
    interop.run("describe-log-dirs", AdminScenarios::describeLogDirs);
    interop.run("list-offsets", AdminScenarios::listOffsets);
    interop.run("describe-features", AdminScenarios::features);
    interop.run("describe-quorum", AdminScenarios::quorum);
    interop.run("not-served-is-unsupported", AdminScenarios::notServed);
  }

  private static ConfigResource topicResource(String topic) {
    return new ConfigResource(ConfigResource.Type.TOPIC, topic);
  }

  private static ConfigResource brokerResource(Session session) throws Exception {
    int id = Session.get(session.admin.describeCluster().nodes()).iterator().next().id();
    return new ConfigResource(ConfigResource.Type.BROKER, Integer.toString(id));
  }

  private static Config describe(Session session, ConfigResource resource) throws Exception {
    return Session.get(session.admin.describeConfigs(List.of(resource)).all()).get(resource);
  }

  private static void await(Session session, ConfigResource resource, String key, String value) throws Exception {
    Session.soon(() -> {
      ConfigEntry entry = describe(session, resource).get(key);
      return entry != null && entry.value().equals(value);
    }, key + " is not " + value);
  }

  private static void alter(Session session, ConfigResource resource, OpType how, String key, String value) throws Exception {
    Collection<AlterConfigOp> ops = List.of(new AlterConfigOp(new ConfigEntry(key, value), how));
    Session.get(session.admin.incrementalAlterConfigs(Map.of(resource, ops)).all());
  }

  private static void alterConfigs(Session session) throws Exception {
    ConfigResource topic = topicResource(session.create("alter"));
    Check.equal("delete", describe(session, topic).get("cleanup.policy").value(), "cleanup.policy at first");
    alter(session, topic, OpType.SET, "retention.ms", "60000");
    alter(session, topic, OpType.APPEND, "cleanup.policy", "compact");
    await(session, topic, "retention.ms", "60000");
    await(session, topic, "cleanup.policy", "delete,compact");
    Config config = describe(session, topic);
    Check.equal("60000", config.get("retention.ms").value(), "retention.ms");
    Check.equal(ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG, config.get("retention.ms").source(), "source");
    Check.equal("delete,compact", config.get("cleanup.policy").value(), "cleanup.policy appended");
    alter(session, topic, OpType.SUBTRACT, "cleanup.policy", "delete");
    await(session, topic, "cleanup.policy", "compact");
    alter(session, topic, OpType.DELETE, "cleanup.policy", "");
    alter(session, topic, OpType.DELETE, "retention.ms", "");
    await(session, topic, "retention.ms", "604800000");
    config = describe(session, topic);
    Check.equal("604800000", config.get("retention.ms").value(), "retention.ms deleted");
    Check.equal(ConfigEntry.ConfigSource.DEFAULT_CONFIG, config.get("retention.ms").source(), "source deleted");
  }

  private static void alterConfigsRefused(Session session) throws Exception {
    ConfigResource topic = topicResource(session.create("alter-refused"));
    Check.refused(InvalidConfigurationException.class,
        () -> { alter(session, topic, OpType.SET, "retention.ms", "soon"); return ""; }, "bad value");
    Check.refused(InvalidConfigurationException.class,
        () -> { alter(session, topic, OpType.SET, "no.such.key", "1"); return ""; }, "unknown key");
    Check.refused(UnknownTopicOrPartitionException.class, () -> {
      alter(session, topicResource(session.name("none")), OpType.SET, "retention.ms", "1");
      return "";
    }, "unknown topic");
    Collection<AlterConfigOp> ops = List.of(new AlterConfigOp(new ConfigEntry("retention.ms", "7"), OpType.SET));
    Session.get(session.admin.incrementalAlterConfigs(Map.of(topic, ops), new AlterConfigsOptions().validateOnly(true)).all());
    Check.equal("604800000", describe(session, topic).get("retention.ms").value(), "after validateOnly");
  }

  private static void alterBrokerConfigs(Session session) throws Exception {
    for (ConfigResource broker : List.of(brokerResource(session), new ConfigResource(ConfigResource.Type.BROKER, ""))) {
      alter(session, broker, OpType.SET, "message.max.bytes", "1048999");
      await(session, broker, "message.max.bytes", "1048999");
      alter(session, broker, OpType.DELETE, "message.max.bytes", "");
    }
    await(session, brokerResource(session), "message.max.bytes", "1048588");
  }

  private static void describeConfigs(Session session) throws Exception {
    ConfigResource topic = topicResource(session.create("describe-configs"));
    var options = new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(true);
    Config config = Session.get(session.admin.describeConfigs(List.of(topic), options).all()).get(topic);
    Check.that(config.entries().size() >= 25, "only " + config.entries().size() + " entries");
    ConfigEntry size = config.get("max.message.bytes");
    Check.equal("1048588", size.value(), "max.message.bytes");
    Check.equal(ConfigEntry.ConfigType.INT, size.type(), "type");
    Check.that(!size.synonyms().isEmpty() && !size.documentation().isEmpty(), "no synonyms or documentation");
    Config broker = describe(session, brokerResource(session));
    Check.that(broker.entries().size() >= 50, "only " + broker.entries().size() + " entries of the broker");
    Check.that(broker.get("node.id").isReadOnly(), "node.id can be written");
  }

  private static void listConfigResources(Session session) throws Exception {
    String topic = session.create("list-configs");
    var topics = Session.get(session.admin.listConfigResources(Set.of(ConfigResource.Type.TOPIC),
        new ListConfigResourcesOptions()).all());
    Check.that(topics.contains(topicResource(topic)), "the topic is not listed");
    Check.that(Session.get(session.admin.listConfigResources().all()).contains(brokerResource(session)), "no broker");
  }

  private static void describeCluster(Session session) throws Exception {
    var cluster = session.admin.describeCluster();
    Check.equal(Session.REPLICAS, Session.get(cluster.nodes()).size(), "nodes");
    Check.that(!Session.get(cluster.clusterId()).isEmpty(), "no cluster id");
    var controller = Session.get(cluster.controller());
    Check.that(List.of(session.bootstrap.split(",")).contains(controller.host() + ":" + controller.port()),
        "controller " + controller);
  }

  private static void describeLogDirs(Session session) throws Exception {
    String topic = session.create("log-dirs");
    session.produce(Session.records(topic, 100, 3), Map.of());
    int broker = Integer.parseInt(brokerResource(session).name());
    var dirs = Session.get(session.admin.describeLogDirs(List.of(broker)).allDescriptions()).get(broker);
    long size = dirs.values().stream().filter(dir -> dir.replicaInfos().containsKey(Session.at(topic)))
                    .mapToLong(dir -> dir.replicaInfos().get(Session.at(topic)).size()).sum();
    Check.that(size > 5000, "size " + size);
    Check.that(dirs.values().iterator().next().totalBytes().orElse(0) > 0, "no total bytes");
    var replica = new TopicPartitionReplica(topic, 0, broker);
    Check.equal(dirs.keySet().iterator().next(),
        Session.get(session.admin.describeReplicaLogDirs(List.of(replica)).values().get(replica)).getCurrentReplicaLogDir(),
        "the replica's folder");
  }

  private static void listOffsets(Session session) throws Exception {
    String topic = session.create("list-offsets");
    List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
    for (long time : new long[] {1000, 5000, 3000}) records.add(new ProducerRecord<>(topic, 0, time, null, new byte[9]));
    session.produce(records, Map.of());
    Check.equal(0L, session.offset(topic, OffsetSpec.earliest()), "earliest");
    Check.equal(3L, session.offset(topic, OffsetSpec.latest()), "latest");
    Check.equal(1L, session.offset(topic, OffsetSpec.maxTimestamp()), "max timestamp");
    Check.equal(1L, session.offset(topic, OffsetSpec.forTimestamp(1001)), "for timestamp 1001");
    Check.equal(-1L, session.offset(topic, OffsetSpec.forTimestamp(5001)), "for timestamp 5001");
    Check.equal(0L, session.offset(topic, OffsetSpec.earliestLocal()), "earliest local");
    Check.equal(-1L, session.offset(topic, OffsetSpec.latestTiered()), "latest tiered");
    Check.equal(-1L, session.offset(topic, OffsetSpec.earliestPendingUpload()), "earliest pending upload");
    Check.refused(UnknownTopicOrPartitionException.class,
        () -> session.admin.listOffsets(Map.of(Session.at(session.name("none")), OffsetSpec.latest()),
            new org.apache.kafka.clients.admin.ListOffsetsOptions().timeoutMs(2000))
            .partitionResult(Session.at(session.name("none"))).get(), "unknown topic");
  }

  private static void features(Session session) throws Exception {
    var features = Session.get(session.admin.describeFeatures().featureMetadata());
    Check.that(features.finalizedFeatures().containsKey("metadata.version"), "metadata.version is not finalized");
    Check.that(features.finalizedFeaturesEpoch().isPresent(), "no epoch");
    short level = features.finalizedFeatures().get("metadata.version").maxVersionLevel();
    var same = Map.of("metadata.version", new FeatureUpdate(level, FeatureUpdate.UpgradeType.UPGRADE));
    Session.get(session.admin.updateFeatures(same, new UpdateFeaturesOptions().validateOnly(true)).all());
    Session.get(session.admin.updateFeatures(same, new UpdateFeaturesOptions()).all());
  }

  private static void quorum(Session session) throws Exception {
    var quorum = Session.get(session.admin.describeMetadataQuorum().quorumInfo());
    Check.equal(Session.REPLICAS, quorum.voters().size(), "voters");
    Check.that(quorum.voters().stream().anyMatch(voter -> voter.replicaId() == quorum.leaderId()), "the leader is no voter");
    Check.that(quorum.highWatermark() > 0, "high watermark " + quorum.highWatermark());
  }

  /** What this broker does not advertise is refused by the client itself, at once. */
  private static void notServed(Session session) {
    Check.refused(UnsupportedVersionException.class,
        () -> Session.get(session.admin.describeClientQuotas(org.apache.kafka.common.quota.ClientQuotaFilter.all()).entities()),
        "quotas");
  }
}
