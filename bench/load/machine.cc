#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/crc32c.h"
#include "echo.h"
#include "modes.h"
#include "program.h"

namespace moldau::load {

namespace {

// 4 KiB written over a part of a file that was written before, then fdatasync: what one commit costs.
telemetry::HistogramData measure_sync(const std::string& folder) {
  constexpr std::size_t kFileBytes = 16 << 20;
  constexpr std::size_t kBlock = 4096;
  const std::string path = folder + "/moldau_load.sync";
  const Socket file(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  const std::vector<std::byte> zeros(kFileBytes);
  if (::pwrite(file.descriptor(), zeros.data(), kFileBytes, 0) != static_cast<ssize_t>(kFileBytes) ||
      ::fdatasync(file.descriptor()) != 0) {
    die("cannot write " + path);
  }
  telemetry::HistogramData ns;
  for (std::size_t i = 0; i < 3000; ++i) {
    const std::vector<std::byte> block(kBlock, static_cast<std::byte>(i));
    const std::int64_t began = now_ns();
    const auto at = static_cast<off_t>(i * kBlock % kFileBytes);
    if (::pwrite(file.descriptor(), block.data(), kBlock, at) < 0 || ::fdatasync(file.descriptor()) != 0) {
      die("cannot sync " + path);
    }
    ns.record(static_cast<std::uint64_t>(now_ns() - began));
  }
  ::unlink(path.c_str());
  return ns;
}

// The best of several passes over a block: what the processor can do when it is not disturbed.
template <class Pass>
double best_gb_per_s(std::size_t bytes, Pass pass) {
  std::int64_t best = kSecondNs;
  for (int i = 0; i < 200; ++i) {
    const std::int64_t began = now_ns();
    pass();
    best = std::min(best, now_ns() - began);
  }
  return static_cast<double>(bytes) / static_cast<double>(best);
}

double measure_memcpy(std::size_t bytes) {
  const std::vector<std::byte> from(bytes, std::byte{1});
  std::vector<std::byte> to(bytes);
  return best_gb_per_s(bytes, [&] {
    std::memcpy(to.data(), from.data(), bytes);
    asm volatile("" : : "r"(to.data()) : "memory");
  });
}

double measure_crc(std::size_t bytes) {
  const std::vector<std::byte> block(bytes, std::byte{7});
  std::uint32_t crc = 0;
  return best_gb_per_s(bytes, [&] {
    crc = crc32c(block, crc);
    asm volatile("" : : "r"(crc) : "memory");
  });
}

telemetry::HistogramData measure_echo() {
  const EchoServer echo;
  const Socket socket = Socket::connect(echo.port());
  const std::vector<std::byte> message(200, std::byte{1});
  telemetry::HistogramData ns;
  echo_rounds(socket, message, 2000, ns);
  ns = {};
  echo_rounds(socket, message, 20'000, ns);
  return ns;
}

}  // namespace

void machine(const std::string& folder) {
  JsonLine("machine")
      .latency(measure_sync(folder), "sync_4k_")
      .latency(measure_echo(), "echo_200b_")
      .number("memcpy_1mib_gb_per_s", measure_memcpy(1 << 20))
      .number("memcpy_64mib_gb_per_s", measure_memcpy(64 << 20))
      .number("crc32c_16kib_gb_per_s", measure_crc(16 << 10))
      .number("crc32c_1mib_gb_per_s", measure_crc(1 << 20))
      .print();
}

}  // namespace moldau::load
