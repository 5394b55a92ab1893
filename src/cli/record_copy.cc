#include "cli/record_copy.h"

namespace moldau::cli {

using runtime::Task;

RecordCopy::RecordCopy(ClusterSession& source, const CopyPlan& plan, client::ProducerCore& producer,
                       const std::vector<ReadSpan>& spans)
    : source_(source), plan_(plan), producer_(producer), progress_(source.session, source.executor()) {
  for (const ReadSpan& span : spans) {
    parts_[span.partition.partition].span = span;
    all_ += parts_[span.partition.partition].at_most();
  }
}

Task<Answer<ReadEnd>> RecordCopy::run() {
  std::vector<ReadSpan> spans;
  for (const auto& [index, part] : parts_) spans.push_back(part.span);
  ReadLimits limits{.enough = [this] { return failure_.has_value(); },
                    .until_ready = [this] { return send_held(); }};
  auto end = co_await read_records(
      source_, plan_.consuming, std::move(spans), std::move(limits),
      [this](const PrintedRecord& printed) { return copy(printed); }, [] {});
  const auto patience = source_.interrupt.raised() || failure_
                            ? source_.executor().now() + std::chrono::seconds(5)
                            : runtime::kForever;
  co_await producer_.close(patience);
  progress_.clear();
  if (failure_ && !source_.interrupt.raised())
    co_return trouble(trouble_of(*failure_, "cannot deliver a record to " + plan_.to));
  co_return end;
}

Visit RecordCopy::copy(const PrintedRecord& printed) {
  const record::RecordView& record = printed.record;
  held_headers_.clear();
  for (const record::HeaderEntry& header : record.headers) held_headers_.push_back(header);
  held_ = {.topic = plan_.to,
           .partition = printed.partition,
           .key = record.key,
           .value = record.value,
           .headers = held_headers_,
           .timestamp = record.timestamp};
  ++parts_[printed.partition].read;
  ++read_;
  show();
  auto settled = on_settled(printed.partition);
  const auto queued = producer_.try_send(held_, settled);
  if (!queued) return failure_ = queued.error(), Visit::stop;
  if (*queued == client::ProducerCore::Queued::would_block) return Visit::wait;
  return failure_ ? Visit::stop : Visit::go_on;
}

// What could not be queued at once.
Task<void> RecordCopy::send_held() {
  const auto sent = co_await producer_.send(held_, on_settled(*held_.partition));
  if (!sent && !failure_) failure_ = sent.error();
}

client::DeliveryCallback RecordCopy::on_settled(PartitionIndex partition) {
  return [this, partition](const client::Outcome<client::RecordMetadata>& outcome) {
    if (!outcome) {
      if (!failure_) failure_ = outcome.error();
      return;
    }
    CopiedPart& part = parts_[partition];
    ++part.acknowledged;
    if (!part.first_offset) part.first_offset = outcome->offset;
  };
}

void RecordCopy::show() {
  if (!progress_.due()) return;
  const std::int64_t percent = all_ == 0 ? 100 : std::min<std::int64_t>(100, read_ * 100 / all_);
  progress_.show(std::to_string(read_) + " of at most " + std::to_string(all_) + " records, " +
                 std::to_string(percent) + " %");
}

}  // namespace moldau::cli
