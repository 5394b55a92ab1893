// How our client cuts a broker's bytes into responses, whatever pieces they arrive in.
#include "client/response_reader.h"

#include "fuzz/allocations.h"
#include "fuzz/input.h"
#include "fuzz/target.h"

namespace moldau::fuzz {
namespace {

constexpr std::size_t kMaxSize = 512;
constexpr std::uint32_t kLimit = 1 << 20;
constexpr std::size_t kSizeBytes = 4;

// Bytes that the reader may have at once for so many that have come: a small block, and twice of what was
// sent.
constexpr std::size_t memory_for(std::size_t received) { return (64 << 10) + 4 * received + 512; }

void run(ByteView bytes) {
  Input in(bytes);
  const std::size_t step = 1 + in.byte();
  ByteView stream = in.rest();
  const ByteView whole = stream;
  const Allocations allocations;
  client::ResponseReader reader(kLimit);
  std::size_t cut = 0;  // bytes of the stream that were frames
  while (!stream.empty()) {
    const MutableBytes room = reader.room();
    MOLDAU_ASSERT(!room.empty());
    const std::size_t arrived = std::min({step, stream.size(), room.size()});
    std::ranges::copy(stream.first(arrived), room.begin());
    stream = stream.subspan(arrived);
    reader.received(arrived);
    for (;;) {
      const auto frame = reader.next();
      if (!frame) {
        const auto size = load_be<std::int32_t>(whole.data() + cut);
        MOLDAU_ASSERT(size < 4 || static_cast<std::uint32_t>(size) > kLimit, "a possible size is refused");
        return;
      }
      if (!*frame) break;
      MOLDAU_ASSERT(equal(**frame, whole.subspan(cut + kSizeBytes, (*frame)->size())),
                    "other bytes come out");
      MOLDAU_ASSERT(load_be<std::uint32_t>(whole.data() + cut) == (*frame)->size());
      cut += kSizeBytes + (*frame)->size();
    }
    MOLDAU_ASSERT(reader.inside_frame() == (whole.size() - stream.size() > cut));
    MOLDAU_ASSERT(allocations.largest() <= memory_for(whole.size()), "memory for bytes that have not come");
  }
}

void seeds(Seeds& seeds) {
  Buffer seed;
  seed.append_be<std::uint8_t>(6);
  for (const std::uint32_t size : {4U, 5U, 40U}) {
    seed.append_be<std::uint32_t>(size);
    seed.extend(size);
    seeds.add(seed.view());
  }
  seed.append_be<std::uint32_t>(kLimit);
  seed.extend(9);
  seeds.add(seed.view());
  seed.append_be<std::uint32_t>(0xffffffff);
  seeds.add(seed.view());
}

MOLDAU_FUZZ_TARGET(response_reader, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
