#include "simulation/ledger.h"

#include <algorithm>

#include "record/record.h"

namespace moldau::simulation {
namespace {

constexpr std::size_t kMaxBatchBytes = 4 << 20;

std::string text(Offset offset) { return std::to_string(offset); }

}  // namespace

BatchKey key_of(const record::HeaderView& batch) {
  return {batch.base_offset(), batch.last_offset(), batch.partition_leader_epoch(), batch.crc()};
}

std::string to_string(const BatchKey& key) {
  return "[" + text(key.base) + ", " + text(key.last) + "] of epoch " + text(key.epoch) + " with checksum " +
         text(key.crc);
}

void Ledger::report(std::string problem) {
  world_.note("PROBLEM: " + problem);
  if (problem_.empty()) problem_ = std::move(problem);
}

// --- topics

TopicModel& Ledger::on_topic_created(TopicModel topic) {
  if (topics_.contains(topic.id)) report("topic id " + topic.id.to_string() + " was given twice");
  // What was asked of an earlier topic by name may be done to this one.
  for (const auto& [id, earlier] : topics_) {
    if (earlier.name != topic.name) continue;
    for (PartitionIndex i = 0; i < earlier.max_partitions; ++i) {
      const auto known = partitions_.find({id, i});
      if (known == partitions_.end()) continue;
      Partition& at = partitions_[{topic.id, i}];
      at.deletable = std::max(at.deletable, known->second.deletable);
    }
  }
  return topics_[topic.id] = std::move(topic);
}

TopicModel* Ledger::topic(const TopicId& id) {
  const auto found = topics_.find(id);
  return found == topics_.end() ? nullptr : &found->second;
}

std::vector<TopicModel*> Ledger::live_topics() {
  std::vector<TopicModel*> live;
  for (auto& [id, topic] : topics_) {
    if (topic.state == TopicModel::State::live) live.push_back(&topic);
  }
  return live;
}

std::string Ledger::name(const TopicIdPartition& key) const {
  const auto found = topics_.find(key.topic_id);
  return (found == topics_.end() ? key.topic_id.to_string() : found->second.name) + "-" +
         std::to_string(key.partition);
}

bool Ledger::is_only_of_its_name(const TopicId& id) const {
  const auto found = topics_.find(id);
  return found != topics_.end() && std::ranges::count_if(topics_, [&](const auto& other) {
                                     return other.second.name == found->second.name;
                                   }) == 1;
}

void Ledger::on_unclean_election(const TopicIdPartition& key) { partitions_[key].unclean = true; }

bool Ledger::is_unclean(const TopicIdPartition& key) const {
  const auto found = partitions_.find(key);
  return found != partitions_.end() && found->second.unclean;
}

bool Ledger::is_damaged(const TopicIdPartition& key) const {
  const auto found = partitions_.find(key);
  return found != partitions_.end() && found->second.damaged;
}

void Ledger::start_over(const TopicIdPartition& key, Offset committed_end) {
  Partition& at = partitions_[key];
  for (const RecordId id : at.records) places_[id] = kNoOffset;
  at = {.damaged = at.damaged, .committed_end = committed_end, .deletable = at.deletable};
}

// --- what replicas hold

void Ledger::on_committed(const TopicIdPartition& key, const record::BatchView& batch,
                          const std::string& who) {
  Partition& at = partitions_[key];
  if (at.unclean || (at.damaged && !batch.crc_matches())) return;
  const BatchKey found = key_of(batch);
  const auto known = at.batches.find(found.base);
  if (known != at.batches.end()) {
    if (known->second != found)
      report(name(key) + " on " + who + ": " + to_string(found) + " where " + to_string(known->second) +
             " was committed");
    return;
  }
  if (!batch.crc_matches())
    return report(name(key) + " on " + who + ": " + to_string(found) + ", but the checksum is wrong");
  if (found.base < at.end()) {
    // Below the first one known records may have been deleted before anybody read them.
    const auto next = at.batches.upper_bound(found.base);
    const bool overlaps = next != at.batches.begin() && std::prev(next)->second.last >= found.base;
    if (overlaps || found.last >= next->second.base)
      return report(name(key) + " on " + who + ": " + to_string(found) + " lies across what was committed");
  } else if (found.base > at.end() && at.end() >= deletable(key)) {
    return report(name(key) + " on " + who + ": " + to_string(found) + " leaves a gap behind " +
                  text(at.end()));
  }
  const bool in_order = found.base >= at.end();
  at.batches[found.base] = found;
  ++committed_batches_;
  if (at.records.size() <= static_cast<std::size_t>(found.last))
    at.records.resize(static_cast<std::size_t>(found.last) + 1);
  if (in_order) check_sequence(key, at, batch);
  read_records(key, at, batch);
  keep_promises(key, at);
}

void Ledger::check_sequence(const TopicIdPartition& key, Partition& at, const record::BatchView& batch) {
  if (!batch.has_producer_id() || batch.base_sequence() < 0) return;
  const auto [next, first] = at.next_sequence.try_emplace({batch.producer_id(), batch.producer_epoch()},
                                                          batch.base_sequence(), batch.base_offset());
  // A replica that began behind deleted records does not know who wrote them, and leads some day.
  const bool forgotten = next->second.second <= deletable(key);
  if (!first && next->second.first != batch.base_sequence() && !forgotten)
    report(name(key) + " offset " + text(batch.base_offset()) + ": sequence " + text(batch.base_sequence()) +
           " of producer " + text(batch.producer_id()) + " where " + text(next->second.first) + " was due");
  next->second = {record::sequence_after(batch.last_sequence(), 1), batch.next_offset()};
}

void Ledger::read_records(const TopicIdPartition& key, Partition& at, const record::BatchView& batch) {
  const auto records = record::uncompressed_records(batch, codecs_, kMaxBatchBytes);
  if (!records) return report(name(key) + ": " + records.error().message);
  Offset expected = batch.base_offset();
  record::RecordReader walk(batch, *records);
  for (record::RecordView record;;) {
    const auto next = walk.next(record);
    if (!next) return report(name(key) + ": " + next.error().message);
    if (!*next) break;
    if (record.offset != expected) report(name(key) + ": a gap before offset " + text(record.offset));
    check_record(key, at, record.offset, batch, record.sequence, record.timestamp, record.value);
    expected = record.offset + 1;
  }
  if (expected != batch.next_offset()) report(name(key) + ": a batch has too few records");
}

void Ledger::check_record(const TopicIdPartition& key, Partition& at, Offset offset,
                          const record::BatchView& batch, Sequence sequence, TimestampMs timestamp,
                          std::optional<ByteView> value) {
  const std::string where = name(key) + " offset " + text(offset);
  if (!value || value->size() < sizeof(RecordId)) return report(where + ": not a record that was sent");
  const auto id = load_be<std::uint64_t>(value->data());
  if (id == 0 || id >= sent_.size())
    return report(where + ": record " + text(static_cast<Offset>(id)) + " was not sent");
  const SentRecord& sent = sent_[id];
  const std::string record = where + ": record " + std::to_string(id);
  if (sent.key != key) return report(record + " was sent to " + name(sent.key));
  if (value->size() != sent.value_size || !equal(*value, value_of(id, sent.value_size)))
    return report(record + " has other bytes than were sent");
  if (batch.producer_id() != sent.producer_id || batch.producer_epoch() != sent.producer_epoch ||
      sequence != sent.sequence || timestamp != sent.timestamp)
    return report(record + " has another producer, sequence or time than was sent");
  if (refused_.contains(id)) return report(record + " was refused");
  if (places_[id] != kNoOffset && places_[id] != offset && std::min(places_[id], offset) >= deletable(key))
    return report(record + " is at offset " + text(places_[id]) + " too");
  places_[id] = offset;
  at.records[static_cast<std::size_t>(offset)] = id;
}

void Ledger::on_log_start(const TopicIdPartition& key, Offset log_start, const std::string& who) {
  if (log_start > deletable(key))
    report(name(key) + " on " + who + " starts at " + text(log_start) + ", but nobody deleted that far");
}

void Ledger::on_high_watermark(const TopicIdPartition& key, Offset high_watermark, LeaderEpoch epoch,
                               bool leads) {
  Partition& at = partitions_[key];
  at.committed_end = std::max(at.committed_end, high_watermark);
  if (!leads) return;
  Offset& by_leader = at.committed_by[epoch];
  by_leader = std::max(by_leader, high_watermark);
}

Offset Ledger::known_end(const TopicIdPartition& key) const {
  const auto found = partitions_.find(key);
  return found == partitions_.end() ? 0 : found->second.end();
}

Offset Ledger::committed_before(const TopicIdPartition& key, LeaderEpoch epoch) const {
  const auto found = partitions_.find(key);
  Offset highest = 0;
  if (found == partitions_.end()) return highest;
  for (const auto& [by, offset] : found->second.committed_by) {
    if (by < epoch) highest = std::max(highest, offset);
  }
  return highest;
}

Offset Ledger::committed_end(const TopicIdPartition& key) const {
  const auto found = partitions_.find(key);
  return found == partitions_.end() ? 0 : found->second.committed_end;
}

Offset Ledger::deletable(const TopicIdPartition& key) const {
  const auto topic = topics_.find(key.topic_id);
  const auto found = partitions_.find(key);
  if (found != partitions_.end() && found->second.unclean) return INT64_MAX;
  // Of a topic whose creation was not answered yet nothing is known.
  if (topic == topics_.end() || topic->second.retention || topic->second.state != TopicModel::State::live)
    return INT64_MAX;
  return found == partitions_.end() ? 0 : found->second.deletable;
}

const std::map<Offset, BatchKey>& Ledger::batches(const TopicIdPartition& key) {
  return partitions_[key].batches;
}

// --- what clients do and hear

void Ledger::on_producer_id(ProducerId id) {
  if (id < 0 || !producer_ids_.insert(id).second)
    report("producer id " + std::to_string(id) + " was given twice");
}

RecordId Ledger::add_sent(const SentRecord& record) {
  sent_.push_back(record);
  places_.push_back(kNoOffset);
  return sent_.size() - 1;
}

void Ledger::on_resent(RecordId first, std::int32_t count) {
  for (std::int32_t i = 0; i < count; ++i) sent_[first + static_cast<RecordId>(i)].resent = true;
}

void Ledger::on_acked(const TopicIdPartition& key, Offset base_offset, RecordId first, std::int32_t count,
                      bool first_try, Offset before) {
  acked_records_ += static_cast<std::uint64_t>(count);
  Partition& at = partitions_[key];
  if (at.unclean) return;
  const std::string what = name(key) + " offset " + text(base_offset);
  if (base_offset < 0) return report(name(key) + ": acknowledged without an offset");
  if (first_try && base_offset < before)
    report(what + ": new records are acknowledged below the high watermark " + text(before));
  // With the topic's partitions go its watermarks, in the same breath as the last of them rise.
  const TopicModel* model = topic(key.topic_id);
  if (base_offset + count > at.committed_end && model != nullptr && model->state == TopicModel::State::live)
    report(what + ": " + std::to_string(count) +
           " records are acknowledged, but no replica's high watermark is above " + text(at.committed_end));
  for (std::int32_t i = 0; i < count; ++i)
    at.promises.push_back({base_offset + i, first + static_cast<RecordId>(i)});
  keep_promises(key, at);
}

void Ledger::keep_promises(const TopicIdPartition& key, Partition& at) {
  std::erase_if(at.promises, [&](const Promise& promise) {
    if (promise.offset >= at.end()) return false;
    check_promise(key, at, promise);
    return true;
  });
}

void Ledger::check_promise(const TopicIdPartition& key, const Partition& at, const Promise& promise) {
  const RecordId there = at.records[static_cast<std::size_t>(promise.offset)];
  if (there == promise.id || (there == 0 && promise.offset < deletable(key))) return;
  report(name(key) + " offset " + text(promise.offset) + ": record " + std::to_string(promise.id) +
         " was acknowledged, but record " + std::to_string(there) + " is committed");
}

void Ledger::check_promises() {
  for (auto& [key, at] : partitions_) {
    const TopicModel* model = topic(key.topic_id);
    if (at.unclean || model == nullptr || model->state != TopicModel::State::live) continue;
    for (const Promise& promise : at.promises)
      report(name(key) + " offset " + text(promise.offset) + " was acknowledged, and nobody has it");
    if (at.end() < at.committed_end && deletable(key) < at.committed_end)
      report(name(key) + " was committed up to " + text(at.committed_end) + ", and ends at " +
             text(at.end()));
  }
}

void Ledger::on_refused(RecordId first, std::int32_t count) {
  for (std::int32_t i = 0; i < count; ++i) {
    const RecordId id = first + static_cast<RecordId>(i);
    refused_.insert(id);
    if (places_[id] != kNoOffset)
      report("record " + std::to_string(id) + " is refused, but committed at offset " + text(places_[id]));
  }
}

Offset Ledger::on_fetched(const TopicIdPartition& key, Offset position, Offset high_watermark,
                          Offset log_start, ByteView batches) {
  const bool unclean = is_unclean(key);
  if (!unclean && high_watermark > committed_end(key))
    report(name(key) + ": a client is told the high watermark " + text(high_watermark) +
           ", but no replica's is above " + text(committed_end(key)));
  if (log_start >= 0) on_log_start(key, log_start, "a client's answer");
  Offset expected = position;
  record::BatchReader reader(batches);
  for (record::BatchView batch;;) {
    const auto more = reader.next(batch);
    if (!more) report(name(key) + ": fetched what is no batch: " + more.error().message);
    if (!more || !*more) break;
    if (is_damaged(key) && !batch.crc_matches()) {  // the client refuses it, and skips it if it can
      const auto& known = this->batches(key);
      const auto sound = known.find(batch.base_offset());
      if (sound == known.end()) break;
      expected = sound->second.last + 1;
      continue;
    }
    on_committed(key, batch, "a client's answer");
    if (batch.base_offset() > expected && expected >= deletable(key))
      report(name(key) + ": offset " + text(batch.base_offset()) + " where " + text(expected) + " was due");
    if (!unclean && batch.last_offset() >= high_watermark)
      report(name(key) + ": offset " + text(batch.last_offset()) + " is shown, the high watermark is " +
             text(high_watermark));
    if (batch.last_offset() < expected) continue;
    shown_records_ += static_cast<std::uint64_t>(batch.next_offset() - expected);
    expected = batch.next_offset();
  }
  return expected;
}

void Ledger::on_out_of_range(const TopicIdPartition& key, Offset position) {
  if (position >= deletable(key)) report(name(key) + ": offset " + text(position) + " is out of range");
}

void Ledger::on_latest(const TopicIdPartition& key, Offset offset, Offset before) {
  Partition& at = partitions_[key];
  if (at.unclean) return;
  if (offset < before)
    report(name(key) + ": the latest offset is " + text(offset) + " after it was " + text(before));
  if (offset > at.committed_end)
    report(name(key) + ": the latest offset is " + text(offset) +
           ", but no replica's high watermark is above " + text(at.committed_end));
  at.told_end = std::max(at.told_end, offset);
}

void Ledger::on_earliest(const TopicIdPartition& key, Offset offset) {
  on_log_start(key, offset, "a client's answer");
}

Offset Ledger::told_end(const TopicIdPartition& key) const {
  const auto found = partitions_.find(key);
  return found == partitions_.end() ? 0 : found->second.told_end;
}

void Ledger::on_delete_records_sent(const TopicIdPartition& key, Offset before) {
  Partition& at = partitions_[key];
  at.deletable = std::max(at.deletable, before);
}

}  // namespace moldau::simulation
