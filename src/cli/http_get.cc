#include "cli/http_get.h"

#include <array>

namespace moldau::cli {
namespace {

using runtime::Task;

constexpr std::size_t kStatusLine = 12;  // "HTTP/1.1 200"
constexpr runtime::Duration kPatience = std::chrono::seconds(2);

Task<std::optional<int>> ask(runtime::World& world, runtime::Endpoint at, std::string path) {
  runtime::Executor& executor = world.shard(0);
  auto opened = co_await world.network(0).connect(at, executor.now() + kPatience);
  if (!opened) co_return std::nullopt;
  runtime::Stream& stream = **opened;
  const runtime::TimerId guard = executor.call_at(executor.now() + kPatience, [&] { stream.close(); });
  const std::string request =
      "GET " + path + " HTTP/1.1\r\nHost: " + at.to_string() + "\r\nConnection: close\r\n\r\n";
  std::string answer;
  if (co_await stream.write({Slice::copy_of(request)})) {
    while (answer.size() < kStatusLine) {
      std::array<std::byte, 256> bytes;
      const auto got = co_await stream.read_some(bytes);
      if (!got || *got == 0) break;
      answer.append(reinterpret_cast<const char*>(bytes.data()), *got);
    }
  }
  executor.cancel(guard);
  stream.close();
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
