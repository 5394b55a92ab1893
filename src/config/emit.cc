// Settings as YAML: what is in force, and the annotated file of all keys.
#include <algorithm>
#include <array>

#include "config/settings.h"
#include "config/text.h"

namespace moldau::config {
namespace {

bool is_plain(std::string_view text) {
  const auto fits = [](unsigned char c) {
    return std::isalnum(c) || std::string_view("._-/%+").find(static_cast<char>(c)) != std::string_view::npos;
  };
  return !text.empty() && std::isalnum(static_cast<unsigned char>(text[0])) &&
         std::ranges::all_of(text, fits) &&
         !has(std::array<std::string_view, 6>{"null", "true", "false", "yes", "no", "Null"}, text);
}

std::string quoted(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      out += {'\\', c};
    else if (byte < 0x20 || byte == 0x7f)
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    else
      out += c;
  }
  return out + "\"";
}

// A scalar that YAML reads back as the same text; ${…} is kept from being replaced by nobody: values are
// final.
std::string scalar(std::string_view text) { return is_plain(text) ? std::string(text) : quoted(text); }
std::string scalar(bool value) { return value ? "true" : "false"; }
template <std::integral T>
std::string scalar(T value) {
  return std::to_string(value);
}

class YamlText {
 public:
  void group(std::string_view name) { text_.append(name).append(":\n"); }
  template <class T>
  void key(std::size_t depth, std::string_view name, const T& value) {
    text_.append(2 * depth, ' ').append(name).append(": ").append(scalar(value)) += '\n';
  }
  void line(std::string_view line) { text_.append(line) += '\n'; }
  std::string take() && { return std::move(text_); }

 private:
  std::string text_;
};

std::string share_text(std::uint64_t bytes, std::uint32_t percent) {
  return bytes != 0 ? size_text(bytes) : std::to_string(percent) + "%";
}

// As they were written: with ids, and also where they name this node alone.
std::string_view seeds_text(const Settings& settings) {
  const auto at = settings.broker.find("controller.quorum.bootstrap.servers");
  return at == settings.broker.end() ? std::string_view() : std::string_view(at->second);
}

void emit_identity(YamlText& out, const Settings& settings) {
  out.group("node");
  if (settings.node_id) out.key(1, "id", *settings.node_id);
  if (settings.rack) out.key(1, "rack", std::string_view(*settings.rack));
  const std::string_view roles = !settings.controller_role ? "broker"
                                 : !settings.broker_role   ? "controller"
                                                           : "broker,controller";
  out.key(1, "roles", roles);
  out.key(1, "data_dir", std::string_view(settings.data_dir));
  out.group("cluster");
  out.key(1, "name", std::string_view(settings.cluster_name));
  out.key(1, "id", std::string_view(settings.cluster_id.value_or("auto")));
  if (!seeds_text(settings).empty()) out.key(1, "seeds", seeds_text(settings));
  out.key(1, "initial_size", settings.initial_size);
}

void emit_addresses(YamlText& out, const Settings& settings) {
  out.group("listeners");
  for (const Listener& listener : settings.listeners) {
    out.line("  " + scalar(lower(listener.name)) + ":");
    out.key(2, "bind", std::string_view(listener.bind.to_string()));
    out.key(2, "advertise", std::string_view(listener.advertise.to_string()));
    out.key(2, "security", std::string_view(lower(name_of(listener.security))));
    out.key(2, "inter_broker", listener.inter_broker);
    out.key(2, "controller", listener.controller);
  }
  out.group("admin");
  out.key(1, "enabled", settings.admin_enabled);
  out.key(1, "bind", std::string_view(settings.admin_bind.to_string()));
}

void emit_storage(YamlText& out, const Settings& settings) {
  out.group("storage");
  if (settings.broker.contains("moldau.durability")) out.key(1, "durability", name_of(settings.durability));
  out.key(1, "commit_log_size", std::string_view(size_text(settings.commit_log_size_bytes)));
  out.key(1, "shards", std::string_view(settings.shards == 0 ? "auto" : std::to_string(settings.shards)));
  out.key(1, "memory", std::string_view(share_text(settings.memory_bytes, settings.memory_percent)));
  out.key(1, "disk_reserve",
          std::string_view(share_text(settings.disk_reserve_bytes, settings.disk_reserve_percent)));
}

void emit_log_and_metrics(YamlText& out, const Settings& settings) {
  out.group("log");
  out.key(1, "level", name_of(settings.log.filter.level));
  out.key(1, "format", std::string_view(settings.log.format == telemetry::LogFormat::json ? "json" : "text"));
  out.key(1, "file", std::string_view(settings.log.path));
  if (!settings.log.filter.levels.empty()) out.line("  levels:");
  for (const auto& [component, level] : settings.log.filter.levels) out.key(2, component, name_of(level));
  out.group("metrics");
  constexpr std::array<std::string_view, 3> kPartition{"all", "leaders", "off"};
  out.key(1, "partition", kPartition[static_cast<std::size_t>(settings.partition_metrics)]);
  out.key(1, "series_limit", settings.metrics_series_cap);
}

void emit_bootstrap(YamlText& out, const Settings& settings) {
  if (settings.bootstrap_topics.empty() && settings.bootstrap_defaults.empty()) return;
  out.group("bootstrap");
  if (!settings.bootstrap_topics.empty()) out.line("  topics:");
  for (const BootstrapTopic& topic : settings.bootstrap_topics) {
    out.line("    - name: " + scalar(topic.name));
    out.key(3, "partitions", topic.partitions);
    out.key(3, "replication_factor", topic.replication_factor);
  }
  if (!settings.bootstrap_defaults.empty()) out.line("  defaults:");
  for (const auto& [name, value] : settings.bootstrap_defaults) out.key(2, name, std::string_view(value));
}

// Those that are said in our own tree.
bool is_said_elsewhere(std::string_view property) {
  constexpr std::array<std::string_view, 12> kElsewhere{"node.id",
                                                        "broker.rack",
                                                        "process.roles",
                                                        "log.dirs",
                                                        "moldau.durability",
                                                        "controller.quorum.bootstrap.servers",
                                                        "listeners",
                                                        "advertised.listeners",
                                                        "listener.security.protocol.map",
                                                        "inter.broker.listener.name",
                                                        "controller.listener.names",
                                                        "security.inter.broker.protocol"};
  return has(kElsewhere, property);
}

bool is_secret(const std::string& name) {
  const Key* key = find_broker_key(name);
  return key == nullptr || key->type == Type::password;
}

void emit_kafka(YamlText& out, const Settings& settings) {
  out.group("kafka");
  for (const auto& [name, value] : settings.broker)
    if (!is_said_elsewhere(name)) out.key(1, name, std::string_view(is_secret(name) ? "[hidden]" : value));
}

constexpr std::string_view kHead =
    "# Moldau's settings: every key with its default and what it means. All of them are optional; an empty "
    "file starts\n"
    "# a single node. Precedence: --set key=value, then environment variables (MOLDAU_NODE__ID=1: two "
    "underscores are a\n"
    "# level; Kafka's KAFKA_* as well), then this file, then the defaults. ${env:NAME}, ${file:/path} and\n"
    "# ${file:/path:key} are replaced in values.\n";

// What stands for the keys whose names are free, and for those without a default.
std::optional<std::string_view> example_of(std::string_view path) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kExamples{{
      {"node.rack", "  # rack: zone-a"},
      {"node.data_dir", "  # data_dir: /var/lib/moldau"},
      {"listeners.*.bind", "    bind: 127.0.0.1:9092"},
      {"listeners.*.advertise", "    advertise: 127.0.0.1:9092"},
      {"listeners.*.inter_broker", "    inter_broker: true"},
      {"log.levels.*", "  # levels: {raft: debug}"},
      {"bootstrap.topics.*.name", "  # topics: [{name: orders, partitions: 6, replication_factor: 1}]"},
      {"bootstrap.defaults.*", "  # defaults: {num.partitions: 3}"},
  }};
  const auto at = std::ranges::find(kExamples, path, [](const auto& example) { return example.first; });
  return at == kExamples.end() ? std::nullopt : std::optional(at->second);
}

std::string explained(const Key& key) {
  const std::string range = range_text(key);
  const bool said = key.type == Type::boolean || key.range.min == key.range.max;
  return range.empty() || said ? std::string(key.doc) : std::string(key.doc) + " Values: " + range + ".";
}

// "log.levels.*" is a key of the group log, "bootstrap.topics.*.name" one of bootstrap.
std::size_t indent_of(std::string_view path) {
  if (path.starts_with("listeners.")) return 4;
  return path.find('.') == std::string_view::npos ? 0 : 2;
}

void annotate(YamlText& out, const Key& key) {
  const std::string indent(indent_of(key.name), ' ');
  out.line(indent + "# " + explained(key));
  if (const auto example = example_of(key.name)) return out.line(*example);
  const std::string_view name = key.name.substr(key.name.rfind('.') + 1);
  const std::string value = key.type == Type::list ? "[" + replaced(*key.default_value, ",", ", ") + "]"
                                                   : std::string(*key.default_value);
  out.line(indent + std::string(name) + ": " + (value.empty() ? "\"\"" : value));
}

// Said in one line with the topic's name.
bool is_said_with_the_name(std::string_view path) {
  return path == "bootstrap.topics.*.partitions" || path == "bootstrap.topics.*.replication_factor";
}

}  // namespace

std::string effective_yaml(const Settings& settings) {
  YamlText out;
  out.key(0, "version", 1);
  emit_identity(out, settings);
  emit_addresses(out, settings);
  emit_storage(out, settings);
  emit_log_and_metrics(out, settings);
  emit_bootstrap(out, settings);
  emit_kafka(out, settings);
  return std::move(out).take();
}

std::string annotated_yaml() {
  YamlText out;
  out.line(kHead);
  std::string_view group;
  for (const Key& key : own_keys()) {
    if (key.support == Support::unsupported || key.name == "kafka.*" || is_said_with_the_name(key.name))
      continue;
    const std::size_t dot = key.name.find('.');
    if (dot != std::string_view::npos && key.name.substr(0, dot) != group) {
      group = key.name.substr(0, dot);
      out.line("");
      out.group(group);
      if (group == "listeners")
        out.line("  # Any number of listeners, each under a name of your choice.\n  plaintext:");
    }
    annotate(out, key);
  }
  out.line("\n# Any broker property of Kafka by its own name.\nkafka:\n  # log.retention.ms: 604800000");
  return std::move(out).take();
}

}  // namespace moldau::config
