// How a connection's bytes become request frames, whatever pieces they arrive in, and the header of each.
#include "server/frame_reader.h"

#include "fuzz/allocations.h"
#include "fuzz/inline_runtime.h"
#include "fuzz/input.h"
#include "fuzz/target.h"
#include "wire/frame.h"
#include "wire/messages/metadata.h"

namespace moldau::fuzz {
namespace {

constexpr std::size_t kMaxSize = 512;
constexpr std::size_t kSizeBytes = 4;
constexpr std::uint32_t kMostFrameBytes = 1 << 20;

// A peer that has sent all of its bytes and ended; they arrive in pieces.
class Sent final : public runtime::Stream {
 public:
  Sent(runtime::Executor& executor, ByteView bytes, std::size_t step)
      : left_(bytes), step_(step), hung_up_(executor) {}

  runtime::Task<Result<std::size_t>> read_some(MutableBytes into) override {
    MOLDAU_ASSERT(!into.empty(), "a read without room looks like the peer's end");
    const std::size_t size = std::min({left_.size(), into.size(), step_});
    std::ranges::copy(left_.first(size), into.begin());
    left_ = left_.subspan(size);
    co_return size;
  }
  runtime::Task<Status> write(SliceList) override { co_return Status(); }
  runtime::OneShot& hung_up() override { return hung_up_; }
  void close() override {}
  const runtime::Endpoint& peer() const override { return nobody_; }
  const runtime::Endpoint& local() const override { return nobody_; }

 private:
  ByteView left_;
  std::size_t step_;
  runtime::OneShot hung_up_;
  runtime::Endpoint nobody_;
};

void check_header(const server::Frame& frame) {
  const auto request = wire::decode_request_frame(frame.bytes);
  if (!request) return;
  MOLDAU_ASSERT(request->body.owner() == frame.bytes.owner(), "a body that does not keep its frame");
  MOLDAU_ASSERT(wire::find_api(static_cast<std::int16_t>(request->header.api_key)) != nullptr);
}

void check_end(const Error& error, ByteView left, bool first) {
  if (error.code == Errc::truncated) {
    const bool inside =
        left.size() < kSizeBytes || load_be<std::uint32_t>(left.data()) > left.size() - kSizeBytes;
    MOLDAU_ASSERT(inside && !left.empty(), "a whole frame counts as cut off");
    return;
  }
  const auto size = load_be<std::uint32_t>(left.data());
  if (error.code == Errc::invalid_argument) {
    MOLDAU_ASSERT(first && !server::foreign_protocol(size).empty());
    return;
  }
  MOLDAU_ASSERT(error.code == Errc::too_large && size > kMostFrameBytes,
                "a frame is refused without a reason");
}

void run(ByteView bytes) {
  Input in(bytes);
  const std::size_t step = 1 + in.byte();
  const ByteView whole = in.rest();
  InlineExecutor executor;
  Sent stream(executor, whole, step);
  const Allocations allocations;
  server::MemoryBudget budget(executor, 4 << 20);
  runtime::Watermark ended;
  server::FrameReader reader(executor, stream, budget, ended, {.max_frame_bytes = kMostFrameBytes});
  for (std::size_t cut = 0;;) {
    auto frame = executor.run(reader.next());
    MOLDAU_ASSERT(allocations.largest() <= (64 << 10) + 4 * whole.size() + 512,
                  "memory for what has not come");
    if (!frame) return check_end(frame.error(), whole.subspan(cut), cut == 0);
    if (!*frame) {
      MOLDAU_ASSERT(cut == whole.size(), "bytes are left and the peer counts as ended between frames");
      break;
    }
    const Slice& got = (*frame)->bytes;
    MOLDAU_ASSERT(load_be<std::uint32_t>(whole.data() + cut) == got.size());
    MOLDAU_ASSERT(equal(got, whole.subspan(cut + kSizeBytes, got.size())),
                  "other bytes come out than went in");
    cut += kSizeBytes + got.size();
    check_header(**frame);
  }
  MOLDAU_ASSERT(budget.used_bytes() == 0, "memory is still counted when its frames are gone");
}

void seeds(Seeds& seeds) {
  const Slice frame = joined(wire::encode_request(
      {.api_key = wire::ApiKey::metadata, .api_version = 9, .correlation_id = 7, .client_id = "me"},
      wire::MetadataRequest()));
  Buffer seed;
  seed.append_be<std::uint8_t>(9);
  for (int i = 0; i < 3; ++i) {
    seed.append(frame);
    seeds.add(seed.view());
  }
  seed.append_be<std::uint32_t>(90'000);
  seed.extend(90);
  seeds.add(seed.view());
  seeds.add("\xffGET / HTTP/1.1\r\n\r\n");
  seeds.add(std::string_view("\xff\x16\x03\x01\x02\x00\x01\x00", 8));
}

MOLDAU_FUZZ_TARGET(frame_reader, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
