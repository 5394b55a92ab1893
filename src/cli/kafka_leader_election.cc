// kafka-leader-election, with the lines of Kafka's own.
#include <algorithm>

#include "cli/handlers.h"
#include "cli/kafka_exception.h"
#include "cli/reassignment_file.h"
#include "cli/text_file.h"

namespace moldau::cli {
namespace {

using Partitions = std::optional<std::vector<TopicPartition>>;

Answer<client::ElectionType> election_type(const Arguments& arguments) {
  std::string type = arguments.text("election-type");
  std::ranges::transform(type, type.begin(), [](unsigned char c) { return std::tolower(c); });
  if (type == "preferred") return client::ElectionType::preferred;
  if (type == "unclean") return client::ElectionType::unclean;
  return trouble(Exit::failed, "Value '" + arguments.text("election-type") +
                                   "' of option election-type is neither preferred nor unclean");
}

Answer<void> check_flags(const Arguments& arguments) {
  if (!arguments.has("election-type"))
    return trouble(Exit::failed, "Missing required option(s): election-type");
  if (arguments.has("topic") + arguments.has("all-topic-partitions") + arguments.has("path-to-json-file") !=
      1)
    return trouble(Exit::failed,
                   "One and only one of the following options is required: topic, all-topic-partitions, "
                   "path-to-json-file");
  if (arguments.has("topic") && !arguments.has("partition"))
    return trouble(Exit::failed, "Missing required option(s): partition");
  if (!arguments.has("topic") && arguments.has("partition"))
    return trouble(Exit::failed, "Option partition is only allowed if topic is used");
  return {};
}

// Nothing: all of them.
Answer<Partitions> partitions_of(const Session& session) {
  const Arguments& arguments = session.arguments;
  if (arguments.has("all-topic-partitions")) return std::nullopt;
  if (arguments.has("topic")) {
    const auto index = arguments.number("partition", 0, INT32_MAX);
    if (!index) return std::unexpected(index.error());
    if (!*index) return trouble(Exit::failed, "Missing required option(s): partition");
    return std::vector<TopicPartition>{{arguments.text("topic"), static_cast<PartitionIndex>(**index)}};
  }
  const auto text = read_text_file(session.invocation, arguments.text("path-to-json-file"));
  if (!text) return std::unexpected(text.error());
  return parse_partition_list(*text);
}

std::string joined(const std::vector<TopicPartition>& partitions) {
  std::string out;
  for (const TopicPartition& one : partitions) out += (out.empty() ? "" : ", ") + one.to_string();
  return out;
}

Answer<Exit> report(Session& session, client::ElectionType type,
                    client::PerItem<TopicPartition, void> results) {
  const std::string name = type == client::ElectionType::preferred ? "PREFERRED" : "UNCLEAN";
  std::ranges::sort(results, {}, [](const auto& one) { return one.first; });
  std::vector<TopicPartition> elected, not_needed;
  std::vector<std::string> failures;
  for (const auto& [partition, result] : results) {
    if (result) {
      elected.push_back(partition);
    } else if (result.error().broker == wire::ErrorCode::election_not_needed) {
      not_needed.push_back(partition);
    } else {
      failures.push_back("Error completing leader election (" + name +
                         ") for partition: " + partition.to_string() + ": " + exception_text(result.error()));
    }
  }
  if (!elected.empty())
    session.out.line("Successfully completed leader election (" + name + ") for partitions " +
                     joined(elected));
  if (!not_needed.empty())
    session.out.line("Valid replica already elected for partitions " + joined(not_needed));
  for (const std::string& line : failures) session.out.line(line);
  if (failures.empty()) return Exit::done;
  return trouble(Exit::failed, std::to_string(failures.size()) + " replica(s) could not be elected");
}

}  // namespace

ClusterAnswer kafka_leader_election(ClusterSession& session) {
  if (auto checked = check_flags(session.arguments()); !checked) co_return trouble(checked.error());
  const auto type = election_type(session.arguments());
  if (!type) co_return trouble(type.error());
  auto partitions = partitions_of(session.session);
  if (!partitions) co_return trouble(partitions.error());
  auto results = co_await session.admin.elect_leaders(*type, std::move(*partitions));
  if (results) co_return report(session.session, *type, std::move(*results));
  const client::Failure& failure = results.error();
  if (failure.code == Errc::permission) session.out().line("Not authorized to perform leader election");
  if (failure.code == Errc::timed_out) session.out().line("Timeout waiting for election results");
  co_return trouble(trouble_of(failure, "cannot elect leaders"));
}

}  // namespace moldau::cli
