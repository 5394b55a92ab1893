// A copy of a topic: what was asked for, its target, and the way of its records there. Offsets are the
// target's own; partitions, keys, values, headers and timestamps are kept.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/reading.h"
#include "cli/report.h"
#include "client/producer.h"

namespace moldau::cli {

struct CopyPlan {
  std::string from, to;
  OffsetRange range;
  std::vector<PartitionIndex> partitions;
  std::optional<std::int64_t> replicas;  // of TO
  bool create = false;
  bool dry_run = false;
  client::ProducerOptions producing;
  client::ConsumerOptions consuming;
};

// The target topic is there, or is made like `from` (--create). False: it would be made, but for --dry-run.
// Not found: it is neither; a conflict: it has too few partitions.
runtime::Task<Answer<bool>> prepare_target(ClusterSession& source, ClusterSession& target,
                                           const client::TopicInfo& from, const CopyPlan& plan);

// What became of one partition.
struct CopiedPart {
  ReadSpan span;
  std::int64_t read = 0;
  std::int64_t acknowledged = 0;
  std::optional<Offset> first_offset;  // in TO
  Offset end_before = 0, end_after = 0;

  std::int64_t at_most() const { return std::max<std::int64_t>(0, *span.until - span.from); }
};

// Reads the spans and writes their records with `producer`, which is closed at the end.
class RecordCopy {
 public:
  RecordCopy(ClusterSession& source, const CopyPlan& plan, client::ProducerCore& producer,
             const std::vector<ReadSpan>& spans);

  // The first record that could not be delivered ends it.
  runtime::Task<Answer<ReadEnd>> run();
  std::map<PartitionIndex, CopiedPart>& parts() { return parts_; }

 private:
  Visit copy(const PrintedRecord& printed);
  runtime::Task<void> send_held();
  client::DeliveryCallback on_settled(PartitionIndex partition);
  void show();

  ClusterSession& source_;
  const CopyPlan& plan_;
  client::ProducerCore& producer_;
  Progress progress_;
  std::map<PartitionIndex, CopiedPart> parts_;
  std::int64_t all_ = 0, read_ = 0;
  client::NewRecord held_;
  std::vector<record::HeaderEntry> held_headers_;
  std::optional<client::Failure> failure_;
};

}  // namespace moldau::cli
