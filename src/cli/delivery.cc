#include "cli/delivery.h"

namespace moldau::cli {
namespace {

std::optional<ByteView> view_of(const std::optional<std::string>& text) {
  return text ? std::optional(as_bytes(*text)) : std::nullopt;
}

}  // namespace

void Delivery::refused(const ParsedRecord& record, const client::Failure& failure) {
  constexpr std::int64_t kTold = 5;
  Trouble why = trouble_of(failure, "cannot deliver a record to " + record.topic.value_or("?"));
  if (failure.code == Errc::too_large && failure.broker == wire::ErrorCode::none && why.hint.empty())
    why.hint = "raise the producer's limit: --max-message-bytes N, or the property max.request.size";
  if (failed_++ == 0) first_failure_ = why.exit;
  if (failed_ > kTold) return;
  session_.tell(why);
  if (failed_ == kTold) session_.note("further failures are only counted");
}

runtime::Task<bool> Delivery::send(ParsedRecord record) {
  auto kept = std::make_shared<ParsedRecord>(std::move(record));
  std::vector<record::HeaderEntry> headers;
  for (const ParsedHeader& header : kept->headers) headers.push_back({header.key, view_of(header.value)});
  const client::NewRecord wanted{.topic = *kept->topic,
                                 .partition = kept->partition,
                                 .key = view_of(kept->key),
                                 .value = view_of(kept->value),
                                 .headers = headers,
                                 .timestamp = kept->timestamp.value_or(kNoTimestamp)};
  client::DeliveryCallback settled = [this, kept](const client::Outcome<client::RecordMetadata>& outcome) {
    if (!outcome) return refused(*kept, outcome.error());
    ++acknowledged_;
    if (on_acknowledged_) on_acknowledged_(*kept, *outcome);
  };
  ++sent_;
  const auto queued = producer_->try_send(wanted, settled);
  if (queued && *queued == client::ProducerCore::Queued::queued) co_return true;
  if (!queued) co_return refused(*kept, queued.error()), false;
  const auto waited = co_await producer_->send(wanted, std::move(settled));
  if (!waited) refused(*kept, waited.error());
  co_return waited.has_value();
}

runtime::Task<Answer<Exit>> Delivery::finish(ClusterSession& session, Answer<void> sent) {
  constexpr auto kAfterSignal = std::chrono::seconds(5);
  const bool cut = session.interrupt.raised();
  co_await producer_->close(cut ? session.executor().now() + kAfterSignal : runtime::kForever);
  if (!sent) co_return trouble(std::move(sent).error());
  co_return cut ? exit_of(session.interrupt) : exit();
}

}  // namespace moldau::cli
