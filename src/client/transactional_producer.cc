#include "client/transactional_producer.h"

#include <algorithm>

#include "client/admin_items.h"
#include "wire/messages/add_offsets_to_txn.h"
#include "wire/messages/add_partitions_to_txn.h"
#include "wire/messages/end_txn.h"
#include "wire/messages/init_producer_id.h"
#include "wire/messages/txn_offset_commit.h"

namespace moldau::client {

using wire::ErrorCode;

namespace {

constexpr std::string_view kFeature = "transaction.version";
constexpr wire::ApiVersion kLastInit = 5;             // later ones are for two-phase commit
constexpr wire::ApiVersion kLastAddOfClients = 3;     // later ones are for brokers
constexpr wire::ApiVersion kEndsWithEpochFrom = 5;    // of EndTxn
constexpr wire::ApiVersion kOffsetsAddGroupFrom = 5;  // of TxnOffsetCommit
constexpr wire::ApiVersion kLastOffsetsByName = 5;

std::int32_t ms_of(Duration duration) {
  return static_cast<std::int32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

// What passes within moments: the markers of the transaction before are being written, or a topic is new.
bool passes_soon(ErrorCode code) {
  return code == ErrorCode::concurrent_transactions || code == ErrorCode::unknown_topic_or_partition ||
         code == ErrorCode::request_timed_out;
}

// Another producer has the id, or the id may not be used: no transaction will do better.
bool is_final(ErrorCode code) {
  return code == ErrorCode::producer_fenced || code == ErrorCode::invalid_producer_epoch ||
         code == ErrorCode::transactional_id_authorization_failed;
}

// The coordinator does not know this producer any more.
bool is_forgotten(ErrorCode code) {
  return code == ErrorCode::invalid_producer_id_mapping || code == ErrorCode::unknown_producer_id;
}

template <class Response>
ErrorCode code_of(const Response& response) {
  return response.error_code;
}

// One that says why others were not attempted, or the first.
ErrorCode worst_added(const wire::AddPartitionsToTxnResponse& response) {
  ErrorCode worst = ErrorCode::none;
  for (const auto& topic : response.results_by_topic_v3_and_below)
    for (const auto& partition : topic.results_by_partition)
      if (worst == ErrorCode::none || worst == ErrorCode::operation_not_attempted)
        worst = partition.partition_error_code != ErrorCode::none ? partition.partition_error_code : worst;
  return worst;
}

ErrorCode worst_committed(const wire::TxnOffsetCommitResponse& response) {
  for (const auto& topic : response.topics)
    for (const auto& partition : topic.partitions)
      if (partition.error_code != ErrorCode::none) return partition.error_code;
  return ErrorCode::none;
}

Failure not_open() {
  return local_failure(Errc::invalid_argument, "no transaction is open", "Begin one first.");
}

}  // namespace

TransactionalProducer::TransactionalProducer(ClusterClient& cluster, TransactionalOptions options)
    : cluster_(cluster),
      options_(std::move(options)),
      coordinator_(cluster, CoordinatorKey(options_.id, CoordinatorKey::Kind::transaction)),
      settled_(cluster.executor()),
      gate_(cluster.executor()) {}

TransactionalProducer::~TransactionalProducer() {
  MOLDAU_ASSERT(state_ == State::ended && gate_.entered() == 0, "close the producer first");
}

Task<Outcome<std::unique_ptr<TransactionalProducer>>> TransactionalProducer::open(
    ClusterClient& cluster, ProducerOptions producer, TransactionalOptions options) {
  if (options.id.empty())
    co_return fail(
        local_failure(Errc::invalid_argument, "a transactional producer needs a transactional.id"));
  if (options.timeout <= Duration::zero())
    co_return fail(local_failure(Errc::invalid_argument, "transaction.timeout.ms is above 0"));
  std::unique_ptr<TransactionalProducer> made(new TransactionalProducer(cluster, std::move(options)));
  auto records = ProducerCore::create(cluster, std::move(producer), made.get());
  Outcome<void> ready;
  if (records) {
    made->producer_ = std::move(*records);
    ready = co_await made->init();
  } else {
    ready = fail(std::move(records).error());
  }
  if (ready) co_return made;
  co_await made->close();
  co_return fail(std::move(ready).error());
}

Task<void> TransactionalProducer::close(MonotonicTime deadline) {
  if (state_ == State::ended) co_return;
  if (deadline != runtime::kForever) coordinator_.hurry(deadline - cluster_.executor().now());
  if (is_open() && !fatal_ && cluster_.executor().now() < deadline) static_cast<void>(co_await abort());
  state_ = State::ended;
  if (producer_) co_await producer_->close(deadline);
  Task<void> left = gate_.close();
  co_await coordinator_.close();
  for (const auto& [group, link] : group_coordinators_) co_await link->close();
  co_await std::move(left);
}

// --- who it is

// Another epoch: whoever had the one before is fenced. Of its own epoch when it has one.
Task<Outcome<void>> TransactionalProducer::init() {
  wire::InitProducerIdRequest request;
  request.transactional_id = options_.id;
  request.transaction_timeout_ms = ms_of(options_.timeout);
  request.producer_id = producer_id_;
  request.producer_epoch = producer_epoch_;
  const auto response = co_await coordinator_.call<wire::InitProducerIdResponse>(
      std::move(request), code_of<wire::InitProducerIdResponse>, {.max_version = kLastInit}, passes_soon);
  if (!response) co_return fail(response.error());
  if (response->error_code != ErrorCode::none) co_return judge(response->error_code);
  producer_id_ = response->producer_id;
  producer_epoch_ = response->producer_epoch;
  needs_init_ = false;
  co_return co_await learn_version();
}

Task<Outcome<void>> TransactionalProducer::learn_version() {
  auto connection = co_await coordinator_.connect(cluster_.options().api_timeout);
  if (!connection) co_return fail(std::move(connection).error());
  const auto& features = (*connection)->api_versions().finalized_features;
  const auto feature = std::ranges::find_if(features, [](const auto& one) { return one.name == kFeature; });
  version_2_ = feature != features.end() && feature->max_version_level >= 2;
  co_return Outcome<void>();
}

Failure TransactionalProducer::fenced(ErrorCode code) const {
  // Older coordinators say INVALID_PRODUCER_EPOCH.
  if (code == ErrorCode::invalid_producer_epoch) code = ErrorCode::producer_fenced;
  Failure failure = broker_failure(code, {}, coordinator_.address());
  if (code != ErrorCode::transactional_id_authorization_failed)
    failure.hint = "Another producer with transactional.id " + options_.id +
                   " has begun, or this one's transaction took longer than transaction.timeout.ms.";
  return failure;
}

// What an answer of a coordinator means for the transaction, which it fails.
Outcome<void> TransactionalProducer::judge(ErrorCode code) {
  if (code == ErrorCode::none) return {};
  Failure failure = is_final(code) ? fenced(code) : broker_failure(code, {}, coordinator_.address());
  if (is_final(code)) {
    fatal_ = true;
    failure_.reset();
  }
  if (is_forgotten(code)) needs_init_ = true;
  if (!failure_) failure_ = failure;
  producer_->look_again();
  return fail(std::move(failure));
}

// --- what the records are told

Outcome<void> TransactionalProducer::accepts() const {
  if (failure_) return fail(*failure_);
  if (state_ != State::open) return fail(not_open());
  return {};
}

void TransactionalProducer::note_failure(const Failure& failure) {
  if (!is_open()) return;
  if (failure.broker == ErrorCode::producer_fenced) {
    static_cast<void>(judge(failure.broker));
    return;
  }
  needs_init_ = needs_init_ || !version_2_;
  if (failure_) return;
  failure_ = failure;
  failure_->retriable = false;
  if (failure_->hint.empty()) failure_->hint = "Abort the transaction, and do it again from its beginning.";
}

bool TransactionalProducer::includes(const std::string& topic, PartitionIndex partition) {
  if (version_2_) {
    started_ = true;
    return true;
  }
  const auto is_in = [&](const Partitions& partitions) {
    const auto at = partitions.find(topic);
    return at != partitions.end() && at->second.contains(partition);
  };
  if (is_in(added_)) return true;
  if (is_in(asked_)) return false;
  to_add_[topic].insert(partition);
  if (!adding_now_) add_partitions().detach();
  return false;
}

// Those that records wait for, as long as there are some.
Task<void> TransactionalProducer::add_partitions() {
  const runtime::Gate::Pass pass(gate_);
  if (!pass) co_return;
  adding_now_ = true;
  while (!to_add_.empty() && !failure_) {
    asked_ = std::exchange(to_add_, {});
    wire::AddPartitionsToTxnRequest request;
    request.v3_and_below_transactional_id = options_.id;
    request.v3_and_below_producer_id = producer_id_;
    request.v3_and_below_producer_epoch = producer_epoch_;
    for (const auto& [topic, partitions] : asked_)
      request.v3_and_below_topics.push_back({topic, {partitions.begin(), partitions.end()}});
    started_ = true;
    const auto response = co_await coordinator_.call<wire::AddPartitionsToTxnResponse>(
        std::move(request), worst_added, {.max_version = kLastAddOfClients}, passes_soon);
    if (!response) {
      note_failure(response.error());
      break;
    }
    if (!judge(worst_added(*response))) break;
    for (const auto& [topic, partitions] : std::exchange(asked_, {}))
      added_[topic].insert(partitions.begin(), partitions.end());
    producer_->look_again();
  }
  to_add_.clear();
  asked_.clear();
  adding_now_ = false;
  settled_.notify_all();
  producer_->look_again();
}

// --- the transaction

Outcome<void> TransactionalProducer::begin() {
  if (fatal_) return fail(*failure_);
  if (state_ == State::ended) return fail(local_failure(Errc::cancelled, "the producer was closed"));
  if (is_open())
    return fail(local_failure(Errc::invalid_argument, "a transaction is open", "Commit or abort it first."));
  producer_->use(producer_id_, producer_epoch_);
  state_ = State::open;
  ++begun_;
  return {};
}

CoordinatorLink& TransactionalProducer::link_to(const std::string& group) {
  auto& link = group_coordinators_[group];
  if (!link) link = std::make_unique<CoordinatorLink>(cluster_, group);
  return *link;
}

Task<Outcome<void>> TransactionalProducer::send_offsets(GroupIdentity group, Offsets offsets) {
  const runtime::Gate::Pass pass(gate_);
  if (auto accepted = accepts(); !accepted) co_return accepted;
  if (offsets.empty()) co_return Outcome<void>();
  ++sending_offsets_;
  started_ = true;
  Outcome<void> sent;
  if (!version_2_) sent = co_await add_group(group);
  if (sent) sent = co_await commit_offsets(group, offsets);
  if (!sent) note_failure(sent.error());
  --sending_offsets_;
  settled_.notify_all();
  co_return sent;
}

Task<Outcome<void>> TransactionalProducer::add_group(const GroupIdentity& group) {
  wire::AddOffsetsToTxnRequest request;
  request.transactional_id = options_.id;
  request.producer_id = producer_id_;
  request.producer_epoch = producer_epoch_;
  request.group_id = group.group_id;
  const auto response = co_await coordinator_.call<wire::AddOffsetsToTxnResponse>(
      std::move(request), code_of<wire::AddOffsetsToTxnResponse>, {}, passes_soon);
  if (!response) co_return fail(response.error());
  co_return judge(response->error_code);
}

Task<Outcome<void>> TransactionalProducer::commit_offsets(const GroupIdentity& group,
                                                          const Offsets& offsets) {
  wire::TxnOffsetCommitRequest request;
  request.transactional_id = options_.id;
  request.group_id = group.group_id;
  request.producer_id = producer_id_;
  request.producer_epoch = producer_epoch_;
  request.generation_id = group.generation;
  request.member_id = group.member_id;
  request.group_instance_id = group.instance_id;
  for (const auto& [partition, offset] : offsets)
    topic_entry(request.topics, partition.topic, &wire::TxnOffsetCommitRequest::Topic::name)
        .partitions.push_back({.partition_index = partition.partition,
                               .committed_offset = offset.offset,
                               .committed_leader_epoch = offset.leader_epoch,
                               .committed_metadata = offset.metadata});
  CallOptions options;
  options.max_version = version_2_ ? kLastOffsetsByName : wire::ApiVersion{kOffsetsAddGroupFrom - 1};
  if (version_2_) options.min_version = kOffsetsAddGroupFrom;
  const auto response =
      co_await link_to(group.group_id)
          .call<wire::TxnOffsetCommitResponse>(std::move(request), worst_committed, options, passes_soon);
  if (!response) co_return fail(response.error());
  const ErrorCode code = worst_committed(*response);
  if (is_final(code)) co_return judge(code);
  if (code == ErrorCode::none) co_return Outcome<void>();
  Failure failure = broker_failure(code, {}, link_to(group.group_id).address());
  if (code == ErrorCode::illegal_generation || code == ErrorCode::unknown_member_id ||
      code == ErrorCode::stale_member_epoch || code == ErrorCode::fenced_instance_id)
    failure.hint =
        "The group has given the partitions to others: abort, and begin again from what is committed.";
  co_return fail(std::move(failure));
}

// Until nothing is queued or under way.
Task<void> TransactionalProducer::drain() {
  while (sending_offsets_ > 0) co_await settled_.wait();
  while (!producer_->is_idle() || adding_now_) {
    if (producer_->is_idle()) {
      co_await settled_.wait();
      continue;
    }
    co_await producer_->flush();
    // Who waited for memory is queued by now, or waits for a topic that is not there yet.
    if (!producer_->is_idle()) co_await runtime::sleep_for(cluster_.executor(), std::chrono::milliseconds(5));
  }
}

Task<Outcome<void>> TransactionalProducer::commit() {
  const runtime::Gate::Pass pass(gate_);
  if (fatal_) co_return fail(*failure_);
  if (!is_open()) co_return fail(not_open());
  state_ = State::ending;
  co_await drain();
  if (failure_) co_return fail(*failure_);
  commit_unknown_ = started_;
  auto ended = started_ ? co_await end(true) : Outcome<void>();
  if (ended) {
    finish();
  } else if (!ended.error().retriable) {
    commit_unknown_ = false;  // the coordinator has said no
  }
  co_return ended;
}

void TransactionalProducer::give_up() {
  if (!is_open()) return;
  state_ = State::ending;
  const Failure aborted = local_failure(Errc::cancelled, "the transaction was aborted");
  if (!failure_) failure_ = aborted;
  producer_->drop_queued(aborted);
}

Task<Outcome<void>> TransactionalProducer::abort() {
  const runtime::Gate::Pass pass(gate_);
  if (!is_open()) co_return Outcome<void>();
  give_up();
  co_await drain();
  if (fatal_) co_return fail(*failure_);
  auto ended = co_await abort_at_coordinator();
  if (fatal_) co_return fail(*failure_);
  // Under the epoch of now a late request of the past could still end the next transaction (KIP-890).
  needs_init_ = needs_init_ || (commit_unknown_ && !version_2_);
  if (ended && needs_init_) ended = co_await init();
  if (!ended) {
    if (!failure_) failure_ = ended.error();
    co_return ended;
  }
  finish();
  co_return ended;
}

Task<Outcome<void>> TransactionalProducer::abort_at_coordinator() {
  failure_.reset();
  if (!started_) co_return Outcome<void>();
  auto ended = co_await end(false);
  if (ended) co_return ended;
  const ErrorCode code = ended.error().broker;
  if (commit_unknown_ && code == ErrorCode::invalid_txn_state) {  // it was committed
    failure_.reset();
    co_return co_await end(true);
  }
  // Who is not known any more has nothing open, and begins again by init().
  if (is_forgotten(code)) co_return Outcome<void>();
  co_return ended;
}

void TransactionalProducer::finish() {
  state_ = State::ready;
  failure_.reset();
  started_ = commit_unknown_ = false;
  added_.clear();
  to_add_.clear();
}

Task<Outcome<void>> TransactionalProducer::end(bool committed) {
  wire::EndTxnRequest request;
  request.transactional_id = options_.id;
  request.producer_id = producer_id_;
  request.producer_epoch = producer_epoch_;
  request.committed = committed;
  CallOptions options;
  if (version_2_)
    options.min_version = kEndsWithEpochFrom;
  else
    options.max_version = kEndsWithEpochFrom - 1;
  const auto response = co_await coordinator_.call<wire::EndTxnResponse>(
      std::move(request), code_of<wire::EndTxnResponse>, options, passes_soon);
  if (!response) co_return fail(response.error());
  if (auto judged = judge(response->error_code); !judged) co_return judged;
  if (version_2_ && response->producer_id >= 0) {
    producer_id_ = response->producer_id;
    producer_epoch_ = response->producer_epoch;
  }
  co_return Outcome<void>();
}

}  // namespace moldau::client
