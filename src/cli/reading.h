// Reading: records of assigned partitions, each from one offset up to another or for ever, or of those that a
// group gives, handed out one by one. What consume, the console consumer and the perf tools read with.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "cli/offset_range.h"
#include "cli/record_writer.h"
#include "cli/session.h"
#include "client/group_consumer.h"

namespace moldau::cli {

struct ReadSpan {
  TopicPartition partition;
  Offset from = 0;
  std::optional<Offset> until;  // exclusive
};

// The spans of `range` in these partitions, as of now. An offset outside of what a partition holds is moved
// to the nearest end of it.
runtime::Task<Answer<std::vector<ReadSpan>>> spans_of(ClusterSession& session,
                                                      std::vector<TopicPartition> partitions,
                                                      OffsetRange range);

// All partitions of the topics, or those of `only`. Not found when a topic or partition is not there.
runtime::Task<Answer<std::vector<TopicPartition>>> partitions_of(ClusterSession& session,
                                                                 std::vector<std::string> topics,
                                                                 std::vector<PartitionIndex> only);

enum class ReadEnd {
  complete,     // every span has been read
  stopped,      // the visitor or `enough` said so, or the reader of the output has gone
  idle,         // nothing came for `idle`
  interrupted,  // a signal
};

using PartitionsNow = std::function<runtime::Task<Answer<std::vector<TopicPartition>>>()>;

struct ReadLimits {
  std::optional<runtime::Duration> idle;
  // Asked from time to time while reading without an end: partitions that have been added are read, from
  // their start.
  PartitionsNow partitions_now;
  // Called once, when nothing at all came for 3 seconds.
  std::function<void()> on_silence;
  // Asked several times a second: true stops the reading.
  std::function<bool()> enough;
  // What a visitor waits for that said Visit::wait.
  std::function<runtime::Task<void>()> until_ready;
};

// What is told a person who waits for new records while the partitions hold older ones: for on_silence.
// `how`: what to do to see them. Empty when there is nothing to tell, or nobody to tell it to.
runtime::Task<std::function<void()>> silence_hint(ClusterSession& session, const std::vector<ReadSpan>& spans,
                                                  std::string how);

// wait: the next record is handed out once ReadLimits::until_ready has ended; until then what the visitor
// has seen of this one stays where it is.
enum class Visit : std::uint8_t { go_on, wait, stop };
constexpr Visit go_on_if(bool condition) { return condition ? Visit::go_on : Visit::stop; }
using VisitRecord = std::function<Visit(const PrintedRecord&)>;
// Called after each lot of records, before waiting for more.
using AfterLot = std::function<void()>;

runtime::Task<Answer<ReadEnd>> read_records(ClusterSession& session, client::ConsumerOptions options,
                                            std::vector<ReadSpan> spans, ReadLimits limits, VisitRecord visit,
                                            AfterLot after_lot);

// As a member of a group, which gives the partitions; of the limits those that concern partitions have no
// effect. Commits what the visitor has seen. `at_end`: ends once everything that the group gave is read.
runtime::Task<Answer<ReadEnd>> read_as_member(ClusterSession& session, client::GroupConsumerOptions options,
                                              client::Membership::Subscription subscription, bool at_end,
                                              ReadLimits limits, VisitRecord visit, AfterLot after_lot);

// The record `record` of `batch` of `lot`. Borrows.
PrintedRecord printed_of(const client::FetchedRecords& lot, const client::FetchedBatch& batch,
                         const record::RecordView& record, const client::PartitionBounds& bounds);

}  // namespace moldau::cli
