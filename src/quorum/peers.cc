// Requests to and from the other replicas.
#include "quorum/metadata_quorum.h"
#include "quorum/snapshot_file.h"

namespace moldau::quorum {

using runtime::Lane;
using runtime::MonotonicTime;
using runtime::Task;

namespace {

constexpr std::size_t kMaxSnapshotReads = 8;
constexpr std::size_t kFetchBytes = 1 << 20;          // controller.quorum.fetch.max.bytes
constexpr std::size_t kSnapshotChunkBytes = 1 << 20;  // controller.quorum.fetch.snapshot.max.bytes

struct Answer {
  raft::Raft& raft;
  NodeId from;
  const raft::Response& response;
  raft::Time now;

  template <class Request>
  void operator()(const Request& request) const {
    using Expected = typename raft::ResponseOf<Request>::type;
    const auto* expected = std::get_if<Expected>(&response);
    if (!expected) {
      raft.on_request_failed(from, request, false, now);
    } else if constexpr (std::is_same_v<Expected, raft::VoterChangeResponse>) {
      raft.on_response(from, *expected, now);
    } else {
      raft.on_response(from, request, *expected, now);
    }
  }
};

}  // namespace

Task<void> MetadataQuorum::call(NodeId to, raft::Request request) {
  const runtime::Gate::Pass pass(tasks_);
  if (!pass) co_return;
  locate(to);
  auto response = co_await transport_->call(to, request, executor_.now() + options_.request_timeout);
  if (closing_ || failure_) co_return;
  post_input([this, to, request = std::move(request), response = std::move(response)] {
    if (response) {
      std::visit(Answer{*raft_, to, *response, now()}, request);
    } else {
      raft_->on_request_failed(to, request, response.error().code == Errc::connection_refused, now());
    }
  });
}

Task<Result<raft::Response>> MetadataQuorum::handle(raft::Request request, MonotonicTime deadline) {
  if (auto* fetched = std::get_if<raft::FetchRequest>(&request)) co_return co_await fetch(*fetched, deadline);
  if (auto* fetched = std::get_if<raft::FetchSnapshotRequest>(&request))
    co_return co_await fetch_snapshot(*fetched);
  if (std::holds_alternative<raft::AddVoterRequest>(request) ||
      std::holds_alternative<raft::RemoveVoterRequest>(request) ||
      std::holds_alternative<raft::UpdateVoterRequest>(request))
    co_return co_await change_voters(std::move(request), deadline);
  raft::Response response;
  const bool carried_out = co_await run_input([&] {
    if (auto* vote = std::get_if<raft::VoteRequest>(&request)) response = raft_->on_vote(*vote, now());
    if (auto* begin = std::get_if<raft::BeginQuorumEpochRequest>(&request))
      response = raft_->on_begin_quorum_epoch(*begin, now());
    if (auto* end = std::get_if<raft::EndQuorumEpochRequest>(&request))
      response = raft_->on_end_quorum_epoch(*end, now());
  });
  if (!carried_out) co_return fail(Errc::cancelled, "the metadata quorum is closed");
  co_return response;
}

Task<Result<raft::Response>> MetadataQuorum::fetch(raft::FetchRequest request, MonotonicTime deadline) {
  const runtime::Gate::Pass pass(tasks_);
  raft::FetchResponse response;
  for (;;) {
    if (!pass || !co_await run_input([&] { response = raft_->on_fetch(request, now()); }))
      co_return fail(Errc::cancelled, "the metadata quorum is closed");
    if (response.error != raft::RaftError::none || response.diverging || response.snapshot)
      co_return response;
    const bool news =
        log_->end_offset().value() > request.fetch_offset || response.high_watermark > request.high_watermark;
    if (news || executor_.now() >= deadline) break;
    co_await progress_.wait(deadline);
  }
  const Offset end = log_->end_offset().value();
  if (end <= request.fetch_offset) co_return response;
  auto read = co_await log_->read(request.fetch_offset, kFetchBytes, end, true);
  if (read) {
    response.records = std::move(read->batches);
  } else {  // cut off by a new leader or a snapshot meanwhile: the next fetch will see
    response.error = raft::RaftError::not_leader_or_follower;
  }
  co_return response;
}

Task<Result<raft::Response>> MetadataQuorum::fetch_snapshot(raft::FetchSnapshotRequest request) {
  const runtime::Gate::Pass pass(tasks_);
  raft::FetchSnapshotResponse response;
  if (!pass || !co_await run_input([&] { response = raft_->on_fetch_snapshot(request, now()); }))
    co_return fail(Errc::cancelled, "the metadata quorum is closed");
  if (response.error != raft::RaftError::none) co_return response;
  std::erase_if(snapshot_reads_, [&](const auto& read) { return read.first == request.snapshot; });
  snapshot_reads_.emplace_back(request.snapshot, now());
  if (snapshot_reads_.size() > kMaxSnapshotReads) snapshot_reads_.erase(snapshot_reads_.begin());
  co_await on_pool(Lane::read, [&] {
    const auto file = world_.disk().open(path(snapshot_name(request.snapshot)), runtime::OpenMode::read);
    const auto size = file ? (*file)->size() : Result<std::uint64_t>(fail(Errc::not_found, ""));
    if (!size) {
      response.error = raft::RaftError::snapshot_not_found;
      return;
    }
    response.size = static_cast<std::int64_t>(*size);
    if (request.position >= response.size) {
      response.error = raft::RaftError::position_out_of_range;
      return;
    }
    std::vector<std::byte> chunk(std::min<std::size_t>(
        kSnapshotChunkBytes, static_cast<std::size_t>(response.size - request.position)));
    const auto read = (*file)->read_at(static_cast<std::uint64_t>(request.position), chunk);
    if (!read || *read == 0) {
      response.error = raft::RaftError::snapshot_not_found;
      return;
    }
    chunk.resize(*read);
    response.bytes = {Slice::take(std::move(chunk))};
  });
  co_return response;
}

Task<Result<raft::Response>> MetadataQuorum::change_voters(raft::Request request, MonotonicTime deadline) {
  const runtime::Gate::Pass pass(tasks_);
  VoterChange change(executor_);
  const raft::Time until = deadline.time_since_epoch();
  raft::VoterChangeId id = 0;
  const bool begun = pass && co_await run_input([&] {
                       if (auto* add = std::get_if<raft::AddVoterRequest>(&request))
                         id = raft_->on_add_voter(*add, until, now());
                       if (auto* remove = std::get_if<raft::RemoveVoterRequest>(&request))
                         id = raft_->on_remove_voter(*remove, until, now());
                       if (auto* update = std::get_if<raft::UpdateVoterRequest>(&request))
                         id = raft_->on_update_voter(*update, until, now());
                       changes_.emplace(id, &change);
                     });
  if (begun && !change.response && changes_.contains(id)) co_await change.done.wait();
  changes_.erase(id);
  if (!change.response) co_return fail(Errc::cancelled, "the metadata quorum is closed");
  co_return *std::move(change.response);
}

void MetadataQuorum::answer_change(raft::VoterChangeEnded ended) {
  const auto waiting = changes_.find(ended.id);
  if (waiting == changes_.end()) return;
  waiting->second->response = std::move(ended.response);
  waiting->second->done.fire();
  changes_.erase(waiting);
}

void MetadataQuorum::locate(NodeId node) {
  const std::optional<raft::Endpoint> at = raft_->endpoint_of(node);
  if (!at) return;
  const auto [told, fresh] = located_.try_emplace(node, *at);
  if (!fresh && told->second == *at) return;
  told->second = *at;
  transport_->locate(node, *at);
}

}  // namespace moldau::quorum
