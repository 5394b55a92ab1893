#include "cli/verifiable.h"

#include "cli/connection.h"
#include "cli/kafka_flags.h"

namespace moldau::cli {

std::vector<Command> verifiable_commands() {
  const Flag server{"--bootstrap-server", "HOST:PORT", "the servers to connect to"};
  const Flag topic{"--topic", "NAME", "the topic"};
  const Flag most{"--max-messages", "N", "end after so many; -1 (default): go on"};
  return {
      {"kafka-verifiable-producer",
       "Produce increasing numbers, and tell as JSON what became of each",
       "",
       Complete::none,
       {server,
        topic,
        most,
        {"--throughput", "N", "so many a second, about; -1 (default): as fast as it goes"},
        {"--acks", "N", "0, 1 or -1 (default)", "0,1,-1"},
        {"--command-config,--producer.config", "FILE", "properties of the producer"},
        {"--message-create-time", "MS", "timestamps from here on, in milliseconds since 1970"},
        {"--value-prefix", "N", "before each value, with a dot"},
        {"--repeating-keys", "N", "keys 0 to N-1, again and again"},
        kHelp},
       &kafka_verifiable_producer},
      {"kafka-verifiable-consumer",
       "Consume as a member of a group, and tell as JSON what happens",
       "",
       Complete::none,
       {server,
        topic,
        {"--group-id", "GROUP", "the group"},
        {"--group-protocol", "NAME", "classic (default) or consumer"},
        {"--group-remote-assignor", "NAME", "of the protocol consumer"},
        {"--group-instance-id", "ID", "a static member"},
        most,
        {"--session-timeout", "MS", "of the member (default 30000)"},
        {"--verbose", "", "each record, too"},
        {"--enable-autocommit", "", "commit from time to time"},
        {"--reset-policy", "POLICY", "earliest (default), latest or none", "earliest,latest,none"},
        {"--assignment-strategy", "CLASS", "how partitions are shared (default range)"},
        {"--command-config,--consumer.config", "FILE", "properties of the consumer"},
        kHelp},
       &kafka_verifiable_consumer},
  };
}

Answer<Exit> run_verifiable(Session& session, std::span<const std::string_view> required, ClusterTask task) {
  for (const std::string_view flag : required)
    if (!session.arguments.find(flag))
      return usage_trouble("argument --" + std::string(flag) + " is required");
  if (auto resolved = resolve_kafka_properties(session); !resolved) return std::unexpected(resolved.error());
  return run_on_cluster(session, task);
}

void tell_event(ClusterSession& session, std::string_view name, Json::Object fields) {
  Json::Object event{{"timestamp", session.world.wall_clock().now_ms()}, {"name", name}};
  event.insert(event.end(), std::make_move_iterator(fields.begin()), std::make_move_iterator(fields.end()));
  session.out().line(Json(std::move(event)).to_line());
  session.out().flush();
}

Json text_json(const std::optional<ByteView>& bytes) {
  if (!bytes) return {};
  const std::string_view text = as_text(*bytes);
  return is_utf8(text) ? Json(text) : Json(base64_of(text));
}

}  // namespace moldau::cli
