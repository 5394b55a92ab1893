// Reading as a member of a group.
#include <algorithm>

#include "cli/reading.h"

namespace moldau::cli {
namespace {

using runtime::Task;

class MemberReader {
 public:
  MemberReader(ClusterSession& session, client::GroupConsumerOptions options,
               client::Membership::Subscription subscription, bool at_end, ReadLimits limits)
      : session_(session),
        consumer_(session.cluster, std::move(options), std::move(subscription)),
        at_end_(at_end),
        limits_(std::move(limits)) {}

  Task<Answer<ReadEnd>> run(const VisitRecord& visit, const AfterLot& after_lot) {
    auto end = co_await loop(visit, after_lot);
    co_await consumer_.close();
    co_return end;
  }

 private:
  Task<Answer<ReadEnd>> loop(const VisitRecord& visit, const AfterLot& after_lot) {
    auto last_record = session_.executor().now();
    for (;;) {
      if (session_.interrupt.raised()) co_return ReadEnd::interrupted;
      if (session_.out().broken() || (limits_.enough && limits_.enough())) co_return ReadEnd::stopped;
      const auto now = session_.executor().now();
      if (limits_.idle && now - last_record >= *limits_.idle) co_return ReadEnd::idle;
      // Short waits, to look up for signals and silence.
      const auto lots = co_await consumer_.poll(now + std::min(limits_.idle.value_or(kPoll), kPoll));
      if (!lots) co_return trouble(trouble_of(lots.error(), "cannot read as a member of the group"));
      for (const client::FetchedRecords& lot : *lots) {
        if (!co_await hand_out(lot, visit))
          co_return after_lot(), session_.interrupt.raised() ? ReadEnd::interrupted : ReadEnd::stopped;
        last_record = session_.executor().now();
      }
      if (!lots->empty()) after_lot();
      if (at_end_ && lots->empty() && has_read_all()) co_return ReadEnd::complete;
    }
  }

  // False: the visitor has seen enough, or a signal came while it waited.
  Task<bool> hand_out(const client::FetchedRecords& lot, const VisitRecord& visit) {
    const client::PartitionBounds bounds = consumer_.records().bounds(lot.topic, lot.partition);
    const TopicPartition partition{lot.topic, lot.partition};
    std::size_t at = 0;
    for (const client::FetchedBatch& batch : lot.batches) {
      for (const std::size_t next = at + batch.records; at < next; ++at) {
        const record::RecordView& record = lot.records[at];
        const Visit next_step = visit(printed_of(lot, batch, record, bounds));
        if (next_step == Visit::go_on && at + 1 < lot.records.size()) continue;
        consumer_.done(partition, record.offset + 1);
        if (next_step == Visit::stop) co_return false;
        if (next_step != Visit::wait) continue;
        co_await limits_.until_ready();
        if (session_.interrupt.raised() || (limits_.enough && limits_.enough())) co_return false;
      }
    }
    co_return true;
  }

  bool has_read_all() {
    const auto assignment = consumer_.assignment();
    return !assignment.empty() && std::ranges::all_of(assignment, [this](const TopicPartition& one) {
      return consumer_.records().at_end(one.topic, one.partition);
    });
  }

  static constexpr runtime::Duration kPoll = std::chrono::milliseconds(100);
  ClusterSession& session_;
  client::GroupConsumer consumer_;
  const bool at_end_;
  ReadLimits limits_;
};

}  // namespace

Task<Answer<ReadEnd>> read_as_member(ClusterSession& session, client::GroupConsumerOptions options,
                                     client::Membership::Subscription subscription, bool at_end,
                                     ReadLimits limits, VisitRecord visit, AfterLot after_lot) {
  MemberReader reader(session, std::move(options), std::move(subscription), at_end, std::move(limits));
  co_return co_await reader.run(visit, after_lot);
}

}  // namespace moldau::cli
