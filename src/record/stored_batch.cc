#include <string>

#include "record/validate.h"

namespace moldau::record {
namespace {

Status check_stored_offsets(const BatchView& batch, Offset next_offset) {
  if (batch.base_offset() < next_offset) {
    return fail(Errc::corrupt, "batch at offset " + std::to_string(batch.base_offset()) + " behind " +
                                   std::to_string(next_offset));
  }
  if (batch.last_offset_delta() < 0) {
    return fail(Errc::corrupt, "batch with last offset delta " + std::to_string(batch.last_offset_delta()));
  }
  if (batch.base_offset() > std::numeric_limits<Offset>::max() - 1 - batch.last_offset_delta()) {
    return fail(Errc::corrupt, "batch beyond the last offset that there is");
  }
  if (batch.record_count() < 0 || batch.record_count() - 1 > batch.last_offset_delta()) {
    return fail(Errc::corrupt, "batch with " + std::to_string(batch.record_count()) +
                                   " records over a last offset delta of " +
                                   std::to_string(batch.last_offset_delta()));
  }
  return {};
}

}  // namespace

Status check_stored_batch(const BatchView& batch, Offset next_offset) {
  TRY(check_stored_offsets(batch, next_offset));
  if (!batch.codec()) return fail(Errc::corrupt, "unknown compression type");
  if (batch.crc_matches()) return {};
  return fail(Errc::corrupt, "batch at offset " + std::to_string(batch.base_offset()) + ": stored crc " +
                                 std::to_string(batch.crc()) + ", computed " +
                                 std::to_string(batch.computed_crc()));
}

}  // namespace moldau::record
