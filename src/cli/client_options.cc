// Client properties as people write them for Kafka's clients, made into the options of ours.
#include <algorithm>

#include "cli/connection.h"

namespace moldau::cli {
namespace {

using runtime::Duration;

// Reads typed values; the first that is wrong is kept.
class Reader {
 public:
  explicit Reader(const Properties& properties) : properties_(properties) {}

  const std::string* find(std::string_view key) const {
    const auto at = properties_.find(key);
    return at == properties_.end() ? nullptr : &at->second;
  }
  template <class T>
  void number(std::string_view key, T& into) {
    const std::string* text = find(key);
    if (!text) return;
    const auto value = whole_number(*text);
    if (!value || *value < -1) return refuse(key, *text, "a whole number");
    into = static_cast<T>(*value);
  }
  void milliseconds(std::string_view key, Duration& into) {
    std::int64_t value = -1;
    number(key, value);
    if (value >= 0) into = runtime::milliseconds(value);
  }
  void boolean(std::string_view key, bool& into) {
    const std::string* text = find(key);
    if (!text) return;
    if (*text != "true" && *text != "false") return refuse(key, *text, "true or false");
    into = *text == "true";
  }
  void refuse(std::string_view key, const std::string& value, std::string_view expected) {
    if (trouble_) return;
    trouble_ = Trouble{Exit::usage, std::string(key) + "=" + value + " cannot be used",
                       "expected " + std::string(expected), ""};
  }
  template <class T>
  Answer<T> finish(T options) {
    if (trouble_) return std::unexpected(*trouble_);
    return options;
  }

 private:
  const Properties& properties_;
  std::optional<Trouble> trouble_;
};

Answer<void> check_security(const Properties& properties) {
  const auto protocol = properties.find("security.protocol");
  if (protocol == properties.end() || protocol->second == "PLAINTEXT") return {};
  const bool tls = protocol->second.ends_with("SSL"), sasl = protocol->second.starts_with("SASL");
  return trouble(Exit::failed,
                 "security.protocol=" + protocol->second + " needs " +
                     (tls && sasl ? "TLS and SASL"
                      : sasl      ? "SASL"
                                  : "TLS") +
                     ", not in this build yet",
                 "this client speaks PLAINTEXT only",
                 "use a PLAINTEXT listener; moldau profile list shows who asks for more");
}

void read_compression(Reader& reader, record::Compression& into) {
  const std::string* name = reader.find("compression.type");
  if (!name) return;
  const auto codec = record::codec_named(*name);
  if (!codec) return reader.refuse("compression.type", *name, "none, gzip, snappy, lz4 or zstd");
  into.codec = *codec;
  const std::string* level = reader.find("compression." + *name + ".level");
  if (level) into.level = static_cast<int>(whole_number(*level).value_or(-1));
}

void read_acks(Reader& reader, client::ProducerOptions& options) {
  const std::string* acks = reader.find("acks");
  if (!acks) return;
  const std::optional<std::int64_t> value = *acks == "all" ? -1 : whole_number(*acks);
  if (!value || *value < -1 || *value > 1) return reader.refuse("acks", *acks, "all, -1, 0 or 1");
  options.acks = static_cast<std::int16_t>(*value);
  // Kafka's clients turn idempotence off by themselves when it was not asked for and acks rule it out.
  if (options.acks != -1) options.idempotent = false;
}

// Names as Java's client and as librdkafka know them: "org.apache.kafka.clients.consumer.RangeAssignor",
// "range".
Answer<std::vector<client::Assignor>> assignors_of(const std::string& text) {
  constexpr std::pair<std::string_view, client::Assignor> kClasses[] = {
      {"RangeAssignor", client::Assignor::range},
      {"RoundRobinAssignor", client::Assignor::round_robin},
      {"CooperativeStickyAssignor", client::Assignor::cooperative_sticky}};
  std::vector<client::Assignor> assignors;
  for (std::string name : split(text, ',')) {
    std::erase(name, ' ');
    auto known = client::assignor_of(name);
    for (const auto& [suffix, assignor] : kClasses)
      if (name == "org.apache.kafka.clients.consumer." + std::string(suffix)) known = assignor;
    if (!known)
      return usage_trouble("partition.assignment.strategy: unknown assignor \"" + name + "\"",
                           "one of: range, roundrobin, cooperative-sticky");
    if (std::ranges::find(assignors, *known) == assignors.end()) assignors.push_back(*known);
  }
  if (assignors.empty()) return usage_trouble("partition.assignment.strategy names no assignor");
  return assignors;
}

}  // namespace

Answer<client::ClusterOptions> cluster_options(const Properties& properties) {
  if (auto allowed = check_security(properties); !allowed) return std::unexpected(allowed.error());
  client::ClusterOptions options;
  auto servers = properties.find("bootstrap.servers");
  if (servers == properties.end()) {
    servers = properties.find("bootstrap.controllers");
    options.bootstrap_controllers = servers != properties.end();
  }
  auto bootstrap = client::parse_bootstrap(servers == properties.end() ? "" : servers->second);
  if (!bootstrap)
    return usage_trouble("bad list of brokers: " + bootstrap.error().message, "host:port,host:port");
  options.bootstrap = std::move(*bootstrap);
  Reader reader(properties);
  if (const std::string* id = reader.find("client.id")) options.connection.client_id = *id;
  reader.milliseconds("request.timeout.ms", options.connection.request_timeout);
  reader.milliseconds("socket.connection.setup.timeout.ms", options.connection.connect_timeout);
  reader.milliseconds("metadata.max.age.ms", options.metadata_max_age);
  reader.milliseconds("retry.backoff.ms", options.retry_backoff);
  reader.milliseconds("retry.backoff.max.ms", options.retry_backoff_max);
  options.api_timeout = std::chrono::seconds(30);
  reader.milliseconds("default.api.timeout.ms", options.api_timeout);
  if (const std::string* text = reader.find("default.api.timeout")) {
    const auto timeout = parse_duration(*text);
    if (!timeout)
      return usage_trouble("--timeout: \"" + *text + "\" is no duration", "for example 30s or 500ms");
    options.api_timeout = *timeout;
    options.connection.request_timeout = std::min(options.connection.request_timeout, *timeout);
    options.connection.connect_timeout = std::min(options.connection.connect_timeout, *timeout);
  }
  return reader.finish(std::move(options));
}

Answer<client::ProducerOptions> producer_options(const Properties& properties) {
  client::ProducerOptions options;
  Reader reader(properties);
  read_acks(reader, options);
  reader.boolean("enable.idempotence", options.idempotent);
  read_compression(reader, options.compression);
  reader.number("batch.size", options.batch_size);
  reader.milliseconds("linger.ms", options.linger);
  reader.number("max.request.size", options.max_request_size);
  reader.number("buffer.memory", options.buffer_memory);
  reader.milliseconds("max.block.ms", options.max_block);
  reader.milliseconds("delivery.timeout.ms", options.delivery_timeout);
  reader.number("max.in.flight.requests.per.connection", options.max_in_flight);
  return reader.finish(std::move(options));
}

Answer<client::ProducerOptions> producer_options_of_flags(const Session& session) {
  constexpr std::pair<std::string_view, const char*> kFlags[] = {
      {"acks", "acks"}, {"compression", "compression.type"}, {"max-message-bytes", "max.request.size"}};
  Properties properties = session.properties;
  for (const auto& [flag, property] : kFlags) {
    if (const auto value = session.arguments.find(flag)) properties[property] = *value;
  }
  auto options = producer_options(properties);
  if (!options) return options;
  const auto timeout = session.arguments.duration_or("delivery-timeout", options->delivery_timeout);
  if (!timeout) return std::unexpected(timeout.error());
  options->delivery_timeout = *timeout;
  return options;
}

Answer<client::ConsumerOptions> consumer_options(const Properties& properties) {
  client::ConsumerOptions options;
  Reader reader(properties);
  reader.number("fetch.min.bytes", options.fetch_min_bytes);
  reader.milliseconds("fetch.max.wait.ms", options.fetch_max_wait);
  reader.number("fetch.max.bytes", options.fetch_max_bytes);
  reader.number("max.partition.fetch.bytes", options.max_partition_fetch_bytes);
  reader.boolean("check.crcs", options.check_crcs);
  reader.boolean("allow.auto.create.topics", options.auto_create_topics);
  if (const std::string* rack = reader.find("client.rack")) options.rack = *rack;
  if (const std::string* level = reader.find("isolation.level")) {
    if (*level == "read_committed")
      options.isolation = client::Isolation::read_committed;
    else if (*level != "read_uncommitted")
      reader.refuse("isolation.level", *level, "read_committed or read_uncommitted");
  }
  if (const std::string* reset = reader.find("auto.offset.reset")) {
    if (*reset == "earliest")
      options.offset_reset = client::OffsetReset::earliest;
    else if (*reset == "none")
      options.offset_reset = client::OffsetReset::none;
    else if (*reset != "latest")
      reader.refuse("auto.offset.reset", *reset, "earliest, latest or none");
  }
  return reader.finish(std::move(options));
}

Answer<client::GroupConsumerOptions> group_consumer_options(const Properties& properties) {
  client::GroupConsumerOptions options;
  auto consumer = consumer_options(properties);
  if (!consumer) return std::unexpected(std::move(consumer).error());
  options.consumer = std::move(*consumer);
  Reader reader(properties);
  client::GroupOptions& group = options.group;
  if (const std::string* id = reader.find("group.id")) group.group_id = *id;
  if (const std::string* id = reader.find("group.instance.id")) group.instance_id = *id;
  if (const std::string* protocol = reader.find("group.protocol")) {
    if (*protocol == "consumer")
      group.protocol = client::GroupProtocol::consumer;
    else if (*protocol != "classic")
      reader.refuse("group.protocol", *protocol, "classic or consumer");
  }
  if (const std::string* assignor = reader.find("group.remote.assignor")) group.remote_assignor = *assignor;
  reader.milliseconds("session.timeout.ms", group.session_timeout);
  reader.milliseconds("heartbeat.interval.ms", group.heartbeat_interval);
  reader.milliseconds("max.poll.interval.ms", group.rebalance_timeout);
  reader.boolean("enable.auto.commit", options.auto_commit);
  reader.milliseconds("auto.commit.interval.ms", options.auto_commit_interval);
  if (const std::string* names = reader.find("partition.assignment.strategy")) {
    auto assignors = assignors_of(*names);
    if (!assignors) return std::unexpected(std::move(assignors).error());
    group.assignors = std::move(*assignors);
  }
  if (group.group_id.empty()) return usage_trouble("the group has no name");
  if (group.heartbeat_interval <= Duration::zero() || group.heartbeat_interval >= group.session_timeout)
    return usage_trouble("heartbeat.interval.ms must be above 0 and below session.timeout.ms");
  return reader.finish(std::move(options));
}

}  // namespace moldau::cli
