#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/crc32c.h"
#include "echo.h"
#include "modes.h"
#include "process.h"
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

// What writing a new file through the page cache costs: most of what a broker can spend on a record. Pages
// are new to the file, not to the machine.
double measure_cache_write(const std::string& folder, std::size_t chunk_bytes) {
  constexpr std::size_t kFileBytes = 256 << 20;
  const std::string path = folder + "/moldau_load.cache";
  const std::vector<std::byte> chunk(chunk_bytes, std::byte{1});
  double best = 0;
  for (int i = 0; i < 3; ++i) {
    const Socket file(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    const CpuMeter meter({::getpid()});
    for (std::size_t written = 0; written < kFileBytes; written += chunk_bytes) {
      if (::write(file.descriptor(), chunk.data(), chunk_bytes) < 0) die("cannot write " + path);
    }
    best = std::max(best, static_cast<double>(kFileBytes) / 1e9 / std::max(0.01, meter.taken()));
  }
  ::unlink(path.c_str());
  return best;
}

}  // namespace

void machine(const std::string& folder) {
  JsonLine("machine")
      .latency(measure_sync(folder), "sync_4k_")
      .latency(measure_echo(), "echo_200b_")
      .number("memcpy_1mib_gb_per_s", measure_memcpy(1 << 20))
      .number("memcpy_64mib_gb_per_s", measure_memcpy(64 << 20))
      .number("cache_write_64kib_gb_per_cpu_s", measure_cache_write(folder, 64 << 10))
      .number("cache_write_1mib_gb_per_cpu_s", measure_cache_write(folder, 1 << 20))
      .number("crc32c_16kib_gb_per_s", measure_crc(16 << 10))
      .number("crc32c_1mib_gb_per_s", measure_crc(1 << 20))
      .print();
}

void touch(int megabytes) {
  const auto bytes = static_cast<std::size_t>(megabytes) << 20;
  void* memory =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) die("cannot map memory");
  const std::int64_t deadline = now_ns() + 20 * kSecondNs;
  std::size_t touched = 0;
  for (; touched < bytes && now_ns() < deadline; touched += 4096) static_cast<char*>(memory)[touched] = 1;
  ::munmap(memory, bytes);
  JsonLine("touch").number("mib", static_cast<double>(touched >> 20)).print();
}

}  // namespace moldau::load
