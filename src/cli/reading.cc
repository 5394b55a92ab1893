#include "cli/reading.h"

#include <algorithm>
#include <set>
#include <utility>

#include "cli/topic_names.h"

namespace moldau::cli {
namespace {

using runtime::Task;

class Reader {
 public:
  Reader(ClusterSession& session, client::ConsumerOptions options, ReadLimits limits)
      : session_(session), consumer_(session.cluster, std::move(options)), limits_(std::move(limits)) {}

  Task<Answer<ReadEnd>> run(std::vector<ReadSpan> spans, const VisitRecord& visit,
                            const AfterLot& after_lot) {
    begin(std::move(spans));
    auto end = co_await loop(visit, after_lot);
    co_await consumer_.close();
    co_return end;
  }

 private:
  void begin(std::vector<ReadSpan> spans) {
    for (ReadSpan& span : spans) {
      known_.insert(span.partition);
      if (span.until && *span.until <= span.from) continue;
      consumer_.assign(span.partition.topic, span.partition.partition, client::StartAt::offset(span.from));
      if (span.until) ends_.emplace(span.partition, *span.until);
      endless_ |= !span.until;
    }
  }

  Task<Answer<ReadEnd>> loop(const VisitRecord& visit, const AfterLot& after_lot) {
    auto last_record = session_.executor().now();
    next_look_ = last_record + look_interval();
    while (endless_ || !ends_.empty()) {
      if (session_.interrupt.raised()) co_return ReadEnd::interrupted;
      if (session_.out().broken() || (limits_.enough && limits_.enough())) co_return ReadEnd::stopped;
      const auto now = session_.executor().now();
      if (limits_.idle && now - last_record >= *limits_.idle) co_return ReadEnd::idle;
      if (limits_.on_silence && now - last_record >= kSilence) std::exchange(limits_.on_silence, {})();
      if (endless_ && limits_.partitions_now && now >= next_look_) co_await look_for_partitions();
      // Short waits, to look up for signals and silence.
      const auto lots = co_await consumer_.poll(now + std::min(limits_.idle.value_or(kPoll), kPoll));
      if (!lots) co_return trouble(trouble_of(lots.error(), "cannot read"));
      for (const client::FetchedRecords& lot : *lots) {
        if (!co_await hand_out(lot, visit))
          co_return after_lot(), session_.interrupt.raised() ? ReadEnd::interrupted : ReadEnd::stopped;
        last_record = session_.executor().now();
        limits_.on_silence = {};
      }
      if (!lots->empty()) after_lot();
      drop_finished();
    }
    co_return ReadEnd::complete;
  }

  runtime::Duration look_interval() const {
    return std::min<runtime::Duration>(session_.cluster.options().metadata_max_age, std::chrono::seconds(5));
  }

  // A failure here is no failure of the reading: what is assigned goes on.
  Task<void> look_for_partitions() {
    const auto found = co_await limits_.partitions_now();
    next_look_ = session_.executor().now() + look_interval();
    if (!found) co_return;
    for (const TopicPartition& partition : *found) {
      if (known_.insert(partition).second)
        consumer_.assign(partition.topic, partition.partition, client::StartAt::beginning());
    }
  }

  // False: the visitor has seen enough, or a signal came while it waited.
  Task<bool> hand_out(const client::FetchedRecords& lot, const VisitRecord& visit) {
    const auto end = ends_.find({lot.topic, lot.partition});
    const client::PartitionBounds bounds = consumer_.bounds(lot.topic, lot.partition);
    std::size_t at = 0;
    for (const client::FetchedBatch& batch : lot.batches) {
      for (const std::size_t next = at + batch.records; at < next; ++at) {
        const record::RecordView& record = lot.records[at];
        if (end != ends_.end() && record.offset >= end->second) co_return true;
        const Visit next_step = visit(printed_of(lot, batch, record, bounds));
        if (next_step == Visit::stop) co_return false;
        if (next_step != Visit::wait) continue;
        co_await limits_.until_ready();
        if (session_.interrupt.raised() || (limits_.enough && limits_.enough())) co_return false;
      }
    }
    co_return true;
  }

  // Control records and what compaction removed take up offsets too: the position tells, not the records.
  void drop_finished() {
    std::erase_if(ends_, [this](const auto& entry) {
      const auto& [partition, end] = entry;
      const auto position = consumer_.position(partition.topic, partition.partition);
      const bool read_committed_end = consumer_.at_end(partition.topic, partition.partition) && position &&
                                      consumer_.high_watermark(partition.topic, partition.partition) >= end;
      const bool finished = position && (*position >= end || read_committed_end);
      if (finished) consumer_.unassign(partition.topic, partition.partition);
      return finished;
    });
  }

  static constexpr runtime::Duration kPoll = std::chrono::milliseconds(100);
  static constexpr runtime::Duration kSilence = std::chrono::seconds(3);
  ClusterSession& session_;
  client::ConsumerCore consumer_;
  ReadLimits limits_;
  std::map<TopicPartition, Offset> ends_;
  std::set<TopicPartition> known_;
  runtime::MonotonicTime next_look_{};
  bool endless_ = false;
};

using OffsetsByPartition = std::map<TopicPartition, Offset>;

Task<Answer<OffsetsByPartition>> look_up(ClusterSession& session,
                                         const std::vector<TopicPartition>& partitions,
                                         std::int64_t timestamp) {
  std::vector<client::OffsetQuery> queries;
  for (const TopicPartition& partition : partitions) queries.push_back({partition, timestamp});
  const auto results = co_await session.admin.list_offsets(std::move(queries));
  if (!results) co_return trouble(trouble_of(results.error(), "cannot look offsets up"));
  OffsetsByPartition found;
  for (const auto& [partition, listed] : *results) {
    if (!listed)
      co_return trouble(trouble_of(listed.error(), "cannot look up the offset of " + partition.to_string()));
    found.emplace(partition, listed->offset);
  }
  co_return found;
}

struct Ends {
  OffsetsByPartition start;
  OffsetsByPartition end;
};

Task<Answer<OffsetsByPartition>> resolved(ClusterSession& session,
                                          const std::vector<TopicPartition>& partitions, const Ends& ends,
                                          OffsetBound bound) {
  using Kind = OffsetBound::Kind;
  OffsetsByPartition out;
  if (bound.kind == Kind::timestamp) {
    auto found = co_await look_up(session, partitions, bound.value);
    if (!found) co_return found;
    out = std::move(*found);
  }
  for (const TopicPartition& partition : partitions) {
    const Offset start = ends.start.at(partition);
    const Offset end = ends.end.at(partition);
    Offset at = bound.value;
    if (bound.kind == Kind::start) at = start + std::min(bound.value, end - start);
    if (bound.kind == Kind::end) at = end - std::min(bound.value, end - start);
    if (bound.kind == Kind::timestamp) at = out.at(partition) == kNoOffset ? end : out.at(partition);
    out[partition] = at;
  }
  co_return out;
}

}  // namespace

PrintedRecord printed_of(const client::FetchedRecords& lot, const client::FetchedBatch& batch,
                         const record::RecordView& record, const client::PartitionBounds& bounds) {
  return {.topic = lot.topic,
          .partition = lot.partition,
          .record = record,
          .leader_epoch = batch.leader_epoch,
          .log_start_offset = bounds.log_start_offset,
          .last_stable_offset = bounds.last_stable_offset,
          .high_watermark = bounds.high_watermark,
          .producer_id = batch.producer_id,
          .producer_epoch = batch.producer_epoch,
          .attributes = batch.attributes};
}

runtime::Task<Answer<std::vector<ReadSpan>>> spans_of(ClusterSession& session,
                                                      std::vector<TopicPartition> partitions,
                                                      OffsetRange range) {
  auto start = co_await look_up(session, partitions, static_cast<std::int64_t>(client::OffsetSpec::earliest));
  if (!start) co_return trouble(std::move(start).error());
  auto end = co_await look_up(session, partitions, static_cast<std::int64_t>(client::OffsetSpec::latest));
  if (!end) co_return trouble(std::move(end).error());
  const Ends ends{std::move(*start), std::move(*end)};
  const auto from = co_await resolved(session, partitions, ends, range.from);
  if (!from) co_return trouble(from.error());
  std::vector<ReadSpan> spans;
  for (const TopicPartition& partition : partitions) {
    const Offset low = ends.start.at(partition);
    spans.push_back(
        {partition, std::clamp(from->at(partition), low, std::max(low, ends.end.at(partition))), {}});
  }
  if (range.until) {
    const auto until = co_await resolved(session, partitions, ends, *range.until);
    if (!until) co_return trouble(until.error());
    for (ReadSpan& span : spans) span.until = until->at(span.partition);
  }
  co_return spans;
}

runtime::Task<Answer<std::vector<TopicPartition>>> partitions_of(ClusterSession& session,
                                                                 std::vector<std::string> topics,
                                                                 std::vector<PartitionIndex> only) {
  const auto found = co_await session.cluster.topics({.names = std::move(topics)});
  if (!found) co_return trouble(trouble_of(found.error(), "cannot look up topics"));
  std::vector<TopicPartition> partitions;
  for (const client::TopicInfo& topic : *found) {
    if (topic.error != wire::ErrorCode::none)
      co_return trouble(co_await topic_trouble(session, topic.name, client::broker_failure(topic.error)));
    for (const PartitionIndex index : only) {
      if (!topic.find(index))
        co_return trouble(Exit::not_found,
                          "topic " + topic.name + " has no partition " + std::to_string(index),
                          "it has " + std::to_string(topic.partitions.size()) + " partitions");
      partitions.push_back({topic.name, index});
    }
    for (const client::PartitionInfo& partition : topic.partitions) {
      if (only.empty()) partitions.push_back({topic.name, partition.index});
    }
  }
  co_return partitions;
}

runtime::Task<std::function<void()>> silence_hint(ClusterSession& session, const std::vector<ReadSpan>& spans,
                                                  std::string how) {
  Session& shown = session.session;
  if (!shown.invocation.err_is_terminal || shown.quiet()) co_return std::function<void()>();
  std::vector<TopicPartition> partitions;
  for (const ReadSpan& span : spans) partitions.push_back(span.partition);
  const auto start = co_await look_up(session, std::move(partitions),
                                      static_cast<std::int64_t>(client::OffsetSpec::earliest));
  std::int64_t older = 0;
  for (const ReadSpan& span : spans) older += start ? span.from - start->at(span.partition) : 0;
  if (older <= 0) co_return std::function<void()>();
  co_return [&shown, older, how = std::move(how)] {
    shown.note("hint: waiting for new records; " + std::to_string(older) +
               (older == 1 ? " older one is there: " : " older ones are there: ") + how);
  };
}

runtime::Task<Answer<ReadEnd>> read_records(ClusterSession& session, client::ConsumerOptions options,
                                            std::vector<ReadSpan> spans, ReadLimits limits, VisitRecord visit,
                                            AfterLot after_lot) {
  Reader reader(session, std::move(options), std::move(limits));
  co_return co_await reader.run(std::move(spans), visit, after_lot);
}

}  // namespace moldau::cli
