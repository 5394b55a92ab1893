#include "storage/batch_filter.h"

#include <algorithm>
#include <limits>

#include "record/builder.h"

namespace moldau::storage {
namespace {

// Of one batch: what may be appended may be read back (record::ValidationRules).
constexpr std::size_t kMaxUncompressedBytes = std::size_t{128} << 20;

Slice emptied(const record::BatchView& batch) {
  record::BatchFields fields = record::BatchFields::of(batch);
  fields.delete_horizon.reset();
  fields.compression = {};
  record::BatchBuilder builder(fields);
  builder.set_last_offset(batch.last_offset());
  return std::move(builder).build_uncompressed();
}

TimestampMs saturating_add(TimestampMs time, std::int64_t delay) {
  return time > std::numeric_limits<TimestampMs>::max() - delay ? std::numeric_limits<TimestampMs>::max()
                                                                : time + delay;
}

}  // namespace

RetainedProducers::RetainedProducers(const ProducerStateTable& producers) {
  producers_.reserve(producers.producers().size());
  for (const auto& [id, state] : producers.producers()) {
    Producer& producer = producers_[id];
    producer.epoch = state.epoch;
    producer.batch_count = state.batch_count;
    for (std::size_t i = 0; i < state.batch_count; ++i) {
      producer.last_offsets[i] = state.batches[i].last_offset;
    }
  }
}

// Of a producer that has sent nothing since its epoch began, the marker tells the epoch.
bool RetainedProducers::needs(const record::HeaderView& batch) const {
  if (!batch.has_producer_id()) return false;
  const auto found = producers_.find(batch.producer_id());
  if (found == producers_.end()) return false;
  const Producer& producer = found->second;
  if (producer.batch_count == 0) return batch.is_control() && batch.producer_epoch() == producer.epoch;
  const auto end = producer.last_offsets.begin() + producer.batch_count;
  return std::find(producer.last_offsets.begin(), end, batch.last_offset()) != end;
}

bool BatchFilter::past_horizon(const record::HeaderView& batch) const {
  const auto horizon = batch.delete_horizon();
  return horizon && *horizon <= rules_.now_ms;
}

bool BatchFilter::is_wanted(const record::RecordView& record, const record::BatchView& batch) const {
  if (batch.is_control() || record.offset > map_.latest_offset()) return true;
  if (!record.key) return false;  // from before the topic was compacted
  if (!record.value && past_horizon(batch)) return false;
  const auto newest = map_.find(*record.key);
  return !newest || record.offset >= *newest;
}

Result<BatchFilter::Chosen> BatchFilter::choose(const record::BatchView& batch, ByteView records) {
  Chosen chosen;
  wanted_.clear();
  record::RecordReader reader(batch, records);
  for (record::RecordView record;;) {
    ASSIGN_OR_RETURN(const bool more, reader.next(record));
    if (!more) return chosen;
    const bool wanted = is_wanted(record, batch);
    wanted_.push_back(wanted ? 1 : 0);
    ++chosen.read;
    if (!wanted) continue;
    ++chosen.kept;
    chosen.tombstones |= !record.value;
  }
}

Result<FilteredBatch> BatchFilter::filter(const record::BatchView& batch, bool keeps_end) {
  using Fate = FilteredBatch::Fate;
  bool marks_nothing = false;
  bool discards = false;
  if (batch.is_control()) {
    ASSIGN_OR_RETURN(marks_nothing, transactions_.note_control(batch));
    discards = marks_nothing && past_horizon(batch);
  } else {
    discards = transactions_.note_data(batch);
  }
  const bool stays = keeps_end || producers_.needs(batch);
  FilteredBatch filtered{.records_read = batch.record_count()};
  ByteView records;
  Chosen chosen;
  if (!discards && batch.record_count() > 0) {
    ASSIGN_OR_RETURN(records, record::uncompressed_records(batch, codecs_, kMaxUncompressedBytes));
    ASSIGN_OR_RETURN(chosen, choose(batch, records));
  }
  filtered.records_kept = chosen.kept;
  if (chosen.kept == 0) {
    if (!stays) return filtered;
    filtered.fate = batch.record_count() == 0 ? Fate::whole : Fate::emptied;
    if (filtered.fate == Fate::emptied) filtered.bytes = emptied(batch);
    return filtered;
  }
  const bool sets_horizon = (chosen.tombstones || marks_nothing) && !batch.delete_horizon();
  if (chosen.kept == chosen.read && !sets_horizon) {
    filtered.fate = Fate::whole;
    return filtered;
  }
  filtered.fate = Fate::rewritten;
  ASSIGN_OR_RETURN(filtered.bytes, rewrite(batch, records, sets_horizon));
  return filtered;
}

Result<Slice> BatchFilter::rewrite(const record::BatchView& batch, ByteView records, bool sets_horizon) {
  record::BatchFields fields = record::BatchFields::of(batch);
  if (sets_horizon) fields.delete_horizon = saturating_add(rules_.now_ms, rules_.delete_retention_ms);
  record::BatchBuilder builder(fields, records.size());
  record::RecordReader reader(batch, records);
  std::size_t i = 0;
  for (record::RecordView record;;) {
    ASSIGN_OR_RETURN(const bool more, reader.next(record));
    if (!more) break;
    if (wanted_[i++] != 0) builder.append_copy(record);
  }
  builder.set_last_offset(batch.last_offset());
  return std::move(builder).build(codecs_);
}

}  // namespace moldau::storage
