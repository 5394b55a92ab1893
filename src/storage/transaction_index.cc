#include "storage/transaction_index.h"

#include <string>

namespace moldau::storage {

void encode_transaction_index(const std::vector<AbortedTransaction>& entries, Buffer& out) {
  for (const AbortedTransaction& entry : entries) {
    out.append_be<std::int16_t>(0);
    out.append_be(entry.producer_id);
    out.append_be(entry.first_offset);
    out.append_be(entry.last_offset);
    out.append_be(entry.last_stable_offset);
  }
}

Result<std::vector<AbortedTransaction>> decode_transaction_index(ByteView bytes) {
  if (bytes.size() % kTransactionIndexEntrySize != 0) {
    return fail(Errc::corrupt, "the transaction index ends within an entry");
  }
  std::vector<AbortedTransaction> entries;
  for (; !bytes.empty(); bytes = bytes.subspan(kTransactionIndexEntrySize)) {
    const auto field = [&](std::size_t i) { return load_be<std::int64_t>(bytes.data() + 2 + 8 * i); };
    const AbortedTransaction entry{field(0), field(1), field(2), field(3)};
    if (load_be<std::int16_t>(bytes.data()) != 0 || entry.first_offset < 0 ||
        entry.last_offset < entry.first_offset) {
      return fail(Errc::corrupt,
                  "entry " + std::to_string(entries.size()) + " of the transaction index is damaged");
    }
    entries.push_back(entry);
  }
  return entries;
}

}  // namespace moldau::storage
