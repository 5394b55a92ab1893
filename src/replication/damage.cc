#include "replication/damage.h"

#include "record/batch.h"

namespace moldau::replication {

std::optional<Offset> cut_at_damage(SliceList& batches) {
  Offset next = 0;
  for (std::size_t i = 0; i < batches.size(); ++i) {
    std::size_t sound_bytes = 0;
    record::BatchReader reader(batches[i]);
    for (record::BatchView batch;;) {
      const auto more = reader.next(batch);
      if (more && !*more) break;
      if (more && batch.crc_matches()) {
        sound_bytes += batch.size();
        next = batch.next_offset();
        continue;
      }
      const Offset damaged = more ? batch.base_offset() : next;
      batches[i] = batches[i].part(batches[i].view().first(sound_bytes));
      batches.resize(sound_bytes > 0 ? i + 1 : i);
      return damaged;
    }
  }
  return std::nullopt;
}

}  // namespace moldau::replication
