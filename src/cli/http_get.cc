#include "cli/http_get.h"

#include <array>

namespace moldau::cli {
namespace {

using runtime::Task;

constexpr std::size_t kStatusLine = 12;  // "HTTP/1.1 200"

Task<void> close_later(runtime::World& world, std::shared_ptr<runtime::Stream> stream,
                       std::shared_ptr<bool> ended) {
  co_await runtime::sleep_for(world.shard(0), std::chrono::seconds(2));
  if (!*ended) stream->close();
}

Task<std::optional<int>> ask(runtime::World& world, runtime::Endpoint at, std::string path) {
  auto opened = co_await world.network(0).connect(at, world.shard(0).now() + std::chrono::seconds(2));
  if (!opened) co_return std::nullopt;
  const std::shared_ptr<runtime::Stream> stream = std::move(*opened);
  const auto ended = std::make_shared<bool>(false);
  Task<void> guard = close_later(world, stream, ended);
  const std::string request =
      "GET " + path + " HTTP/1.1\r\nHost: " + at.to_string() + "\r\nConnection: close\r\n\r\n";
  std::string answer;
  if (co_await stream->write({Slice::copy_of(request)})) {
    while (answer.size() < kStatusLine) {
      std::array<std::byte, 256> bytes;
      const auto got = co_await stream->read_some(bytes);
      if (!got || *got == 0) break;
      answer.append(reinterpret_cast<const char*>(bytes.data()), *got);
    }
  }
  *ended = true;
  stream->close();
  std::move(guard).detach();
  if (answer.size() < kStatusLine || !answer.starts_with("HTTP/1.")) co_return std::nullopt;
  const auto code = whole_number(std::string_view(answer).substr(9, 3));
  co_return code ? std::optional(static_cast<int>(*code)) : std::nullopt;
}

}  // namespace

std::optional<int> http_status(Session& session, const runtime::Endpoint& at, std::string_view path) {
  std::optional<int> code;
  session.environment.run_task([&](Context context) -> Task<int> {
    code = co_await ask(context.world, at, std::string(path));
    co_return 0;
  });
  return code;
}

}  // namespace moldau::cli
