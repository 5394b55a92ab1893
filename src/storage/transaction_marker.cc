#include "record/control.h"
#include "storage/producer_state.h"

namespace moldau::storage {

std::optional<TransactionMarker> transaction_marker_of(const record::BatchView& batch) {
  if (!batch.is_control()) return std::nullopt;
  const auto control = record::read_control_record(batch);
  if (!control) return std::nullopt;
  const bool aborted = control->type == record::ControlType::abort;
  if (!aborted && control->type != record::ControlType::commit) return std::nullopt;
  const auto coordinator_epoch = record::coordinator_epoch_of(*control);
  if (!coordinator_epoch) return std::nullopt;
  return TransactionMarker{.producer_id = batch.producer_id(),
                           .producer_epoch = batch.producer_epoch(),
                           .coordinator_epoch = *coordinator_epoch,
                           .aborted = aborted,
                           .offset = batch.base_offset(),
                           .timestamp = batch.max_timestamp()};
}

std::optional<AbortedTransaction> note_producer(ProducerStateTable& producers,
                                                const record::HeaderView& header,
                                                const record::BatchView& batch) {
  if (!header.is_control()) {
    producers.append(header);
    return std::nullopt;
  }
  auto marker = transaction_marker_of(batch);
  if (!marker) return std::nullopt;
  marker->offset = header.base_offset();
  return producers.append(*marker);
}

}  // namespace moldau::storage
