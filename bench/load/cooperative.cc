#include "cooperative.h"

#include <algorithm>

#include "program.h"
#include "wire/messages/consumer_protocol.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace moldau::load {

namespace {

constexpr std::int16_t kSubscriptionVersion = 3;
constexpr std::int16_t kAssignmentVersion = 3;

template <class Message>
Slice with_version(const Message& message, std::int16_t version) {
  wire::Writer out;
  out.number<std::int16_t>(version);
  message.encode(out, version);
  return std::move(out).finish_contiguous();
}

template <class Message>
Message without_version(const Slice& bytes) {
  wire::Reader in(bytes);
  const auto version = in.number<std::int16_t>();
  if (version < Message::kMinVersion || version > Message::kMaxVersion)
    die("a member speaks a version that nobody has sent");
  Message message;
  message.read(in, version);
  or_die(in.finish(), std::string(Message::kName));
  return message;
}

PartitionList all_of(const auto& topics) {
  PartitionList all;
  for (const auto& topic : topics) all.insert(all.end(), topic.partitions.begin(), topic.partitions.end());
  std::ranges::sort(all);
  return all;
}

}  // namespace

Slice subscription_of(const std::string& topic, const PartitionList& owned, std::int32_t generation) {
  wire::ConsumerProtocolSubscription subscription;
  subscription.topics = {topic};
  if (!owned.empty()) subscription.owned_partitions.push_back({topic, owned});
  subscription.generation_id = generation;
  return with_version(subscription, kSubscriptionVersion);
}

PartitionList owned_in(const Slice& subscription) {
  return all_of(without_version<wire::ConsumerProtocolSubscription>(subscription).owned_partitions);
}

Slice assignment_of(const std::string& topic, const PartitionList& partitions) {
  wire::ConsumerProtocolAssignment assignment;
  if (!partitions.empty()) assignment.assigned_partitions.push_back({topic, partitions});
  return with_version(assignment, kAssignmentVersion);
}

PartitionList assigned_in(const Slice& assignment) {
  return all_of(without_version<wire::ConsumerProtocolAssignment>(assignment).assigned_partitions);
}

std::vector<PartitionList> assign_cooperatively(const std::vector<PartitionList>& owned,
                                                std::size_t partitions) {
  const std::size_t members = owned.size();
  const std::size_t share = partitions / members;
  std::size_t larger = partitions % members;  // so many have one more
  enum : std::uint8_t { unclaimed, kept, to_be_given_up };
  std::vector<std::uint8_t> state(partitions, unclaimed);
  std::vector<PartitionList> parts(members);
  std::vector<std::size_t> sizes(members);  // with what comes in the second step
  for (std::size_t i = 0; i < members; ++i) {
    for (const PartitionIndex one : owned[i]) {
      std::uint8_t& its = state.at(static_cast<std::size_t>(one));
      if (its == kept) die("two members own one partition");
      const bool one_more = parts[i].size() == share && larger > 0;
      its = parts[i].size() < share || one_more ? kept : to_be_given_up;
      if (its != kept) continue;
      if (one_more) --larger;
      parts[i].push_back(one);
    }
    sizes[i] = parts[i].size();
  }
  std::size_t next = 0;
  const auto give = [&](std::size_t member) {
    while (state[next] == kept) ++next;
    ++sizes[member];
    if (state[next] == unclaimed) parts[member].push_back(static_cast<PartitionIndex>(next));
    ++next;
  };
  for (std::size_t i = 0; i < members; ++i)
    while (sizes[i] < share) give(i);
  for (std::size_t i = 0; i < members && larger > 0; ++i) {
    if (sizes[i] != share) continue;
    give(i);
    --larger;
  }
  return parts;
}

}  // namespace moldau::load
