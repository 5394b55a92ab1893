#include "simulation/mutant_network.h"

#include <deque>
#include <map>
#include <span>

#include "wire/frame.h"
#include "wire/messages/alter_partition.h"
#include "wire/messages/fetch.h"
#include "wire/messages/produce.h"
#include "wire/messages/vote.h"

namespace moldau::simulation {
namespace {

using runtime::Task;

constexpr std::size_t kSizeBytes = 4;
constexpr std::size_t kChunk = 64 << 10;
constexpr Offset kFarAhead = 1'000'000'000;

// --- what each mutant does to a message; false: it stays as it is

bool is_metadata(const wire::FetchRequest& request) {
  return !request.topics.empty() &&
         (request.topics[0].topic_id == kMetadataTopicId || request.topics[0].topic == "__cluster_metadata");
}

bool change(Mutant mutant, wire::FetchRequest& request, bool from_replica) {
  if (!from_replica || is_metadata(request)) return false;
  for (auto& topic : request.topics) {
    for (auto& partition : topic.partitions) {
      if (mutant == Mutant::fetch_epoch_unchecked) partition.current_leader_epoch = kNoEpoch;
      partition.last_fetched_epoch = kNoEpoch;
    }
  }
  return true;
}

bool change(wire::VoteRequest& request) {
  for (auto& topic : request.topics) {
    for (auto& partition : topic.partitions) {
      partition.last_offset_epoch = partition.replica_epoch;
      partition.last_offset = kFarAhead;
    }
  }
  return true;
}

bool change(wire::AlterPartitionRequest& request) {
  for (auto& topic : request.topics) {
    for (auto& partition : topic.partitions) {
      for (auto& member : partition.new_isr_with_epochs) member.broker_epoch = -1;
    }
  }
  return true;
}

bool change(Mutant mutant, wire::FetchResponse& response) {
  for (auto& topic : response.responses) {
    for (auto& partition : topic.partitions) {
      if (mutant == Mutant::divergence_ignored) partition.diverging_epoch = {};
      if (mutant == Mutant::high_watermark_too_high) partition.high_watermark = kFarAhead;
    }
  }
  return true;
}

// --- frames

Slice body_of(SliceList frame) { return joined(frame); }

// Whole frames of one direction, out of pieces of any size.
class Frames {
 public:
  void add(ByteView bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  // With its size in front; empty when none is whole.
  Slice next() {
    if (bytes_.size() < kSizeBytes) return {};
    const std::size_t size = kSizeBytes + load_be<std::uint32_t>(bytes_.data());
    if (bytes_.size() < size) return {};
    Slice frame = Slice::copy_of(ByteView(bytes_).first(size));
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(size));
    return frame;
  }

 private:
  std::vector<std::byte> bytes_;
};

class Rewriter {
 public:
  explicit Rewriter(Mutant mutant) : mutant_(mutant) {}

  Slice request(const Slice& frame) {
    const auto decoded = wire::decode_request_frame(frame.part(frame.view().subspan(kSizeBytes)));
    if (!decoded) return frame;
    const wire::RequestHeader& header = decoded->header;
    switch (header.api_key) {
      case wire::ApiKey::fetch:
        return fetch_request(frame, *decoded);
      case wire::ApiKey::vote:
        return mutant_ == Mutant::vote_for_shorter_log
                   ? rewrite<wire::VoteRequest>(frame, *decoded,
                                                [](auto& request) { return change(request); })
                   : frame;
      case wire::ApiKey::alter_partition:
        return mutant_ == Mutant::stale_broker_epoch_accepted
                   ? rewrite<wire::AlterPartitionRequest>(frame, *decoded,
                                                          [](auto& request) { return change(request); })
                   : frame;
      case wire::ApiKey::produce:
        if (mutant_ != Mutant::acknowledged_at_append) return frame;
        return rewrite<wire::ProduceRequest>(frame, *decoded, [](wire::ProduceRequest& request) {
          if (request.acks == -1) request.acks = 1;
          return true;
        });
      default:
        return frame;
    }
  }

  Slice response(const Slice& frame) {
    const Slice rest = frame.part(frame.view().subspan(kSizeBytes));
    if (rest.size() < kSizeBytes) return frame;
    const auto asked = fetches_.find(static_cast<std::int32_t>(load_be<std::uint32_t>(rest.view().data())));
    if (asked == fetches_.end()) return frame;
    const wire::ApiVersion version = asked->second;
    const std::int32_t correlation_id = asked->first;
    fetches_.erase(asked);
    const auto decoded = wire::decode_response_frame(rest, wire::ApiKey::fetch, version);
    if (!decoded) return frame;
    auto response = wire::FetchResponse::decode(decoded->body, version);
    if (!response || !change(mutant_, *response)) return frame;
    return body_of(wire::encode_response(correlation_id, version, *response));
  }

 private:
  template <class Request, class Change>
  Slice rewrite(const Slice& frame, const wire::RequestFrame& decoded, Change how) {
    auto request = Request::decode(decoded.body, decoded.header.api_version);
    if (!request || !how(*request)) return frame;
    return body_of(wire::encode_request(decoded.header, *request));
  }

  Slice fetch_request(const Slice& frame, const wire::RequestFrame& decoded) {
    const auto request = wire::FetchRequest::decode(decoded.body, decoded.header.api_version);
    if (!request) return frame;
    const bool from_replica = request->replica_id >= 0 || request->replica_state.replica_id >= 0;
    const bool of_metadata = is_metadata(*request);
    if ((mutant_ == Mutant::high_watermark_too_high && of_metadata) ||
        (mutant_ == Mutant::divergence_ignored && !of_metadata && from_replica))
      fetches_[decoded.header.correlation_id] = decoded.header.api_version;
    if (mutant_ != Mutant::fetch_epoch_unchecked && mutant_ != Mutant::diverging_fetch_counted) return frame;
    return rewrite<wire::FetchRequest>(
        frame, decoded, [&](wire::FetchRequest& copy) { return change(mutant_, copy, from_replica); });
  }

  Mutant mutant_;
  std::map<std::int32_t, wire::ApiVersion> fetches_;  // by correlation id: their answers are changed
};

class MutantStream final : public runtime::Stream {
 public:
  MutantStream(Mutant mutant, std::unique_ptr<runtime::Stream> stream)
      : stream_(std::move(stream)), rewriter_(mutant), chunk_(kChunk) {}

  Task<Result<std::size_t>> read_some(MutableBytes into) override {
    while (ready_.empty()) {
      const auto read = co_await stream_->read_some(chunk_);
      if (!read || *read == 0) co_return read;
      received_.add(ByteView(chunk_).first(*read));
      for (Slice frame = received_.next(); !frame.empty(); frame = received_.next()) {
        const Slice changed = rewriter_.request(frame);
        ready_.insert(ready_.end(), changed.view().begin(), changed.view().end());
      }
    }
    const std::size_t size = std::min(into.size(), ready_.size());
    std::copy_n(ready_.begin(), size, into.begin());
    ready_.erase(ready_.begin(), ready_.begin() + static_cast<std::ptrdiff_t>(size));
    co_return size;
  }

  Task<Status> write(SliceList slices) override {
    for (const Slice& slice : slices) sent_.add(slice.view());
    SliceList changed;
    for (Slice frame = sent_.next(); !frame.empty(); frame = sent_.next())
      changed.push_back(rewriter_.response(frame));
    if (changed.empty()) co_return Status();
    co_return co_await stream_->write(std::move(changed));
  }

  runtime::OneShot& hung_up() override { return stream_->hung_up(); }
  void close() override { stream_->close(); }
  const runtime::Endpoint& peer() const override { return stream_->peer(); }
  const runtime::Endpoint& local() const override { return stream_->local(); }

 private:
  std::unique_ptr<runtime::Stream> stream_;
  Rewriter rewriter_;
  std::vector<std::byte> chunk_;
  Frames received_, sent_;
  std::deque<std::byte> ready_;
};

class MutantListener final : public runtime::Listener {
 public:
  MutantListener(Mutant mutant, std::unique_ptr<runtime::Listener> listener)
      : mutant_(mutant), listener_(std::move(listener)) {}

  Task<Result<std::unique_ptr<runtime::Stream>>> accept() override {
    auto stream = co_await listener_->accept();
    if (!stream) co_return stream;
    co_return std::make_unique<MutantStream>(mutant_, std::move(*stream));
  }
  void close() override { listener_->close(); }
  const runtime::Endpoint& local() const override { return listener_->local(); }

 private:
  Mutant mutant_;
  std::unique_ptr<runtime::Listener> listener_;
};

class MutantNetwork final : public runtime::Network {
 public:
  MutantNetwork(Mutant mutant, runtime::Network& network) : mutant_(mutant), network_(network) {}

  Result<std::unique_ptr<runtime::Listener>> listen(const runtime::Endpoint& at,
                                                    runtime::ListenOptions options) override {
    ASSIGN_OR_RETURN(auto listener, network_.listen(at, options));
    return std::make_unique<MutantListener>(mutant_, std::move(listener));
  }
  Task<Result<std::unique_ptr<runtime::Stream>>> connect(runtime::Endpoint to,
                                                         runtime::MonotonicTime deadline) override {
    return network_.connect(std::move(to), deadline);
  }

 private:
  Mutant mutant_;
  runtime::Network& network_;
};

}  // namespace

bool changes_frames(Mutant mutant) {
  switch (mutant) {
    case Mutant::vote_for_shorter_log:
    case Mutant::high_watermark_too_high:
    case Mutant::divergence_ignored:
    case Mutant::fetch_epoch_unchecked:
    case Mutant::diverging_fetch_counted:
    case Mutant::stale_broker_epoch_accepted:
    case Mutant::acknowledged_at_append:
      return true;
    default:
      return false;
  }
}

std::unique_ptr<runtime::Network> mutate_network(Mutant mutant, runtime::Network& network) {
  return std::make_unique<MutantNetwork>(mutant, network);
}

}  // namespace moldau::simulation
