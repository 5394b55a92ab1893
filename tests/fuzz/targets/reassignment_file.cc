// The JSON files that people write for kafka-reassign-partitions and kafka-leader-election.
#include "cli/reassignment_file.h"

#include "fuzz/input.h"
#include "fuzz/target.h"

namespace moldau::fuzz {
namespace {

constexpr std::size_t kMaxSize = 256;

void check_usable(std::string_view text) {
  const auto usable = cli::parse_usable_reassignment(text);
  if (!usable) {
    MOLDAU_ASSERT(!usable.error().what.empty());
    return;
  }
  for (const auto& [partition, replicas] : *usable) {
    MOLDAU_ASSERT(partition.partition >= 0 && !replicas.empty());
    MOLDAU_ASSERT(std::ranges::all_of(replicas, [](NodeId id) { return id >= 0; }));
  }
  const auto again = cli::parse_usable_reassignment(cli::reassignment_json(*usable));
  MOLDAU_ASSERT(again && *again == *usable, "an assignment changes by being written");
}

void run(ByteView bytes) {
  const std::string_view text = as_text(bytes);
  const auto any = cli::parse_reassignment(text);
  if (!any) MOLDAU_ASSERT(!any.error().what.empty());
  check_usable(text);
  if (const auto topics = cli::parse_topics_to_move(text); !topics)
    MOLDAU_ASSERT(!topics.error().what.empty());
  const auto partitions = cli::parse_partition_list(text);
  if (!partitions) return;
  auto sorted = *partitions;
  std::ranges::sort(sorted);
  MOLDAU_ASSERT(std::ranges::adjacent_find(sorted) == sorted.end(), "a partition is there twice");
}

void seeds(Seeds& seeds) {
  seeds.add(
      R"({"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[1,2],"log_dirs":["any","any"]}]})");
  seeds.add(R"({"version":1,"topics":[{"topic":"t"}]})");
  seeds.add(R"({"partitions":[{"topic":"t","partition":0},{"topic":"t","partition":1}]})");
  seeds.add(R"({"version":2,"partitions":[]})");
}

MOLDAU_FUZZ_TARGET(reassignment_file, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
