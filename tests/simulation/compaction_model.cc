#include "simulation/compaction_model.h"

#include <algorithm>

namespace moldau::simulation {
namespace {

std::string at(Offset offset) { return " at offset " + std::to_string(offset); }

}  // namespace

Offset CompactionModel::beginning_of(std::size_t batch) const {
  const ProducerId producer = batches_[batch].producer_id;
  Offset begins = batches_[batch].base_offset;
  for (std::size_t i = batch; i-- > 0;) {
    if (batches_[i].producer_id != producer) continue;
    if (batches_[i].is_marker()) break;
    if (batches_[i].transactional) begins = batches_[i].base_offset;
  }
  return begins;
}

void CompactionModel::cut(Offset end) {
  while (!batches_.empty() && batches_.back().next_offset > end) {
    if (batches_.back().is_marker())
      decided_.emplace(beginning_of(batches_.size() - 1), *batches_.back().commits);
    batches_.pop_back();
  }
  decided_.erase(decided_.lower_bound(this->end()), decided_.end());
}

std::optional<bool> CompactionModel::decision_of(ProducerId producer) const {
  if (!open_transactions().contains(producer)) return std::nullopt;
  for (std::size_t i = batches_.size(); i-- > 0;) {
    if (batches_[i].producer_id != producer) continue;
    const auto found = decided_.find(beginning_of(i));
    return found == decided_.end() ? std::nullopt : std::optional(found->second);
  }
  return std::nullopt;
}

const WrittenBatch* CompactionModel::last_of(ProducerId producer) const {
  const auto found = std::find_if(batches_.rbegin(), batches_.rend(), [&](const WrittenBatch& batch) {
    return batch.producer_id == producer && !batch.is_marker();
  });
  return found == batches_.rend() ? nullptr : &*found;
}

Sequence CompactionModel::next_sequence(ProducerId producer) const {
  const WrittenBatch* last = last_of(producer);
  return last == nullptr ? 0 : last->sequence + static_cast<Sequence>(last->records.size());
}

std::set<ProducerId> CompactionModel::open_transactions() const {
  std::set<ProducerId> open;
  for (const WrittenBatch& batch : batches_) {
    if (batch.is_marker()) {
      open.erase(batch.producer_id);
    } else if (batch.transactional) {
      open.insert(batch.producer_id);
    }
  }
  return open;
}

CompactionModel::Judged CompactionModel::judge(Offset start, Offset end) const {
  Judged judged;
  std::map<ProducerId, std::vector<const WrittenBatch*>> open;
  for (const WrittenBatch& batch : batches_) {
    if (batch.next_offset > end) break;
    for (const KeyedRecord& record : batch.records) judged.records.emplace(record.offset, &record);
    if (!batch.is_marker()) {
      if (batch.transactional) open[batch.producer_id].push_back(&batch);
      continue;
    }
    for (const WrittenBatch* ended : open[batch.producer_id]) {
      if (*batch.commits) continue;
      for (const KeyedRecord& record : ended->records) judged.aborted.insert(record.offset);
    }
    open.erase(batch.producer_id);
  }
  judged.first_open = end;
  for (const auto& [producer, batches] : open) {
    const auto decided = batches.empty() ? decided_.end() : decided_.find(batches.front()->base_offset);
    for (const WrittenBatch* batch : batches) {
      if (decided != decided_.end()) {
        for (const KeyedRecord& record : batch->records)
          if (!decided->second) judged.aborted.insert(record.offset);
        continue;
      }
      for (const KeyedRecord& record : batch->records) judged.open.insert(record.offset);
      if (batch->next_offset > start) judged.first_open = std::min(judged.first_open, batch->base_offset);
    }
  }
  return judged;
}

std::string CompactionModel::check(const CompactedView& view, const CompactionPromises& promises) const {
  const Judged judged = judge(view.start, view.end);
  // A replica that is being filled gets what others have compacted by what it does not have yet.
  const Judged whole = judge(view.start, end());
  std::set<Offset> seen;
  for (const KeyedRecord& record : view.all) {
    const auto written = judged.records.find(record.offset);
    if (written == judged.records.end() || *written->second != record)
      return "nobody wrote what is" + at(record.offset);
    if (!seen.insert(record.offset).second) return "twice the same" + at(record.offset);
  }
  // What compaction must not have touched.
  const Offset touched = std::min(promises.high_watermark, whole.first_open);
  for (const auto& [offset, record] : judged.records) {
    if (offset < view.start || seen.contains(offset)) continue;
    if (offset >= touched) return "missing above what is stable:" + at(offset);
    if (record->timestamp > view.now_ms - promises.min_compaction_lag_ms)
      return "compacted before min.compaction.lag.ms:" + at(offset);
  }
  // What a replica has never got of a transaction, since it was compacted, holds nobody back.
  Offset first_open = view.end;
  for (const KeyedRecord& record : view.all) {
    if (judged.open.contains(record.offset)) first_open = std::min(first_open, record.offset);
  }
  std::map<std::string, Offset> last;
  std::map<std::string, Offset> clean;
  for (const KeyedRecord& record : view.committed) {
    if (judged.aborted.contains(record.offset))
      return "read_committed sees an aborted record" + at(record.offset);
    if (record.offset >= first_open) return "read_committed sees an open transaction" + at(record.offset);
    last[record.key] = record.offset;
    if (record.offset >= view.first_dirty) continue;
    const auto [first, is_first] = clean.emplace(record.key, record.offset);
    if (!is_first)
      return "two records of " + record.key + " below " + std::to_string(view.first_dirty) + ", one" +
             at(first->second) + ", one" + at(record.offset);
  }
  std::map<std::string, const KeyedRecord*> newest;
  for (const auto& [offset, record] : whole.records) {
    if (offset < view.start || offset >= std::max(touched, view.stable_end)) continue;
    if (!whole.aborted.contains(offset)) newest[record->key] = record;
  }
  for (const auto& [key, record] : newest) {
    if (record->offset >= view.stable_end) continue;
    const auto found = last.find(key);
    if (found != last.end()) {
      if (found->second != record->offset) return "an old record of " + key + at(found->second);
      continue;
    }
    if (record->value) return "the newest record of " + key + " is gone," + at(record->offset);
    if (view.now_ms < record->timestamp + promises.delete_retention_ms)
      return "a tombstone went before delete.retention.ms:" + at(record->offset);
  }
  return "";
}

}  // namespace moldau::simulation
