// A .txnindex file: refused, or sound and written back as it was.
#include "storage/transaction_index.h"

#include "fuzz/allocations.h"
#include "fuzz/input.h"
#include "fuzz/target.h"

namespace moldau::fuzz {
namespace {

constexpr std::size_t kMaxSize = 256;

void run(ByteView bytes) {
  const Allocations allocations;
  const auto entries = storage::decode_transaction_index(bytes);
  MOLDAU_ASSERT(allocations.total() <= bytes.size() * 4 + 512);
  if (!entries) {
    MOLDAU_ASSERT(entries.error().code == Errc::corrupt);
    return;
  }
  for (const storage::AbortedTransaction& entry : *entries)
    MOLDAU_ASSERT(entry.first_offset >= 0 && entry.last_offset >= entry.first_offset);
  Buffer out;
  storage::encode_transaction_index(*entries, out);
  MOLDAU_ASSERT(equal(out.view(), bytes), "an index is not written as it was read");
}

void seeds(Seeds& seeds) {
  Buffer seed;
  for (int i = 0; i < 4; ++i) {
    storage::encode_transaction_index({{7 + i, 10 * i, 10 * i + 5, 10 * i + 2}}, seed);
    seeds.add(seed.view());
  }
}

MOLDAU_FUZZ_TARGET(transaction_index, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
