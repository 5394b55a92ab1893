#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "moldau/config.h"

namespace moldau::sdk {
namespace {

// Sets one field from text; false: the key cannot have this value.
using Setter = bool (*)(Config&, std::string_view);

struct Key {
  std::string_view name;   // Java's
  std::string_view alias;  // librdkafka's, where it differs
  std::string_view form;   // what the value is, for the message
  Setter set;
};

template <class T>
bool number(std::string_view text, T& out, T least) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least) return false;
  out = value;
  return true;
}

bool boolean(std::string_view text, bool& out) {
  if (text != "true" && text != "false") return false;
  out = text == "true";
  return true;
}

// librdkafka takes fractions of a millisecond; they are rounded up.
bool duration(std::string_view text, Config::Milliseconds& out) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > 1e12) return false;
  const auto whole = static_cast<std::int64_t>(value);
  out = Config::Milliseconds(whole + (static_cast<double>(whole) < value ? 1 : 0));
  return true;
}

template <class T, std::size_t N>
bool one_of(std::string_view text, T& out, const std::array<std::pair<std::string_view, T>, N>& names) {
  const auto at = std::ranges::find(names, text, &std::pair<std::string_view, T>::first);
  if (at == names.end()) return false;
  out = at->second;
  return true;
}

template <auto Field>
bool text_field(Config& config, std::string_view text) {
  config.*Field = text;
  return true;
}
template <auto Field>
bool duration_field(Config& config, std::string_view text) {
  return duration(text, config.*Field);
}
template <auto Field, auto Least>
bool number_field(Config& config, std::string_view text) {
  using T = std::remove_reference_t<decltype(config.*Field)>;
  return number<T>(text, config.*Field, static_cast<T>(Least));
}
template <auto Field>
bool boolean_field(Config& config, std::string_view text) {
  return boolean(text, config.*Field);
}

bool set_acks(Config& config, std::string_view text) {
  constexpr auto kNames = std::to_array<std::pair<std::string_view, Acks>>(
      {{"all", Acks::all}, {"-1", Acks::all}, {"0", Acks::none}, {"1", Acks::leader}});
  return one_of(text, config.acks, kNames);
}
bool set_compression(Config& config, std::string_view text) {
  constexpr auto kNames =
      std::to_array<std::pair<std::string_view, Compression>>({{"none", Compression::none},
                                                               {"gzip", Compression::gzip},
                                                               {"snappy", Compression::snappy},
                                                               {"lz4", Compression::lz4},
                                                               {"zstd", Compression::zstd}});
  return one_of(text, config.compression, kNames);
}
bool set_reset(Config& config, std::string_view text) {
  constexpr auto kNames =
      std::to_array<std::pair<std::string_view, OffsetReset>>({{"latest", OffsetReset::latest},
                                                               {"largest", OffsetReset::latest},
                                                               {"end", OffsetReset::latest},
                                                               {"earliest", OffsetReset::earliest},
                                                               {"smallest", OffsetReset::earliest},
                                                               {"beginning", OffsetReset::earliest},
                                                               {"none", OffsetReset::none},
                                                               {"error", OffsetReset::none}});
  return one_of(text, config.auto_offset_reset, kNames);
}
bool set_isolation(Config& config, std::string_view text) {
  constexpr auto kNames = std::to_array<std::pair<std::string_view, Isolation>>(
      {{"read_uncommitted", Isolation::read_uncommitted}, {"read_committed", Isolation::read_committed}});
  return one_of(text, config.isolation, kNames);
}
bool set_buffer_kbytes(Config& config, std::string_view text) {
  std::uint32_t kbytes = 0;
  if (!number<std::uint32_t>(text, kbytes, 1)) return false;
  config.buffer_memory = std::uint64_t{kbytes} * 1024;
  return true;
}
bool set_protocol(Config& config, std::string_view text) {
  config.security_protocol = text;
  std::ranges::transform(config.security_protocol, config.security_protocol.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  constexpr std::string_view kNames[] = {"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"};
  return std::ranges::find(kNames, config.security_protocol) != std::end(kNames);
}
bool set_partitioner(Config& config, std::string_view text) {
  constexpr auto kNames = std::to_array<std::pair<std::string_view, Partitioner>>(
      {{"murmur2", Partitioner::murmur2},
       {"murmur2_random", Partitioner::murmur2},
       {"org.apache.kafka.clients.producer.internals.DefaultPartitioner", Partitioner::murmur2},
       {"crc32", Partitioner::crc32},
       {"consistent_random", Partitioner::crc32},
       {"round_robin", Partitioner::round_robin},
       {"org.apache.kafka.clients.producer.RoundRobinPartitioner", Partitioner::round_robin}});
  return one_of(text, config.partitioner, kNames);
}
bool set_group_protocol(Config& config, std::string_view text) {
  constexpr auto kNames =
      std::to_array<std::pair<std::string_view, GroupProtocol>>({{"classic", GroupProtocol::classic},
                                                                 {"CLASSIC", GroupProtocol::classic},
                                                                 {"consumer", GroupProtocol::consumer},
                                                                 {"CONSUMER", GroupProtocol::consumer}});
  return one_of(text, config.group_protocol, kNames);
}

// A list, by the names of Java's classes or by those of the protocol.
bool set_assignors(Config& config, std::string_view text) {
  constexpr auto kNames = std::to_array<std::pair<std::string_view, Assignor>>(
      {{"range", Assignor::range},
       {"roundrobin", Assignor::round_robin},
       {"cooperative-sticky", Assignor::cooperative_sticky},
       {"org.apache.kafka.clients.consumer.RangeAssignor", Assignor::range},
       {"org.apache.kafka.clients.consumer.RoundRobinAssignor", Assignor::round_robin},
       {"org.apache.kafka.clients.consumer.CooperativeStickyAssignor", Assignor::cooperative_sticky}});
  config.assignors.clear();
  while (!text.empty()) {
    const auto comma = text.find(',');
    std::string_view one = text.substr(0, comma);
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    Assignor assignor{};
    if (!one_of(one, assignor, kNames)) return false;
    config.assignors.push_back(assignor);
  }
  return !config.assignors.empty();
}

// What the issue of security will serve; until then whoever sets one is told so.
constexpr std::string_view kSecurityKeys[] = {"ssl.", "sasl.", "enable.ssl.certificate.verification",
                                              "https.ca.location"};

bool is_of_security(std::string_view name) {
  return std::ranges::any_of(kSecurityKeys, [&](std::string_view key) {
    return key.ends_with('.') ? name.starts_with(key) : name == key;
  });
}

Error no_security(std::string what) {
  return {.kind = ErrorKind::unsupported,
          .cause = std::move(what) + ": this version of the client has no TLS and no SASL yet",
          .hint = "Use a PLAINTEXT listener of the brokers, in a network that is to be trusted."};
}

constexpr std::string_view kMs = "milliseconds, 0 or more";
constexpr std::string_view kBool = "true or false";
constexpr std::string_view kBytes = "a number of bytes";

constexpr auto kKeys = std::to_array<Key>({
    {"bootstrap.servers", "metadata.broker.list", "host:port,host:port",
     text_field<&Config::bootstrap_servers>},
    {"client.id", "", "a text", text_field<&Config::client_id>},
    {"client.rack", "", "a text", text_field<&Config::client_rack>},
    {"security.protocol", "", "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL", set_protocol},
    {"request.timeout.ms", "socket.timeout.ms", kMs, duration_field<&Config::request_timeout>},
    {"socket.connection.setup.timeout.ms", "", kMs, duration_field<&Config::connect_timeout>},
    {"default.api.timeout.ms", "", kMs, duration_field<&Config::api_timeout>},
    {"retry.backoff.ms", "", kMs, duration_field<&Config::retry_backoff>},
    {"retry.backoff.max.ms", "", kMs, duration_field<&Config::retry_backoff_max>},
    {"metadata.max.age.ms", "topic.metadata.refresh.interval.ms", kMs,
     duration_field<&Config::metadata_max_age>},
    {"allow.auto.create.topics", "", kBool, boolean_field<&Config::allow_auto_create_topics>},
    {"acks", "request.required.acks", "all, -1, 0 or 1", set_acks},
    {"enable.idempotence", "", kBool, boolean_field<&Config::enable_idempotence>},
    {"compression.type", "compression.codec", "none, gzip, snappy, lz4 or zstd", set_compression},
    {"batch.size", "", kBytes, number_field<&Config::batch_size, 0>},
    {"linger.ms", "queue.buffering.max.ms", kMs, duration_field<&Config::linger>},
    {"max.request.size", "message.max.bytes", kBytes, number_field<&Config::max_request_size, 1000>},
    {"buffer.memory", "", kBytes, number_field<&Config::buffer_memory, 1>},
    {"queue.buffering.max.kbytes", "", "a number of KiB", set_buffer_kbytes},
    {"max.block.ms", "", kMs, duration_field<&Config::max_block>},
    {"delivery.timeout.ms", "message.timeout.ms", kMs, duration_field<&Config::delivery_timeout>},
    {"max.in.flight.requests.per.connection", "max.in.flight", "a number, 1 or more",
     number_field<&Config::max_in_flight, 1>},
    {"partitioner", "partitioner.class", "murmur2, crc32 (consistent_random) or round_robin",
     set_partitioner},
    {"transactional.id", "", "a text", text_field<&Config::transactional_id>},
    {"transaction.timeout.ms", "", kMs, duration_field<&Config::transaction_timeout>},
    {"group.id", "", "a text", text_field<&Config::group_id>},
    {"group.instance.id", "", "a text", text_field<&Config::group_instance_id>},
    {"group.protocol", "", "classic or consumer", set_group_protocol},
    {"group.remote.assignor", "", "an assignor of the broker: uniform or range",
     text_field<&Config::group_remote_assignor>},
    {"partition.assignment.strategy", "", "range, roundrobin, cooperative-sticky, or several of them",
     set_assignors},
    {"session.timeout.ms", "", kMs, duration_field<&Config::session_timeout>},
    {"heartbeat.interval.ms", "", kMs, duration_field<&Config::heartbeat_interval>},
    {"max.poll.interval.ms", "", kMs, duration_field<&Config::max_poll_interval>},
    {"enable.auto.commit", "", kBool, boolean_field<&Config::enable_auto_commit>},
    {"auto.commit.interval.ms", "", kMs, duration_field<&Config::auto_commit_interval>},
    {"fetch.min.bytes", "", kBytes, number_field<&Config::fetch_min_bytes, 0>},
    {"fetch.max.wait.ms", "fetch.wait.max.ms", kMs, duration_field<&Config::fetch_max_wait>},
    {"fetch.max.bytes", "", kBytes, number_field<&Config::fetch_max_bytes, 0>},
    {"max.partition.fetch.bytes", "fetch.message.max.bytes", kBytes,
     number_field<&Config::max_partition_fetch_bytes, 0>},
    {"max.poll.records", "", "a number, 1 or more", number_field<&Config::max_poll_records, 1>},
    {"auto.offset.reset", "", "latest, earliest or none", set_reset},
    {"isolation.level", "", "read_uncommitted or read_committed", set_isolation},
    {"check.crcs", "", kBool, boolean_field<&Config::check_crcs>},
});

// Levenshtein's distance.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, diagonal + 1});
    }
  }
  return row[b.size()];
}

std::string near_to(std::string_view unknown) {
  std::vector<std::pair<std::size_t, std::string_view>> near;
  for (const Key& key : kKeys) {
    for (const std::string_view name : {key.name, key.alias}) {
      const std::size_t far = name.empty() ? unknown.size() : distance(unknown, name);
      if (far <= std::max<std::size_t>(2, unknown.size() / 3)) near.emplace_back(far, name);
    }
  }
  std::ranges::sort(near);
  std::string text;
  for (const auto& [far, name] : std::span(near).first(std::min<std::size_t>(near.size(), 3))) {
    text += (text.empty() ? "Did you mean " : ", ") + std::string(name);
  }
  return text.empty() ? text : text + "?";
}

Error refuse(std::string cause, std::string hint) {
  return {.kind = ErrorKind::invalid_argument, .cause = std::move(cause), .hint = std::move(hint)};
}

}  // namespace

Expected<void> Config::check() const {
  const auto wrong = [](std::string cause, std::string hint) {
    return std::unexpected(refuse(std::move(cause), std::move(hint)));
  };
  if (security_protocol != "PLAINTEXT")
    return std::unexpected(no_security("security.protocol=" + security_protocol));
  if (max_poll_records == 0) return wrong("max.poll.records=0 is not possible", "It is at least 1.");
  if (assignors.empty())
    return wrong("partition.assignment.strategy is empty", "Name at least one assignor.");
  if (heartbeat_interval <= Milliseconds::zero() || heartbeat_interval >= session_timeout)
    return wrong("heartbeat.interval.ms must be above 0 and below session.timeout.ms",
                 "A third of the session's time is usual.");
  if (max_poll_interval <= Milliseconds::zero())
    return wrong("max.poll.interval.ms must be above 0", "Five minutes are usual.");
  if (!group_remote_assignor.empty() && group_protocol == GroupProtocol::classic)
    return wrong("group.remote.assignor is of group.protocol=consumer",
                 "Set that, or use partition.assignment.strategy.");
  return {};
}

Expected<Config> Config::from_properties(const std::map<std::string, std::string>& properties) {
  Config config;
  for (const auto& [name, value] : properties) {
    const auto key = std::ranges::find_if(
        kKeys, [&](const Key& one) { return one.name == name || (!one.alias.empty() && one.alias == name); });
    if (key == kKeys.end() && is_of_security(name)) return std::unexpected(no_security(name));
    if (key == kKeys.end()) return std::unexpected(refuse("unknown key " + name, near_to(name)));
    if (!key->set(config, value)) {
      return std::unexpected(
          refuse(name + "=" + value + " is not possible", "It is " + std::string(key->form) + "."));
    }
  }
  if (auto checked = config.check(); !checked) return std::unexpected(std::move(checked).error());
  return config;
}

}  // namespace moldau::sdk
