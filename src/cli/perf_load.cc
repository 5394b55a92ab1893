#include "cli/perf_load.h"

#include "cli/command.h"
#include "cli/text_file.h"

namespace moldau::cli {

using runtime::Duration;
using runtime::MonotonicTime;
using runtime::Task;

void Stamp::write(MutableBytes value) const {
  store_be<std::uint64_t>(value.data(), run);
  store_be<std::int64_t>(value.data() + sizeof(run), due.time_since_epoch().count());
}

std::optional<Stamp> Stamp::read(const std::optional<ByteView>& value) {
  if (!value || value->size() < kSize) return std::nullopt;
  return Stamp{load_be<std::uint64_t>(value->data()),
               MonotonicTime(Duration(load_be<std::int64_t>(value->data() + sizeof(run))))};
}

Answer<std::vector<std::string>> payloads_of(const Session& session, const std::string& delimiter) {
  const auto path = session.arguments.find("payload-file");
  if (!path) return std::vector<std::string>{};
  const auto text = read_text_file(session.invocation, *path);
  if (!text) return std::unexpected(text.error());
  std::vector<std::string> payloads;
  for (std::string_view rest = *text; !rest.empty();) {
    const std::size_t end = std::min(rest.find(delimiter), rest.size());
    if (end > 0) payloads.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + delimiter.size(), rest.size()));
  }
  if (payloads.empty()) return trouble(Exit::bad_file, *path + " is empty");
  return payloads;
}

Answer<Load> load_of_flags(const Session& session, Load defaults) {
  const Arguments& arguments = session.arguments;
  if (arguments.words().size() != 1)
    return usage_trouble("which topic?", "moldau " + std::string(session.command->name) + " TOPIC");
  Load load = std::move(defaults);
  load.topic = arguments.words().front();
  if (arguments.has("duration")) load.records = INT64_MAX;
  if (arguments.has("num-records")) load.duration.reset();
  const std::int64_t least_size = load.stamped_as ? std::int64_t{Stamp::kSize} : 1;
  Trouble why;
  std::optional<Duration> duration;
  std::optional<std::int64_t> rate;
  if (!take(arguments.duration("duration"), duration, why) ||
      !take(arguments.number_or("num-records", load.records, 1), load.records, why) ||
      !take(arguments.number_or("record-size", load.record_size, least_size, 1 << 30), load.record_size,
            why) ||
      !take(arguments.number_or("warmup", load.warmup, 0), load.warmup, why) ||
      !take(arguments.number_or("key-range", 0, 0), load.key_range, why) ||
      !take(arguments.number("rate", 1, INT64_MAX), rate, why) ||
      !take(payloads_of(session, "\n"), load.payloads, why))
    return trouble(std::move(why));
  if (duration) load.duration = duration;
  if (rate) load.rate = static_cast<double>(*rate);
  return load;
}

Answer<Producers> producers_for(ClusterSession& session, const client::ProducerOptions& options,
                                std::int64_t count) {
  Producers producers;
  for (std::int64_t i = 0; i < count; ++i) {
    auto producer = client::ProducerCore::create(session.cluster, options);
    if (!producer) return usage_trouble(producer.error().cause, producer.error().hint);
    producers.push_back(std::move(*producer));
  }
  return producers;
}

Task<void> close_producers(ClusterSession& session, const Producers& producers) {
  for (const auto& producer : producers)
    co_await producer->close(session.executor().now() + std::chrono::seconds(5));
}

LoadRun::LoadRun(ClusterSession& session, Load load, const Producers& producers, OnInterval on_interval)
    : session_(session),
      load_(std::move(load)),
      producers_(producers),
      on_interval_(std::move(on_interval)),
      random_(load_.seed != 0 ? load_.seed : session.world.entropy()),
      value_(static_cast<std::size_t>(load_.record_size), 'x') {
  for (char& c : value_) c = static_cast<char>('A' + random_.below(26));
}

Task<Answer<void>> LoadRun::run() {
  begin(now());
  for (std::int64_t sent = 0; sent < load_.records && !over(); ++sent) {
    if (sent == load_.warmup) begin(now());
    if (load_.rate > 0) co_await wait_until_due(sent);
    if (auto queued = co_await send(sent); !queued) co_return queued;
    tick();
    if (failure_) co_return undelivered();
  }
  co_await flush();
  if (failure_) co_return undelivered();
  co_return Answer<void>{};
}

std::unexpected<Trouble> LoadRun::undelivered() const {
  return trouble(trouble_of(*failure_, "cannot deliver records to " + load_.topic));
}

void LoadRun::begin(MonotonicTime at) {
  started_ = interval_started_ = at;
  first_of_pace_ = next_of_pace_;
  total_.clear();
  interval_.clear();
  bytes_ = interval_bytes_ = 0;
  ++generation_;
}

// The records still in the buffer are reported as they are acknowledged.
Task<void> LoadRun::flush() {
  for (const auto& producer : producers_) {
    Task<void> flushing = producer->flush();
    while (!flushing.ended()) {
      co_await runtime::sleep_for(session_.executor(), std::chrono::milliseconds(20));
      tick();
    }
    co_await std::move(flushing);
  }
}

bool LoadRun::over() {
  return session_.interrupt.raised() || (load_.duration && now() - started_ >= *load_.duration) ||
         (load_.enough && load_.enough());
}

MonotonicTime LoadRun::due(std::int64_t sent) const {
  const double seconds = static_cast<double>(sent - first_of_pace_) / load_.rate;
  return started_ + std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
}

Task<void> LoadRun::wait_until_due(std::int64_t sent) {
  next_of_pace_ = sent;
  const MonotonicTime at = due(sent);
  if (at > now()) co_await runtime::sleep_until(session_.executor(), at);
}

std::string_view LoadRun::payload(std::int64_t sent, MonotonicTime from) {
  if (load_.stamped_as) {
    const auto at = reinterpret_cast<std::byte*>(value_.data());
    Stamp{*load_.stamped_as, from}.write({at, value_.size()});
    return value_;
  }
  if (!load_.payloads.empty()) return load_.payloads[random_.below(load_.payloads.size())];
  if (load_.monotonic) return number_ = std::to_string(sent);
  return value_;
}

std::optional<ByteView> LoadRun::key(std::int64_t sent) {
  if (load_.key_range <= 0) return std::nullopt;
  const auto range = static_cast<std::uint64_t>(load_.key_range);
  key_ = std::to_string(load_.random_keys ? random_.below(range) : static_cast<std::uint64_t>(sent) % range);
  return as_bytes(key_);
}

Task<Answer<void>> LoadRun::send(std::int64_t sent) {
  const MonotonicTime from = load_.rate > 0 ? due(sent) : now();
  const std::string_view value = payload(sent, from);
  client::DeliveryCallback settled = [this, from, size = value.size(), generation = generation_](
                                         const client::Outcome<client::RecordMetadata>& outcome) {
    if (!outcome) {
      failure_ = outcome.error();
      return;
    }
    ++acknowledged_;
    if (generation == generation_) note(now() - from, size);
  };
  const client::NewRecord record{.topic = load_.topic, .key = key(sent), .value = as_bytes(value)};
  client::ProducerCore& producer = *producers_[static_cast<std::size_t>(sent) % producers_.size()];
  auto queued = producer.try_send(record, settled);
  if (queued && *queued == client::ProducerCore::Queued::would_block) {
    auto waited = co_await producer.send(record, std::move(settled));
    if (!waited) co_return trouble(trouble_of(waited.error(), "cannot send to " + load_.topic));
  } else if (!queued) {
    co_return trouble(trouble_of(queued.error(), "cannot send to " + load_.topic));
  }
  // Lets what has arrived be seen to; a loop that never waits would keep the shard.
  constexpr std::int64_t kTurn = 256;
  if (sent % kTurn == 0) co_await runtime::yield(session_.executor());
  co_return Answer<void>{};
}

void LoadRun::note(Duration latency, std::size_t size) {
  total_.add(latency);
  interval_.add(latency);
  bytes_ += static_cast<std::int64_t>(size);
  interval_bytes_ += static_cast<std::int64_t>(size);
  last_acknowledged_ = now();
}

void LoadRun::tick() {
  if (!on_interval_ || now() - interval_started_ < load_.interval || interval_.count() == 0) return;
  on_interval_(interval_, interval_bytes_, now() - interval_started_);
  interval_.clear();
  interval_bytes_ = 0;
  interval_started_ = now();
}

}  // namespace moldau::cli
