#include <array>

#include "config/catalogue.h"

namespace moldau::config {
namespace {

constexpr std::string_view kNoTls =
    "TLS and SASL are not served by this version; remove it and bind to a trusted network";

// In the order of config/moldau.yaml.
constexpr auto kOwnKeys = std::to_array<Key>({
    {.name = "version",
     .type = Type::int32,
     .default_value = "1",
     .doc = "Version of this file's form.",
     .range = {1, 1}},

    {.name = "node.id",
     .type = Type::string,
     .default_value = "auto",
     .doc =
         "Number of this node in its cluster; auto: chosen at the first start and kept in the data folder.",
     .synonyms = "node.id,broker.id"},
    {.name = "node.rack",
     .type = Type::string,
     .doc = "Rack or zone of this node.",
     .synonyms = "broker.rack"},
    {.name = "node.roles",
     .type = Type::list,
     .default_value = "broker,controller",
     .doc = "What this node is: a broker, a voter of the quorum, or both.",
     .one_of = "broker,controller",
     .synonyms = "process.roles"},
    {.name = "node.data_dir",
     .type = Type::string,
     .doc = "Data folder; default: that of the variable MOLDAU_DATA_DIR, else /var/lib/moldau for root, else "
            "~/.local/share/moldau.",
     .synonyms = "log.dirs,log.dir"},

    {.name = "cluster.name",
     .type = Type::string,
     .default_value = "dev",
     .doc = "Name of the cluster, for people."},
    {.name = "cluster.id",
     .type = Type::string,
     .default_value = "auto",
     .doc = "Identity of the cluster, 22 characters (moldau and kafka-storage print one); auto: that of the "
            "data folder, or a new one."},
    {.name = "cluster.seeds",
     .type = Type::list,
     .default_value = "",
     .doc = "host:port of controllers to find the quorum by. Where they form a new cluster they are nodes 1, "
            "2, … in "
            "this order, the same on every node; id@host:port gives another id.",
     .unit = Unit::address,
     .synonyms = "controller.quorum.bootstrap.servers"},
    {.name = "cluster.initial_size",
     .type = Type::int32,
     .default_value = "1",
     .doc = "How many controllers form a new cluster: the first so many of seeds. 1: this node alone, or "
            "none, when "
            "seeds name others that have a cluster.",
     .range = {1, 9}},

    {.name = "listeners.*.bind",
     .type = Type::string,
     .doc = "host:port to listen on; an empty host or 0.0.0.0: every address.",
     .unit = Unit::address},
    {.name = "listeners.*.advertise",
     .type = Type::string,
     .doc = "host:port that clients are told; default: that of bind.",
     .unit = Unit::address},
    {.name = "listeners.*.security",
     .type = Type::string,
     .default_value = "plaintext",
     .doc = "Security protocol; this version serves plaintext only.",
     .one_of = "plaintext,ssl,sasl_plaintext,sasl_ssl"},
    {.name = "listeners.*.inter_broker",
     .type = Type::boolean,
     .default_value = "false",
     .doc = "Whether other brokers use this listener; default: the first one does."},
    {.name = "listeners.*.controller",
     .type = Type::boolean,
     .default_value = "false",
     .doc = "Whether it serves the quorum instead of clients; default: only of a listener named controller."},

    {.name = "admin.enabled",
     .type = Type::boolean,
     .default_value = "true",
     .doc = "Whether the admin port (health, metrics) is opened."},
    {.name = "admin.bind",
     .type = Type::string,
     .default_value = "127.0.0.1:9644",
     .doc = "host:port of the admin port.",
     .unit = Unit::address},

    {.name = "storage.durability",
     .type = Type::string,
     .default_value = "synced",
     .doc = "When acks=1 and acks=all are answered: synced (on the device) or page-cache (as Kafka does).",
     .one_of = "synced,page-cache",
     .synonyms = "moldau.durability"},
    {.name = "storage.commit_log_size",
     .type = Type::int64,
     .default_value = "256MiB",
     .doc = "Size of the commit log of each shard.",
     .unit = Unit::bytes,
     .range = {16 << 20, std::int64_t{1} << 40}},
    {.name = "storage.shards",
     .type = Type::string,
     .default_value = "auto",
     .doc = "Event loops, each on a core of its own; auto: one for each core."},
    {.name = "storage.memory",
     .type = Type::string,
     .default_value = "60%",
     .doc = "Memory that records, requests and caches may take: a size, or a part of the machine's memory.",
     .unit = Unit::bytes},
    {.name = "storage.disk_reserve",
     .type = Type::string,
     .default_value = "5%",
     .doc = "Free space below which no records are taken, and others in sync lead in this broker's place: a "
            "size, or a part of the device, at most 1GiB of it.",
     .unit = Unit::bytes},

    {.name = "log.level",
     .type = Type::string,
     .default_value = "info",
     .doc = "Least level of log lines.",
     .one_of = "debug,info,warn,error,off"},
    {.name = "log.levels.*",
     .type = Type::string,
     .doc = "The same for one component, for example raft: debug.",
     .one_of = "debug,info,warn,error,off"},
    {.name = "log.format",
     .type = Type::string,
     .default_value = "text",
     .doc = "Form of log lines.",
     .one_of = "text,json"},
    {.name = "log.file",
     .type = Type::string,
     .default_value = "",
     .doc = "File that log lines are appended to; empty: stderr."},

    {.name = "metrics.partition",
     .type = Type::string,
     .default_value = "leaders",
     .doc = "Partitions that have metrics of their own.",
     .one_of = "all,leaders,off"},
    {.name = "metrics.series_limit",
     .type = Type::int32,
     .default_value = "2000",
     .doc = "Most series of one metric; what is beyond is summed up as __overflow__.",
     .range = {1, 1000000}},

    {.name = "bootstrap.topics",
     .type = Type::list,
     .default_value = "",
     .doc = "Topics created when the cluster is born: name, name:partitions or name:partitions:replicas."},
    {.name = "bootstrap.topics.*.name",
     .type = Type::string,
     .doc =
         "The same in the long form; -1 (the default) means num.partitions and default.replication.factor."},
    {.name = "bootstrap.topics.*.partitions",
     .type = Type::int32,
     .default_value = "-1",
     .doc = "Partitions of the topic; -1: num.partitions.",
     .range = {-1, 1000000}},
    {.name = "bootstrap.topics.*.replication_factor",
     .type = Type::int32,
     .default_value = "-1",
     .doc = "Replicas of each partition; -1: default.replication.factor.",
     .range = {-1, 32767}},
    {.name = "bootstrap.defaults.*",
     .type = Type::string,
     .doc = "Broker properties of Kafka, set cluster-wide when the cluster is born."},
    {.name = "bootstrap.users",
     .type = Type::list,
     .doc = "Users created when the cluster is born.",
     .support = Support::unsupported,
     .advice = kNoTls},

    {.name = "kafka.*", .type = Type::string, .doc = "Any broker property of Kafka by its own name."},

    {.name = "tls.*", .type = Type::string, .doc = "TLS.", .support = Support::unsupported, .advice = kNoTls},
    {.name = "auth.*",
     .type = Type::string,
     .doc = "Authentication and authorization.",
     .support = Support::unsupported,
     .advice = kNoTls},
});

constexpr auto kScoped = [] {
  auto keys = kOwnKeys;
  for (Key& key : keys) key.scope = Scope::ours;
  return keys;
}();

}  // namespace

std::span<const Key> own_keys() { return kScoped; }

}  // namespace moldau::config
