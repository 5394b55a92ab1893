// Records of __transaction_state as anybody may have written them: read, written again, loaded, and gone on
// with.
#include <set>

#include "fuzz/input.h"
#include "fuzz/target.h"
#include "transaction/transactions.h"

namespace moldau::fuzz {
namespace {

using transaction::Record;
using transaction::Records;
using transaction::State;
using transaction::Transaction;
using transaction::Transactions;

constexpr std::size_t kMaxSize = 600;
constexpr TimestampMs kNow = 1'700'000'000'000;

class Loaded {
 public:
  void read(const Slice& key, const std::optional<Slice>& value) {
    const auto record = transaction::decode(key, value);
    if (!record) {
      MOLDAU_ASSERT(record.error().code == Errc::corrupt || record.error().code == Errc::truncated);
      return;
    }
    if (!*record) return;
    check_written(**record);
    apply({**record});
    ids_.insert((*record)->transactional_id);
  }
  // What its producers and time do to it: whatever was in the log, this ends.
  void go_on() {
    for (const std::string& id : ids_) {
      static_cast<void>(state_.describe(id));
      finish(id);
      initialise(id);
      finish(id);
      initialise(id);
    }
    for (const std::string& id : state_.timed_out(kNow)) apply(state_.abort_timed_out(id, fresh(id), kNow));
    apply(state_.expire_ids(kNow));
    wire::ListTransactionsRequest filters;
    filters.duration_filter = 1;
    static_cast<void>(state_.list(filters, kNow));
  }

 private:
  static void check_written(const Record& record) {
    const auto written = transaction::encode(record, transaction::kFlexibleRecordsFrom);
    const auto again = transaction::decode(written.key, written.value);
    MOLDAU_ASSERT(again.has_value() && *again, "what was written cannot be read");
    Record expected = record;
    // Partitions of one that has none are not written.
    if (expected.value && expected.value->state == State::empty) expected.value->partitions.clear();
    MOLDAU_ASSERT(**again == expected, "a record changes by being written");
    const auto old = transaction::encode(record, 0);
    MOLDAU_ASSERT(transaction::decode(old.key, old.value).has_value(), "nor in the first form");
  }
  std::optional<ProducerId> fresh(const std::string& id) {
    return state_.needs_producer_id(id) ? std::optional(next_id_++) : std::nullopt;
  }
  void initialise(const std::string& id) {
    wire::InitProducerIdRequest request;
    request.transactional_id = id;
    request.transaction_timeout_ms = 60'000;
    apply(state_.init_producer_id(request, fresh(id), kNow).records);
  }
  void finish(const std::string& id) {
    if (const auto ending = state_.ending_of(id)) {
      apply(state_.complete(*ending, kNow));
      MOLDAU_ASSERT(!state_.ending_of(id), "an end that is through is through");
    }
  }
  void apply(const Records& records) {
    for (const Record& record : records) state_.replay(record, end_++);
  }

  Transactions state_{transaction::Settings()};
  std::set<std::string> ids_;
  Offset end_ = 0;
  ProducerId next_id_ = 1'000;
};

void run(ByteView bytes) {
  Input in(bytes);
  Loaded loaded;
  while (!in.empty()) {
    const Slice key = Slice::copy_of(in.piece());
    const bool deletes = in.byte() == 0;
    const Slice value = Slice::copy_of(in.long_piece());
    loaded.read(key, deletes ? std::nullopt : std::optional(value));
  }
  loaded.go_on();
}

std::string text_of(const Record& record, transaction::TransactionVersion version) {
  const transaction::EncodedRecord encoded = transaction::encode(record, version);
  const Slice value = encoded.value.value_or(Slice());
  std::string text(1, static_cast<char>(encoded.key.size()));
  text += encoded.key.text();
  text += encoded.value ? '\1' : '\0';
  text += static_cast<char>(value.size() >> 8);
  text += static_cast<char>(value.size());
  text += value.text();
  return text;
}

void seeds(Seeds& seeds) {
  for (const transaction::TransactionVersion version : {0, 2}) {
    std::string all;
    for (const State state : {State::empty, State::ongoing, State::prepare_commit, State::prepare_abort,
                              State::complete_commit, State::complete_abort}) {
      for (const ProducerEpoch epoch : {ProducerEpoch{3}, ProducerEpoch{32'766}, ProducerEpoch{32'767}}) {
        Transaction transaction{.producer_id = 7,
                                .previous_producer_id = 6,
                                .epoch = epoch,
                                .timeout_ms = 60'000,
                                .state = state,
                                .start_ms = kNow - 1'000,
                                .last_update_ms = kNow,
                                .client_version = version};
        if (!transaction::is_idle(state)) transaction.partitions = {{"t", 0}, {"t", 2}, {"u", 1}};
        if (transaction::is_prepared(state)) transaction.next_producer_id = 9;
        seeds.add(text_of({"id", transaction}, version));
        if (epoch == 3)
          all += text_of({"id" + std::to_string(static_cast<int>(state)), transaction}, version);
      }
    }
    seeds.add(all.substr(0, kMaxSize));
  }
  seeds.add(text_of({"id", {}}, 2));
}

MOLDAU_FUZZ_TARGET(transaction_records, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
