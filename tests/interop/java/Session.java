import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** The broker under test, an Admin for it, and the few verbs that scenarios are made of. */
final class Session implements AutoCloseable {
  static final int MIB = 1 << 20;
  /** Of each topic: as many as there are nodes. */
  static final int REPLICAS = Integer.parseInt(System.getenv().getOrDefault("MOLDAU_TEST_REPLICAS", "1"));
  /** How long leaders are killed; 0: they are not. */
  static final int FAULT_SECONDS = Integer.parseInt(System.getenv().getOrDefault("MOLDAU_TEST_FAULT_SECONDS", "0"));
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  final String bootstrap;
  final Admin admin;
  private final String prefix;

  Session(String bootstrap, String prefix) {
    this.bootstrap = bootstrap;
    this.prefix = prefix;
    this.admin = Admin.create(Map.of("bootstrap.servers", bootstrap, "default.api.timeout.ms", 30000));
  }

  @Override
  public void close() {
    admin.close(Duration.ofSeconds(5));
  }

  static <T> T get(Future<T> future) throws Exception {
    return future.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
  }

  /** Met within some time: several nodes do not hear of a change at the same moment. */
  static void soon(Callable<Boolean> met, String demand) throws Exception {
    await(met, REPLICAS > 1 ? Duration.ofSeconds(10) : Duration.ZERO, demand);
  }

  /** Within a time, on one node too: what is answered before it is done everywhere. */
  static void eventually(Callable<Boolean> met, String demand) throws Exception {
    await(met, Duration.ofSeconds(10), demand);
  }

  private static void await(Callable<Boolean> met, Duration time, String demand) throws Exception {
    long deadline = System.nanoTime() + time.toNanos();
    while (!met.call() && System.nanoTime() < deadline) Thread.sleep(50);
    Check.that(met.call(), demand);
  }

  /** A fresh topic's name. */
  String create(String name, int partitions, Map<String, String> configs) throws Exception {
    String topic = prefix + name;
    get(admin.createTopics(List.of(new NewTopic(topic, Optional.of(partitions), Optional.empty()).configs(configs)))
            .all());
    if (REPLICAS > 1) Thread.sleep(200);  // by then all nodes have heard of it
    return topic;
  }

  String create(String name) throws Exception {
    return create(name, 1, Map.of());
  }

  String name(String name) {
    return prefix + name;
  }

  static TopicPartition at(String topic) {
    return new TopicPartition(topic, 0);
  }

  static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** Records whose values compress in part; the same seed gives the same records. */
  static List<ProducerRecord<byte[], byte[]>> records(String topic, int count, int seed) {
    Random random = new Random(seed);
    List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      byte[] noise = new byte[60];
      random.nextBytes(noise);
      byte[] value = bytes("value " + i + new String(noise, StandardCharsets.ISO_8859_1) + "river ".repeat(12));
      records.add(new ProducerRecord<>(topic, 0, bytes("key " + i), value));
    }
    return records;
  }

  KafkaProducer<byte[], byte[]> producer(Map<String, Object> settings) {
    Map<String, Object> all = new java.util.HashMap<>(Map.of("bootstrap.servers", bootstrap, "linger.ms", 5,
        "delivery.timeout.ms", 30000, "request.timeout.ms", 20000, "max.request.size", 8 * MIB));
    all.putAll(settings);
    return new KafkaProducer<>(all, new ByteArraySerializer(), new ByteArraySerializer());
  }

  /** Sends all and waits for every answer; the offsets that the answers gave. */
  List<Long> produce(List<ProducerRecord<byte[], byte[]>> records, Map<String, Object> settings) throws Exception {
    try (var producer = producer(settings)) {
      List<Future<org.apache.kafka.clients.producer.RecordMetadata>> sent = new ArrayList<>();
      for (var record : records) sent.add(producer.send(record));
      List<Long> offsets = new ArrayList<>();
      for (var future : sent) offsets.add(get(future).offset());
      return offsets;
    }
  }

  KafkaConsumer<byte[], byte[]> consumer(Map<String, Object> settings) {
    Map<String, Object> all = new java.util.HashMap<>(Map.of("bootstrap.servers", bootstrap, "auto.offset.reset", "none",
        "enable.auto.commit", false, "fetch.max.wait.ms", 50, "default.api.timeout.ms", 30000));
    all.putAll(settings);
    return new KafkaConsumer<>(all, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  /** All records of partition 0 from an offset to the end. */
  List<ConsumerRecord<byte[], byte[]>> read(String topic, long from, Map<String, Object> settings) {
    return read(at(topic), from, settings);
  }

  /** All records of a partition from an offset to the end. */
  List<ConsumerRecord<byte[], byte[]>> read(TopicPartition partition, long from, Map<String, Object> settings) {
    try (var consumer = consumer(settings)) {
      consumer.assign(List.of(partition));
      consumer.seek(partition, from);
      return toEnd(consumer, partition);
    }
  }

  List<ConsumerRecord<byte[], byte[]>> read(String topic) {
    return read(topic, 0, Map.of());
  }

  static List<ConsumerRecord<byte[], byte[]>> toEnd(Consumer<byte[], byte[]> consumer, String topic) {
    return toEnd(consumer, at(topic));
  }

  static List<ConsumerRecord<byte[], byte[]>> toEnd(Consumer<byte[], byte[]> consumer, TopicPartition partition) {
    long end = consumer.endOffsets(List.of(partition)).get(partition);
    List<ConsumerRecord<byte[], byte[]>> read = new ArrayList<>();
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (consumer.position(partition) < end) {
      Check.that(System.nanoTime() < deadline, partition + " was not read to " + end + ": at " + consumer.position(partition));
      consumer.poll(Duration.ofMillis(200)).forEach(read::add);
    }
    return read;
  }

  long offset(String topic, OffsetSpec spec) throws Exception {
    return get(admin.listOffsets(Map.of(at(topic), spec)).partitionResult(at(topic))).offset();
  }

  /** What was sent is what was read: offsets from `first` without a gap, keys, values, headers. */
  static void compare(List<ProducerRecord<byte[], byte[]>> sent, List<ConsumerRecord<byte[], byte[]>> read, long first) {
    Check.equal(sent.size(), read.size(), "records read");
    for (int i = 0; i < sent.size(); i++) {
      Check.equal(first + i, read.get(i).offset(), "offset of record " + i);
      Check.equalBytes(sent.get(i).key(), read.get(i).key(), "key of record " + i);
      Check.equalBytes(sent.get(i).value(), read.get(i).value(), "value of record " + i);
      Check.equal(sent.get(i).headers(), read.get(i).headers(), "headers of record " + i);
    }
  }
}
