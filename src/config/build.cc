#include <algorithm>
#include <filesystem>

#include "config/cluster_settings.h"
#include "config/entries.h"
#include "config/listeners.h"
#include "config/quorum_members.h"
#include "config/resolve.h"
#include "config/text.h"

namespace moldau::config {
namespace {

bool is_cluster_id(std::string_view text) {
  const auto fits = [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_'; };
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, fits);
}

// "60%", or a size.
struct Share {
  std::uint64_t bytes = 0;
  std::uint32_t percent = 0;
};
std::optional<Share> parse_share(std::string_view text) {
  if (!text.ends_with('%')) {
    const auto bytes = parse_size(text);
    return bytes && *bytes > 0 ? std::optional(Share{.bytes = static_cast<std::uint64_t>(*bytes)})
                               : std::nullopt;
  }
  const auto percent = parse_integer(trimmed(text.substr(0, text.size() - 1)));
  if (!percent || *percent < 1 || *percent > 95) return std::nullopt;
  return Share{.percent = static_cast<std::uint32_t>(*percent)};
}

class SettingsBuilder {
 public:
  SettingsBuilder(std::vector<Entry> entries, const Sources& sources)
      : resolved_(std::move(entries)), sources_(sources) {}

  Loaded build() && {
    build_node();
    build_cluster();
    build_listeners_and_quorum();
    build_admin();
    build_storage();
    build_log();
    build_metrics();
    build_bootstrap();
    build_broker_layer();
    report_contradictions();
    return {std::move(settings_), std::move(resolved_).take_problems()};
  }

 private:
  const Entry* kafka(const std::string& property) const { return resolved_.find("kafka." + property); }

  void build_node() {
    if (const Entry* entry = resolved_.find("node.id")) settings_.node_id = node_id_of(*entry);
    if (const Entry* entry = resolved_.find("node.rack"); entry && !entry->value.empty())
      settings_.rack = entry->value;
    const auto roles = split_list(resolved_.text("node.roles"));
    settings_.broker_role = has(roles, "broker");
    settings_.controller_role = has(roles, "controller");
    if (roles.empty())
      resolved_.error(*resolved_.find("node.roles"), "a node needs a role: broker, controller or both");
    settings_.data_dir = data_dir();
  }
  std::optional<NodeId> node_id_of(const Entry& entry) {
    if (entry.value == "auto" || (entry.written == "broker.id" && entry.value == "-1")) return std::nullopt;
    const auto id = parse_integer(entry.value);
    if (id && *id >= 0 && *id <= 2147483647) return static_cast<NodeId>(*id);
    resolved_.error(entry, "Invalid value " + entry.value + ": auto, or a number from 0 to 2147483647");
    return std::nullopt;
  }
  std::string data_dir() {
    const Entry* entry = resolved_.find("node.data_dir");
    if (entry == nullptr) return default_data_dir();
    const auto folders = split_list(entry->value);
    if (folders.size() != 1) {
      resolved_.error(*entry,
                      folders.empty() ? "names no folder" : "a node has one data folder; name one of them");
      return default_data_dir();
    }
    const auto path = (std::filesystem::path(sources_.working_directory) / folders[0]).lexically_normal();
    if (path.string().starts_with("/tmp/"))
      resolved_.problem(Severity::warning, *entry, "data under /tmp may be gone after a reboot");
    return path.string();
  }
  std::string default_data_dir() const {
    const auto named = sources_.environment.find("MOLDAU_DATA_DIR");
    if (named != sources_.environment.end() && !named->second.empty()) return named->second;
    return sources_.is_root || sources_.home.empty() ? "/var/lib/moldau"
                                                     : sources_.home + "/.local/share/moldau";
  }

  void build_cluster() {
    settings_.cluster_name = resolved_.text("cluster.name");
    if (const Entry* entry = resolved_.find("cluster.id"); entry && entry->value != "auto") {
      settings_.cluster_id = entry->value;
      if (!is_cluster_id(entry->value))
        resolved_.error(*entry, "Invalid value " + entry->value + ": up to 64 letters, digits, '-' and '_'");
    }
    settings_.initial_size = static_cast<std::int32_t>(integer("cluster.initial_size"));
  }
  void build_listeners_and_quorum() {
    const QuorumLists lists = read_quorum_lists(resolved_);
    ListenerContext context{settings_.broker_role, settings_.controller_role, {}};
    if (settings_.controller_role && !lists.names_nobody()) context.controller = own_address(lists);
    settings_.listeners = config::build_listeners(resolved_, sources_, context);
    settle_quorum(lists, sources_, settings_, resolved_);
  }
  // Where the lists say that this node's controller is, as far as that is known before its listeners are.
  runtime::Endpoint own_address(const QuorumLists& lists) const {
    if (settings_.node_id)
      if (const auto named = lists.address_of(*settings_.node_id)) return *named;
    const Voter& first = lists.voters.empty() ? lists.seeds.front() : lists.voters.front();
    return {sources_.hostname, first.address.port};
  }
  std::optional<runtime::Endpoint> address_of(const Entry& entry, std::string_view text) {
    auto address = parse_address(text);
    if (address) return *address;
    resolved_.error(entry, address.error().message);
    return std::nullopt;
  }

  void build_admin() {
    settings_.admin_enabled = boolean("admin.enabled");
    if (const Entry* entry = resolved_.find("admin.bind"))
      if (const auto address = address_of(*entry, entry->value)) settings_.admin_bind = *address;
    for (const Listener& listener : settings_.listeners)
      if (settings_.admin_enabled && overlap(listener.bind, settings_.admin_bind))
        resolved_.problem(Severity::error, "listener " + listener.name + " and admin are both bound to " +
                                               listener.bind.to_string());
  }

  void build_storage() {
    const bool synced = resolved_.text("storage.durability") == "synced";
    settings_.durability = synced ? Durability::synced : Durability::page_cache;
    settings_.commit_log_size_bytes = static_cast<std::uint64_t>(integer("storage.commit_log_size"));
    if (const Entry* entry = resolved_.find("storage.shards"); entry && entry->value != "auto") {
      const auto shards = parse_integer(entry->value);
      if (!shards || *shards < 1 || *shards > 1024)
        resolved_.error(*entry, "Invalid value " + entry->value + ": auto, or a number from 1 to 1024");
      else
        settings_.shards = static_cast<std::uint32_t>(*shards);
    }
    const Share memory = share("storage.memory");
    settings_.memory_bytes = memory.bytes;
    settings_.memory_percent = memory.percent;
    const Share reserve = share("storage.disk_reserve");
    settings_.disk_reserve_bytes = reserve.bytes;
    settings_.disk_reserve_percent = reserve.percent;
  }
  Share share(const std::string& path) {
    if (const auto parsed = parse_share(resolved_.text(path))) return *parsed;
    const Entry& entry = *resolved_.find(path);
    resolved_.error(entry, "Invalid value " + entry.value + ": a size such as 512MiB, or 1% to 95%");
    return {};
  }

  void build_log() {
    settings_.log.filter.level = *telemetry::parse_level(resolved_.text("log.level"));
    const bool json = resolved_.text("log.format") == "json";
    settings_.log.format = json ? telemetry::LogFormat::json : telemetry::LogFormat::text;
    settings_.log.path = resolved_.text("log.file");
    for (const auto& [path, entry] : resolved_.entries())
      if (path.starts_with("log.levels."))
        settings_.log.filter.levels[path.substr(11)] = *telemetry::parse_level(entry.value);
  }

  void build_metrics() {
    const std::string partition = resolved_.text("metrics.partition");
    settings_.partition_metrics = partition == "all"   ? PartitionMetrics::all
                                  : partition == "off" ? PartitionMetrics::off
                                                       : PartitionMetrics::leaders;
    settings_.metrics_series_cap = static_cast<std::uint32_t>(integer("metrics.series_limit"));
  }

  void build_bootstrap() {
    if (const Entry* entry = resolved_.find("bootstrap.topics"))
      for (const std::string& text : split_list(entry->value)) add_topic(*entry, text);
    for (std::size_t i = 0; add_long_topic("bootstrap.topics." + std::to_string(i) + "."); ++i) {
    }
    for (const auto& [path, entry] : resolved_.entries())
      if (path.starts_with("bootstrap.defaults.")) add_default(path.substr(19), entry);
  }
  // name[:partitions[:replicas]]
  void add_topic(const Entry& entry, const std::string& text) {
    BootstrapTopic topic{.name = text.substr(0, text.find(':'))};
    const auto numbers =
        split_list(replaced(text.substr(std::min(topic.name.size() + 1, text.size())), ":", ","));
    const auto number = [&](std::size_t i, std::int64_t most) -> std::int64_t {
      if (i >= numbers.size()) return -1;
      const auto value = parse_integer(numbers[i]);
      return value && *value >= 1 && *value <= most ? *value : 0;
    };
    topic.partitions = static_cast<std::int32_t>(number(0, 1'000'000));
    topic.replication_factor = static_cast<std::int16_t>(number(1, 32767));
    if (topic.name.empty() || numbers.size() > 2 || topic.partitions == 0 || topic.replication_factor == 0)
      return resolved_.error(
          entry, "\"" + text + "\" is not of the form name, name:partitions or name:partitions:replicas");
    settings_.bootstrap_topics.push_back(std::move(topic));
  }
  bool add_long_topic(const std::string& prefix) {
    const Entry* name = resolved_.find(prefix + "name");
    if (name == nullptr) {
      for (const char* property : {"partitions", "replication_factor"})
        if (const Entry* entry = resolved_.find(prefix + property))
          return resolved_.error(*entry, "the topic has no name"), true;
      return false;
    }
    BootstrapTopic topic{.name = name->value};
    topic.partitions = static_cast<std::int32_t>(integer(prefix + "partitions"));
    topic.replication_factor = static_cast<std::int16_t>(integer(prefix + "replication_factor"));
    if (topic.name.empty()) resolved_.error(*name, "the topic has no name");
    settings_.bootstrap_topics.push_back(std::move(topic));
    return true;
  }
  void add_default(const std::string& name, const Entry& entry) {
    const Key* key = find_broker_key(name);
    if (key == nullptr) {
      const auto near = nearest(name, broker_keys());
      return resolved_.error(entry,
                             near ? "unknown key; did you mean " + std::string(*near) + "?" : "unknown key");
    }
    if (auto value = parse_value(*key, entry.value); !value)
      return resolved_.error(entry, value.error().message);
    settings_.bootstrap_defaults[name] = entry.value;
  }

  void build_broker_layer() {
    for (const auto& [path, entry] : resolved_.entries())
      if (path.starts_with("kafka.")) settings_.broker[path.substr(6)] = entry.value;
    add_listener_properties();
    ConfigMap& broker = settings_.broker;
    if (settings_.node_id) broker["node.id"] = std::to_string(*settings_.node_id);
    if (settings_.rack) broker["broker.rack"] = *settings_.rack;
    broker["process.roles"] = resolved_.text("node.roles");
    broker["log.dirs"] = settings_.data_dir;
    if (resolved_.find("storage.durability")) broker["moldau.durability"] = name_of(settings_.durability);
    if (const Entry* seeds = resolved_.find("cluster.seeds"); seeds && !seeds->value.empty())
      broker["controller.quorum.bootstrap.servers"] = seeds->value;
  }
  void add_listener_properties() {
    std::vector<std::string> binds, advertised, protocols, controllers;
    for (const Listener& listener : settings_.listeners) {
      binds.push_back(listener.name + "://" + listener.bind.to_string());
      if (listener.controller)
        controllers.push_back(listener.name);
      else
        advertised.push_back(listener.name + "://" + listener.advertise.to_string());
      protocols.push_back(listener.name + ":" + std::string(name_of(listener.security)));
      if (listener.inter_broker) settings_.broker["inter.broker.listener.name"] = listener.name;
    }
    settings_.broker["listeners"] = join_list(binds);
    settings_.broker["advertised.listeners"] = join_list(advertised);
    settings_.broker["listener.security.protocol.map"] = join_list(protocols);
    if (!controllers.empty()) settings_.broker["controller.listener.names"] = join_list(controllers);
  }

  void report_contradictions() {
    const Entry whole;
    for (Contradiction& found : contradictions(settings_.broker)) {
      const Entry* entry = kafka(found.key);
      resolved_.error(entry != nullptr ? *entry : whole, std::move(found.text));
    }
  }

  // REQUIRES: a key whose values the catalogue has checked.
  std::int64_t integer(const std::string& path) const {
    return std::get<std::int64_t>(*parse_value(*find_own_key(path), resolved_.text(path)));
  }
  bool boolean(const std::string& path) const { return equal_ignoring_case(resolved_.text(path), "true"); }

  Resolved resolved_;
  const Sources& sources_;
  Settings settings_;
};

}  // namespace

std::string_view name_of(SecurityProtocol protocol) {
  switch (protocol) {
    case SecurityProtocol::plaintext:
      return "PLAINTEXT";
    case SecurityProtocol::ssl:
      return "SSL";
    case SecurityProtocol::sasl_plaintext:
      return "SASL_PLAINTEXT";
    case SecurityProtocol::sasl_ssl:
      return "SASL_SSL";
  }
  return "";
}

const Listener* Settings::find_listener(std::string_view name) const {
  const auto at = std::ranges::find(listeners, upper(name), &Listener::name);
  return at == listeners.end() ? nullptr : &*at;
}

Loaded build_settings(std::vector<Entry> entries, const Sources& sources) {
  return SettingsBuilder(std::move(entries), sources).build();
}

}  // namespace moldau::config
