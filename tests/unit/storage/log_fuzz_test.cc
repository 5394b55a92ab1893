// Random operations on a log against a naive model, with kills and losses of power at any of them.
#include <deque>

#include "log_fixture.h"

namespace moldau::storage::testing {
namespace {

struct Expected {
  int number;
  TimestampMs timestamp;
  LeaderEpoch epoch;
};

// What a log must hold: one record per offset from `first` on.
class Model {
 public:
  Offset first = 0;      // of `records`
  Offset log_start = 0;  // records below may be gone
  Offset durable = 0;    // what was acknowledged ends here
  std::deque<Expected> records;

  Offset end() const { return first + static_cast<Offset>(records.size()); }
  const Expected& at(Offset offset) const { return records[static_cast<std::size_t>(offset - first)]; }
  void truncate(Offset end_offset) {
    if (end_offset < first) first = end_offset;
    records.resize(static_cast<std::size_t>(std::max<Offset>(0, std::min(end_offset, end()) - first)));
    durable = std::min(durable, end_offset);
  }
};

// An idempotent producer: what it has in the log, and so which sequence is next and what a retry must find.
class Sender {
 public:
  struct Sent {
    Offset first;
    int count;
    Slice batch;
  };

  explicit Sender(ProducerId id = 100) : id_(id) {}

  Producer next() const { return {.id = id_, .sequence = sequence_}; }
  void appended(Offset first, int count, Slice batch) {
    sent_.push_back({first, count, std::move(batch)});
    sequence_ += count;
  }
  // The log ends here now; a producer of whom nothing is left may be unknown.
  void truncate(Offset end_offset) {
    for (; !sent_.empty() && sent_.back().first >= end_offset; sent_.pop_back())
      sequence_ -= sent_.back().count;
    if (sent_.empty()) *this = Sender(id_ + 1);
  }
  // One of those that the log must know again, or null.
  const Sent* any_retry(Random& random, Offset log_start) const {
    const std::size_t back = random.below(ProducerState::kBatchesKept) + 1;
    if (back > sent_.size()) return nullptr;
    const Sent& sent = sent_[sent_.size() - back];
    return sent.first >= log_start ? &sent : nullptr;
  }

 private:
  ProducerId id_;
  Sequence sequence_ = 0;
  std::vector<Sent> sent_;
};

class LogFuzz {
 public:
  LogFuzz(std::uint64_t seed, Durability durability) : random_(seed), world_(seed), node_(world_) {
    LogConfig& config = node_.config;
    config.durability = durability;
    config.segment_bytes = random_.between(300, 5000);
    config.index_interval_bytes = random_.between(50, 1000);
    config.retention_ms = -1;
    config.file_delete_delay_ms = random_.between(0, 100);
    config.preallocate = random_.one_in(8);
    node_.tail_flush_bytes = random_.between(200, 5000);
    node_.commit_log_bytes = 1 << 20;
  }

  void run(int steps) {
    ASSERT_TRUE(node_.open());
    for (int step = 0; step < steps && !::testing::Test::HasFailure(); ++step) {
      SCOPED_TRACE("step " + std::to_string(step));
      one_step();
      if (!::testing::Test::HasFailure()) check_ends();
    }
    if (!::testing::Test::HasFailure()) check_all();
  }

 private:
  // MOLDAU_VERBOSE shows what happens.
  void trace(std::uint64_t kind) {
    if (!std::getenv("MOLDAU_VERBOSE")) return;
    std::fprintf(stderr, "op %lu: [%ld, %ld) durable %ld recovery point %ld segments %zu unflushed %ld\n",
                 kind, model_.log_start, model_.end(), node_.log->durable_end_offset().value(),
                 node_.log->recovery_point(), node_.log->segment_count(), node_.log->unflushed_bytes());
  }

  void one_step() {
    const std::uint64_t kind = random_.below(26);
    trace(kind);
    switch (kind) {
      case 0:
        return crash(false);
      case 1:
        return crash(true);
      case 2:
        return restart();
      case 3:
        return truncate();
      case 4:
        return delete_records();
      case 5:
        return retention();
      case 6:
        return look_up();
      case 7:
        return flush();
      case 8:
      case 9:
      case 10:
        return read();
      case 11:
        if (random_.one_in(4)) return start_anew();
        return;
      case 12:
        static_cast<void>(world_.run_for(runtime::milliseconds(random_.between(0, 20))));
        return;
      case 13:
        return roll();
      case 14:
      case 15:
        return append_as_follower();
      case 16:
      case 17:
        return append_idempotently();
      case 18:
        return retry();
      default:
        return append();
    }
  }

  void cut_to(Offset end_offset) {
    model_.truncate(end_offset);
    sender_.truncate(end_offset);
  }

  void roll() {
    const std::size_t before = node_.log->segment_count();
    const Status status = node_.log->roll(20'000);
    ASSERT_TRUE(status) << status.error().message;
    ASSERT_LE(node_.log->segment_count(), before + 1);
  }

  void append_as_follower() {
    const int count = static_cast<int>(random_.between(1, 6));
    const BatchSpec spec{.records = count,
                         .timestamp = random_.between(1000, 9000),
                         .base_offset = model_.end(),
                         .epoch = epoch_};
    const auto info = node_.log->append_as_follower(make_batch(spec, next_number_), node_.now);
    if (!info && info.error().code == LogErrorCode::record_list_too_large) return;
    if (!info && info.error().cause == Errc::unavailable) return;
    ASSERT_TRUE(info) << info.error().message;
    for (int i = 0; i < count; ++i) model_.records.push_back({next_number_++, spec.timestamp, epoch_});
  }

  void append_idempotently() {
    const int count = static_cast<int>(random_.between(1, 4));
    const BatchSpec spec{
        .records = count, .timestamp = random_.between(1000, 9000), .producer = sender_.next()};
    const Slice batch = make_batch(spec, next_number_);
    const auto info = node_.append(batch, epoch_);
    if (!info && info.error().code == LogErrorCode::record_list_too_large) return;
    if (!info && info.error().cause == Errc::unavailable) return;
    ASSERT_TRUE(info) << info.error().message;
    ASSERT_FALSE(info->duplicate);
    sender_.appended(info->first_offset, count, batch);
    for (int i = 0; i < count; ++i) model_.records.push_back({next_number_++, spec.timestamp, epoch_});
  }

  void retry() {
    const auto* sent = sender_.any_retry(random_, model_.log_start);
    if (sent == nullptr) return;
    const auto info = node_.append(sent->batch, epoch_);
    ASSERT_TRUE(info) << info.error().message;
    EXPECT_TRUE(info->duplicate) << "a retry is appended again";
    EXPECT_EQ(info->first_offset, sent->first);
  }

  void append() {
    const int count = static_cast<int>(random_.between(1, 6));
    if (random_.one_in(10)) ++epoch_;
    const BatchSpec spec{
        .records = count,
        .value_size = static_cast<std::size_t>(random_.between(4, random_.one_in(9) ? 2000 : 80)),
        .timestamp = random_.between(1000, 9000),
        .codec = static_cast<record::Codec>(random_.below(5))};
    const Offset before = model_.end();
    const bool wait = random_.one_in(2);
    auto info = wait ? node_.commit(make_batch(spec, next_number_), epoch_)
                     : node_.append(make_batch(spec, next_number_), epoch_);
    if (!info && info.error().code == LogErrorCode::record_list_too_large) return;
    if (!info && info.error().cause == Errc::unavailable) return;
    ASSERT_TRUE(info) << info.error().message;
    EXPECT_EQ(info->first_offset, before);
    for (int i = 0; i < count; ++i) model_.records.push_back({next_number_++, spec.timestamp, epoch_});
  }

  void note_durable() { model_.durable = std::max(model_.durable, node_.log->durable_end_offset().value()); }

  void read() {
    if (model_.end() == model_.log_start) return;
    const Offset from = random_.between(model_.log_start, model_.end());
    const auto piece = node_.read(from, static_cast<std::size_t>(random_.between(1, 5000)));
    ASSERT_TRUE(piece) << piece.error().message;
    ASSERT_EQ(piece->batches.empty(), from == model_.end());
    if (piece->batches.empty()) return;
    ASSERT_LE(piece->first_offset, from);
    ASSERT_GT(piece->next_offset, from);
    std::vector<int> numbers;
    for (const Slice& slice : piece->batches) LogHarness::collect(slice, from, numbers);
    ASSERT_EQ(numbers.size(), static_cast<std::size_t>(piece->next_offset - from));
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      ASSERT_EQ(numbers[i], model_.at(from + static_cast<Offset>(i)).number);
    }
  }

  void look_up() {
    const TimestampMs wanted = random_.between(500, 9500);
    std::optional<TimestampOffset> first;
    std::optional<TimestampOffset> highest;
    for (Offset offset = model_.log_start; offset < model_.end(); ++offset) {
      const Expected& record = model_.at(offset);
      const TimestampOffset found{record.timestamp, offset, record.epoch};
      if (!first && record.timestamp >= wanted) first = found;
      if (!highest || record.timestamp > highest->timestamp) highest = found;
    }
    const auto by_time = world_.run(node_.log->offset_for_timestamp(wanted));
    ASSERT_TRUE(by_time) << by_time.error().message;
    EXPECT_EQ(*by_time, first) << "timestamp " << wanted;
    const auto by_maximum = world_.run(node_.log->offset_of_max_timestamp());
    ASSERT_TRUE(by_maximum) << by_maximum.error().message;
    EXPECT_EQ(*by_maximum, highest);
  }

  void truncate() {
    const Offset to = random_.between(std::max(model_.log_start, model_.end() - 40), model_.end());
    const Status status = world_.run(node_.log->truncate_to(to));
    ASSERT_TRUE(status) << status.error().message;
    ASSERT_LE(node_.log->end_offset().value(), to);
    ASSERT_GT(node_.log->end_offset().value(), to - 6);
    cut_to(node_.log->end_offset().value());
    model_.log_start = node_.log->log_start_offset();
  }

  void start_anew() {
    const Offset at = random_.between(0, model_.end() + 100);
    const Status status = world_.run(node_.log->truncate_fully_and_start_at(at));
    ASSERT_TRUE(status) << status.error().message;
    model_ = Model{.first = at, .log_start = at, .durable = at, .records = {}};
    sender_.truncate(0);
  }

  void delete_records() {
    const Offset at = random_.between(model_.log_start, std::min(model_.end(), model_.log_start + 20));
    ASSERT_TRUE(node_.log->set_log_start_offset(at));
    model_.log_start = at;
    node_.log_start = at;
  }

  void retention() {
    const Offset high_watermark = random_.between(model_.log_start, model_.end());
    const Offset before = node_.log->log_start_offset();
    LogConfig config = node_.config;
    if (random_.one_in(3)) config.retention_bytes = random_.between(0, 20000);
    if (random_.one_in(6)) config.retention_ms = 1;
    node_.log->configure(config);
    const auto dropped = world_.run(node_.log->run_retention(20'000, high_watermark));
    ASSERT_TRUE(dropped) << dropped.error().message;
    node_.log->configure(node_.config);
    const Offset after = node_.log->log_start_offset();
    EXPECT_GE(after, before);
    EXPECT_LE(after, std::max(before, high_watermark));
    model_.log_start = after;
    node_.log_start = after;
  }

  void flush() {
    const Status status = world_.run(node_.log->flush());
    ASSERT_TRUE(status) << status.error().message;
  }

  void restart() {
    ASSERT_TRUE(node_.close());
    const Status status = node_.open();
    ASSERT_TRUE(status) << status.error().message;
    EXPECT_EQ(node_.log->end_offset().value(), model_.end());
    check_all();
  }

  void crash(bool power) {
    note_durable();
    const Status status = node_.crash(power);
    ASSERT_TRUE(status) << status.error().message;
    const Offset end = node_.log->end_offset().value();
    const bool loses = power && node_.config.durability == Durability::page_cache;
    if (!loses) EXPECT_GE(end, model_.durable) << "acknowledged records are lost";
    ASSERT_LE(end, model_.end());
    cut_to(end);
    model_.log_start = node_.log->log_start_offset();
    check_all();
  }

  void check_ends() {
    EXPECT_EQ(node_.log->end_offset().value(), model_.end());
    EXPECT_LE(node_.log->durable_end_offset().value(), model_.end());
    EXPECT_LE(node_.log->recovery_point(), model_.end());
    EXPECT_EQ(node_.log->log_start_offset(), model_.log_start);
    node_.log_start = model_.log_start;
  }

  void check_all() {
    const std::vector<int> numbers = node_.numbers(model_.log_start);
    ASSERT_EQ(numbers.size(), static_cast<std::size_t>(model_.end() - model_.log_start));
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      ASSERT_EQ(numbers[i], model_.at(model_.log_start + static_cast<Offset>(i)).number);
    }
  }

  Random random_;
  simulation::World world_;
  LogHarness node_;
  Model model_;
  Sender sender_;
  LeaderEpoch epoch_ = 0;
  int next_number_ = 0;
};

class LogFuzzTest : public ::testing::TestWithParam<Durability> {};

TEST_P(LogFuzzTest, AgreesWithAModel) {
  const char* only = std::getenv("MOLDAU_SEED");
  const char* many = std::getenv("MOLDAU_SEEDS");
  const std::uint64_t first = only ? std::stoull(only) : 1;
  const std::uint64_t last = only ? first : many ? std::stoull(many) : 60;
  for (std::uint64_t seed = first; seed <= last && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    LogFuzz(seed, GetParam()).run(250);
  }
}

INSTANTIATE_TEST_SUITE_P(Durability, LogFuzzTest,
                         ::testing::Values(Durability::synced, Durability::page_cache), [](const auto& info) {
                           return std::string(info.param == Durability::synced ? "Synced" : "PageCache");
                         });

}  // namespace
}  // namespace moldau::storage::testing
