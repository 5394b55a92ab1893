#include "cli/input_reader.h"

namespace moldau::cli {

InputReader::InputReader(runtime::World& world, Interrupt& interrupt, Input& input)
    : world_(world), interrupt_(interrupt), input_(input) {}

runtime::Task<Status> InputReader::more() {
  buffer_.erase(0, std::exchange(consumed_, 0));
  if (buffer_.size() >= kMaxBuffered) co_return fail(Errc::too_large, "a record of more than 1 GiB");
  struct Chunk {
    std::string bytes;
    Result<std::optional<std::size_t>> got;
  };
  while (!at_end_) {
    // A short wait: the thread of the pool looks up now and then, so that a signal can end the command.
    Chunk chunk = co_await world_.pool().run(runtime::Lane::read, world_.shard(0), [&input = input_] {
      Chunk read{std::string(kChunk, '\0'), {}};
      auto* data = reinterpret_cast<std::byte*>(read.bytes.data());
      read.got = input.read({data, read.bytes.size()}, std::chrono::milliseconds(100));
      return read;
    });
    if (!chunk.got) co_return fail(std::move(chunk.got).error());
    at_end_ = interrupt_.raised() || *chunk.got == std::size_t{0};
    if (at_end_ || !*chunk.got) continue;
    buffer_.append(chunk.bytes, 0, **chunk.got);
    break;
  }
  co_return Status{};
}

runtime::Task<Result<std::optional<std::string>>> InputReader::line() {
  for (;;) {
    const std::string_view there = buffered();
    const std::size_t end = there.find('\n');
    if (end != std::string_view::npos || (at_end_ && !there.empty())) {
      std::string found(there.substr(0, end));
      consume(std::min(found.size() + 1, there.size()));
      co_return found;
    }
    if (at_end_) co_return std::nullopt;
    CO_TRY(co_await more());
  }
}

}  // namespace moldau::cli
