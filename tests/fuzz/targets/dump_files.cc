// Files of a partition's folder, of any bytes, printed by the dump tool.
#include "cli/dump_log.h"
#include "fuzz/fuzz_disk.h"
#include "fuzz/log_bytes.h"
#include "fuzz/target.h"
#include "storage/log_files.h"
#include "storage/producer_state.h"

namespace moldau::fuzz {
namespace {

constexpr std::size_t kMaxSize = 256;

class Counted final : public cli::Output {
 public:
  std::size_t bytes = 0;
  Status write(std::string_view text) override {
    bytes += text.size();
    return {};
  }
};

std::string put_files(FuzzDisk& disk, Input& in) {
  static constexpr std::string_view kSuffixes[] = {
      storage::kLogSuffix, storage::kOffsetIndexSuffix, storage::kTimeIndexSuffix,
      storage::kTransactionIndexSuffix, storage::kSnapshotSuffix};
  const std::string path = storage::file_path("/t-0", 5, kSuffixes[in.below(std::size(kSuffixes))]);
  disk.make("/t-0");
  const bool is_log = path.ends_with(storage::kLogSuffix);
  if (!is_log) disk.put(path, in.piece());
  disk.put(storage::file_path("/t-0", 5, storage::kLogSuffix), log_bytes(in, 5));
  return path;
}

void run(ByteView bytes) {
  Input in(bytes);
  const unsigned flags = in.byte();
  FuzzDisk disk;
  const std::string path = put_files(disk, in);
  const cli::DumpOptions options{.records = (flags & 1) != 0,
                                 .contents = (flags & 2) != 0,
                                 .metadata = (flags & 4) == 0,
                                 .sanity_check_only = (flags & 8) != 0,
                                 .verify_only = (flags & 16) != 0,
                                 .cluster_metadata = (flags & 32) != 0};
  Counted out;
  cli::Printer printer(out);
  const auto dumped = cli::dump_file(disk.get(), path, options, printer);
  printer.flush();
  if (!dumped) MOLDAU_ASSERT(!dumped.error().message.empty());
  MOLDAU_ASSERT(out.bytes <= 1024 * (bytes.size() + 16) + 64 * 8192,
                "a short file is printed without bounds");
}

void seeds(Seeds& seeds) {
  seeds.add(std::string_view("\x03\x00\x04\x00\x04\x09\x10", 7));
  seeds.add(
      std::string_view("\x23\x00\x04\x00\x04\x09\x03\x05"
                       "abcde",
                       13));
  seeds.add(std::string_view("\x00\x01\x10\0\0\0\1\0\0\0\x60\0\0\0\2\0\0\0\x90\x02\x00\x04", 22));
  seeds.add(std::string_view("\x08\x02\x0c\0\0\0\0\0\0\0\x50\0\0\0\2\x02\x00\x04", 18));
  Buffer transactions;
  transactions.append(std::string_view("\x00\x03\x22", 3));
  storage::encode_transaction_index({{9, 5, 8, 9}}, transactions);
  seeds.add(transactions.view());
  Buffer snapshot;
  const Slice table = storage::ProducerStateTable().encode();
  snapshot.append(std::string_view("\x00\x04", 2));
  snapshot.append_be<std::uint8_t>(static_cast<std::uint8_t>(table.size()));
  snapshot.append(table);
  seeds.add(snapshot.view());
}

MOLDAU_FUZZ_TARGET(dump_files, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
