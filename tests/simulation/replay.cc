#include "simulation/replay.h"

#include <vector>

#include "runtime/wait.h"
#include "wire/frame.h"

namespace moldau::simulation {
namespace {

using runtime::Task;

constexpr std::size_t kKept = 200;
constexpr std::size_t kSizeBytes = 4;
constexpr std::size_t kLargest = 1 << 20;
constexpr std::uint64_t kOneOf = 20;  // requests that are kept

bool is_fenced(ByteView frame) {
  const auto decoded = wire::decode_request_frame(Slice::copy_of(frame.subspan(kSizeBytes)));
  if (!decoded) return false;
  switch (decoded->header.api_key) {
    case wire::ApiKey::vote:
    case wire::ApiKey::begin_quorum_epoch:
    case wire::ApiKey::end_quorum_epoch:
    case wire::ApiKey::fetch:
    case wire::ApiKey::fetch_snapshot:
    case wire::ApiKey::alter_partition:
    case wire::ApiKey::broker_heartbeat:
      return true;
    default:
      return false;
  }
}

class EarStream final : public runtime::Stream {
 public:
  EarStream(Recorder& recorder, std::unique_ptr<runtime::Stream> stream)
      : recorder_(recorder), stream_(std::move(stream)) {}

  Task<Result<std::size_t>> read_some(MutableBytes into) override {
    auto read = co_await stream_->read_some(into);
    if (read) hear(ByteView(into).first(*read));
    co_return read;
  }
  Task<Status> write(SliceList slices) override { return stream_->write(std::move(slices)); }
  runtime::OneShot& hung_up() override { return stream_->hung_up(); }
  void close() override { stream_->close(); }
  const runtime::Endpoint& peer() const override { return stream_->peer(); }
  const runtime::Endpoint& local() const override { return stream_->local(); }

 private:
  void hear(ByteView bytes) {
    if (deaf_) return;
    heard_.insert(heard_.end(), bytes.begin(), bytes.end());
    while (heard_.size() >= kSizeBytes) {
      const std::size_t size = kSizeBytes + load_be<std::uint32_t>(heard_.data());
      deaf_ = size > kLargest;
      if (deaf_ || heard_.size() < size) return;
      recorder_.note(stream_->local(), ByteView(heard_).first(size));
      heard_.erase(heard_.begin(), heard_.begin() + static_cast<std::ptrdiff_t>(size));
    }
  }

  Recorder& recorder_;
  std::unique_ptr<runtime::Stream> stream_;
  std::vector<std::byte> heard_;
  bool deaf_ = false;
};

class EarListener final : public runtime::Listener {
 public:
  EarListener(Recorder& recorder, std::unique_ptr<runtime::Listener> listener)
      : recorder_(recorder), listener_(std::move(listener)) {}

  Task<Result<std::unique_ptr<runtime::Stream>>> accept() override {
    auto stream = co_await listener_->accept();
    if (!stream) co_return stream;
    co_return std::make_unique<EarStream>(recorder_, std::move(*stream));
  }
  void close() override { listener_->close(); }
  const runtime::Endpoint& local() const override { return listener_->local(); }

 private:
  Recorder& recorder_;
  std::unique_ptr<runtime::Listener> listener_;
};

class EarNetwork final : public runtime::Network {
 public:
  EarNetwork(Recorder& recorder, runtime::Network& network) : recorder_(recorder), network_(network) {}

  Result<std::unique_ptr<runtime::Listener>> listen(const runtime::Endpoint& at,
                                                    runtime::ListenOptions options) override {
    ASSIGN_OR_RETURN(auto listener, network_.listen(at, options));
    return std::make_unique<EarListener>(recorder_, std::move(listener));
  }
  Task<Result<std::unique_ptr<runtime::Stream>>> connect(runtime::Endpoint to,
                                                         runtime::MonotonicTime deadline) override {
    return network_.connect(std::move(to), deadline);
  }

 private:
  Recorder& recorder_;
  runtime::Network& network_;
};

class EarWorld final : public runtime::World {
 public:
  EarWorld(Recorder& recorder, runtime::World& world) : world_(world) {
    for (unsigned shard = 0; shard < world.shard_count(); ++shard)
      networks_.push_back(std::make_unique<EarNetwork>(recorder, world.network(shard)));
  }

  unsigned shard_count() const override { return world_.shard_count(); }
  runtime::Executor& shard(unsigned index) override { return world_.shard(index); }
  runtime::Network& network(unsigned shard) override { return *networks_[shard]; }
  runtime::WallClock& wall_clock() override { return world_.wall_clock(); }
  runtime::Disk& disk() override { return world_.disk(); }
  runtime::BlockingPool& pool() override { return world_.pool(); }
  std::uint64_t entropy() override { return world_.entropy(); }

 private:
  runtime::World& world_;
  std::vector<std::unique_ptr<EarNetwork>> networks_;
};

}  // namespace

std::unique_ptr<runtime::World> Recorder::listen_at(runtime::World& world) {
  return std::make_unique<EarWorld>(*this, world);
}

void Recorder::note(const runtime::Endpoint& to, ByteView frame) {
  if (!random_.one_in(kOneOf) || !is_fenced(frame)) return;
  Kept kept{to, Slice::copy_of(frame)};
  if (kept_.size() < kKept) {
    kept_.push_back(std::move(kept));
  } else {
    kept_[random_.below(kKept)] = std::move(kept);
  }
}

Task<void> Recorder::run(runtime::World& from, const bool& stopping) {
  runtime::Executor& executor = from.shard(0);
  while (!stopping) {
    co_await runtime::sleep_for(executor, runtime::milliseconds(random_.between(50, 3'000)));
    if (stopping || kept_.empty()) continue;
    Kept kept = kept_[random_.below(kept_.size())];
    co_await send(from, std::move(kept));
  }
}

Task<void> Recorder::send(runtime::World& from, Kept kept) {
  runtime::Executor& executor = from.shard(0);
  auto stream = co_await from.network(0).connect(kept.to, executor.now() + 1s);
  if (!stream) co_return;
  world_.faults().fire(Fault::replayed_request);
  static_cast<void>(co_await (*stream)->write(SliceList{kept.frame}));
  co_await runtime::sleep_for(executor, runtime::milliseconds(random_.between(1, 500)));
  (*stream)->close();
}

}  // namespace moldau::simulation
