// A commit log's file whose header and records say anything, with right checksums or with bytes broken after:
// it is refused, or gives exactly the entries that a plain reading finds, and works from then on.
#include "fuzz/fuzz_disk.h"
#include "fuzz/inline_runtime.h"
#include "fuzz/input.h"
#include "fuzz/target.h"
#include "storage/commit_log.h"
#include "storage/commit_log_format.h"

namespace moldau::fuzz {
namespace {

namespace format = storage::commit_format;
using storage::CommitLog;
using Position = CommitLog::Position;

constexpr std::size_t kMaxSize = 192;
constexpr std::uint64_t kFileId = 7;
constexpr std::size_t kBlocks = 16;
constexpr std::uint64_t kCapacity = kBlocks * format::kBlock;
const std::string kPath = "/commit-log-0";

Position position_of(Input& in) { return static_cast<Position>(in.below(2 * kBlocks) * format::kBlock); }

format::FileHeader header_of(Input& in, std::uint64_t sequence) {
  const Position start = position_of(in);
  return {.sequence = sequence,
          .file_id = kFileId,
          .capacity = kCapacity,
          .session = static_cast<std::uint32_t>(in.below(4)),
          .start = start,
          .durable = start + position_of(in),
          .closed = in.below(8) == 0};
}

std::vector<std::byte> body_of(Input& in, std::uint32_t& entries) {
  std::vector<std::byte> body;
  entries = static_cast<std::uint32_t>(in.below(4));
  const auto batches = in.piece();
  for (std::uint32_t i = 0; i < entries; ++i) {
    const CommitLog::Entry entry{.kind = static_cast<CommitLog::Entry::Kind>(1 + in.below(3)),
                                 .topic_id = {1, 2},
                                 .partition = static_cast<PartitionIndex>(in.below(2)),
                                 .offset = in.byte(),
                                 .batches = batches};
    const std::size_t at = body.size();
    body.resize(at + format::kEntryHeader + batches.size());
    format::encode_entry(entry, MutableBytes(body).subspan(at));
  }
  return body;
}

struct File {
  std::vector<std::byte> bytes = std::vector<std::byte>(format::kRingOffset + kCapacity);

  void put(Position position, ByteView record) {
    const MutableBytes ring = MutableBytes(bytes).subspan(format::kRingOffset);
    const std::size_t from = static_cast<std::size_t>(position) % kCapacity;
    const std::size_t first = std::min(record.size(), kCapacity - from);
    std::ranges::copy(record.first(first), ring.begin() + static_cast<std::ptrdiff_t>(from));
    std::ranges::copy(record.subspan(first), ring.begin());
  }
};

// One after another from `at` on, some of them somewhere else or of another file.
void put_records(File& file, Input& in, Position at) {
  while (!in.empty()) {
    const unsigned choice = in.byte();
    format::RecordHeader header{.file_id = choice % 16 == 1 ? kFileId + 1 : kFileId,
                                .position = choice % 16 == 2 ? position_of(in) : at,
                                .durable = position_of(in),
                                .session = static_cast<std::uint32_t>(in.below(4))};
    auto body = body_of(in, header.entries);
    if (choice % 16 == 3) ++header.entries;
    header.body_bytes = static_cast<std::uint32_t>(body.size());
    std::vector<std::byte> record(format::kRecordHeader);
    record.insert(record.end(), body.begin(), body.end());
    header.encode_before(record);
    if (choice % 16 == 4) record[in.byte() % record.size()] ^= std::byte{1};
    file.put(header.position, record);
    at += static_cast<Position>(header.size());
  }
}

// `size` bytes of the ring from `at` on.
std::vector<std::byte> ring_bytes(const File& file, Position at, std::size_t size) {
  const ByteView ring = ByteView(file.bytes).subspan(format::kRingOffset);
  const std::size_t from = static_cast<std::size_t>(at) % kCapacity;
  const std::size_t first = std::min(size, kCapacity - from);
  std::vector<std::byte> bytes(ring.begin() + static_cast<std::ptrdiff_t>(from),
                               ring.begin() + static_cast<std::ptrdiff_t>(from + first));
  bytes.insert(bytes.end(), ring.begin(), ring.begin() + static_cast<std::ptrdiff_t>(size - first));
  return bytes;
}

// What a reader must find, by the rules of commit_log_format.md.
std::optional<std::vector<Position>> expected_ends(const File& file, const format::FileHeader& header) {
  std::vector<Position> ends;
  std::uint32_t session = 0;
  for (Position at = header.start; !(header.closed && at == header.durable);) {
    const auto found = format::RecordHeader::decode(ring_bytes(file, at, format::kRecordHeader));
    if (!found || found->file_id != kFileId || found->position != at || found->session < session) break;
    if (found->durable > at || found->end() > header.start + static_cast<Position>(kCapacity)) break;
    const auto record = ring_bytes(file, at, found->size());
    if (!format::body_is_valid(record)) break;
    ByteView body = ByteView(record).subspan(format::kRecordHeader, found->body_bytes);
    for (std::uint32_t i = 0; i < found->entries; ++i) {
      if (!format::take_entry(body)) return std::nullopt;
      ends.push_back(at + static_cast<Position>(format::kRecordHeader + found->body_bytes - body.size()));
    }
    session = found->session;
    at = found->end();
  }
  return ends;
}

struct Opened {
  std::unique_ptr<CommitLog> log;
  std::vector<Position> ends;
};

Result<Opened> open(FuzzDisk& disk, InlineExecutor& executor, InlinePool& pool) {
  storage::CommitLogOptions options{.capacity_bytes = kCapacity,
                                    .buffer_bytes = 8 << 10,
                                    .retained_buffer_bytes = 16 << 10,
                                    .reserve_step_bytes = 16 << 10,
                                    .prewrite_step_bytes = 8 << 10,
                                    .file_id = kFileId};
  ASSIGN_OR_RETURN(auto log, executor.run(CommitLog::open(executor, pool, disk.get(), kPath, options)));
  std::vector<Position> ends;
  const CommitLog::Visit visit = [&](const CommitLog::Entry& entry, const Slice& batches,
                                     Position end) -> runtime::Task<Status> {
    MOLDAU_ASSERT(batches.data() == entry.batches.data() && entry.offset >= 0);
    ends.push_back(end);
    co_return Status();
  };
  const Status replayed = executor.run(log->replay(visit));
  executor.run_ready();
  if (!replayed) return fail(replayed.error());
  return Opened{std::move(log), std::move(ends)};
}

class Nobody final : public CommitLog::Participant {
  void on_durable(Position) override {}
  void on_poisoned(const Error&) override {}
};

// An entry more, durable, and found again.
void check_goes_on(FuzzDisk& disk, InlineExecutor& executor, InlinePool& pool, Opened opened) {
  Nobody nobody;
  const CommitLog::Entry entry{.topic_id = {1, 2}, .offset = 1, .batches = as_bytes("one more")};
  const auto appended = opened.log->append(entry, nobody);
  if (!appended) {
    MOLDAU_ASSERT(appended.error().code == Errc::unavailable, "an append is refused for no good reason");
    return;
  }
  MOLDAU_ASSERT(executor.run(opened.log->durable().reaches(executor, appended->end)));
  opened.log->leave(nobody);
  MOLDAU_ASSERT(executor.run(opened.log->close()).has_value());
  opened.log.reset();
  executor.run_ready();
  const auto again = open(disk, executor, pool);
  MOLDAU_ASSERT(again.has_value(), "what was closed in order cannot be opened");
  opened.ends.push_back(appended->end);
  MOLDAU_ASSERT(again->ends.size() <= opened.ends.size() && !again->ends.empty());
  MOLDAU_ASSERT(again->ends.back() == appended->end, "an acknowledged entry is not found again");
}

void run(ByteView bytes) {
  Input in(bytes);
  File file;
  const format::FileHeader header = header_of(in, 2);
  const auto block = header.encode();
  std::ranges::copy(block, file.bytes.begin());
  put_records(file, in, header.start);

  FuzzDisk disk;
  disk.put(kPath, file.bytes);
  InlineExecutor executor;
  InlinePool pool;
  const auto expected = expected_ends(file, header);
  auto opened = open(disk, executor, pool);
  if (!opened) {
    MOLDAU_ASSERT(opened.error().code == Errc::corrupt, "refused for another reason");
    MOLDAU_ASSERT(opened.error().message.find(kPath) != std::string::npos, "the file is not named");
    return;
  }
  MOLDAU_ASSERT(expected == opened->ends, "a plain reading finds other entries");
  MOLDAU_ASSERT(opened->log->durable().value() >= header.durable || header.durable < header.start);
  check_goes_on(disk, executor, pool, std::move(*opened));
}

void seeds(Seeds& seeds) {
  seeds.add(std::string_view("\x00\x01\x00\x01", 4));
  seeds.add(std::string_view("\x00\x01\x00\x01\x00\x00\x01\x02\x03xyz\x00\x00\x05\x00\x00\x06", 18));
  seeds.add(std::string_view(
      "\x0f\x02\x01\x01\x00\x02\x01\x01\x02zz\x00\x00\x05\x00\x03\x02\x01\x00\x01\x01\x07", 21));
  seeds.add(std::string_view("\x01\x01\x00\x00", 4));
}

MOLDAU_FUZZ_TARGET(commit_log_replay, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
