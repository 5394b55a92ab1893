#include "simulation/auditor.h"

#include <algorithm>

#include "record/record.h"

namespace moldau::simulation {
namespace {

constexpr std::size_t kMaxBatchBytes = 4 << 20;

std::uint64_t scramble(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31);
}

std::string text(Offset offset) { return std::to_string(offset); }

}  // namespace

std::vector<std::byte> value_of(RecordId id, std::size_t size) {
  std::vector<std::byte> value(std::max(size, sizeof id));
  store_be<std::uint64_t>(value.data(), id);
  // Runs of four equal bytes, so that codecs find something to do.
  for (std::size_t at = sizeof id; at < value.size(); ++at)
    value[at] = static_cast<std::byte>(scramble(id * 31 + at / 4));
  return value;
}

void Auditor::report(std::string problem) {
  world_.note("PROBLEM: " + problem);
  if (problem_.empty()) problem_ = std::move(problem);
}

const TopicModel* Auditor::model(const TopicIdPartition& key) const {
  const auto found = topics_.find(key.topic_id);
  return found == topics_.end() ? nullptr : &found->second;
}

std::string Auditor::name(const TopicIdPartition& key) const {
  const TopicModel* topic = model(key);
  return (topic ? topic->name + "(" + (topic->page_cache ? "page-cache" : "synced") + ")"
                : key.topic_id.to_string()) +
         "-" + std::to_string(key.partition);
}

// --- lives of the broker

void Auditor::on_death(bool power_lost) {
  note_sync_errors();
  ++life_;
  // What a failed sync has dropped was still read from the page cache, and leaves it with the process.
  if (power_lost || std::exchange(sync_failed_, false)) doubt_page_cache();
  for (auto& [key, partition] : partitions_) partition.log_start = 0;
}

void Auditor::on_clean_stop() {
  note_sync_errors();
  for (auto& [key, partition] : partitions_) {
    const TopicModel* topic = model(key);
    if (topic == nullptr || !topic->damaged) partition.certain_end = partition.high_watermark;
  }
}

void Auditor::on_damage(const TopicIdPartition& key) {
  topics_.at(key.topic_id).damaged = true;
  Partition& at = partition(key);
  at.certain_end = 0;
  doubt(at);
}

// A failed sync drops bytes of files that page-cache topics have acknowledged.
void Auditor::note_sync_errors() {
  const std::uint64_t errors = world_.faults()[Fault::sync_error];
  if (errors == sync_errors_seen_) return;
  sync_errors_seen_ = errors;
  sync_failed_ = true;
  doubt_page_cache();
}

void Auditor::doubt_page_cache() {
  for (auto& [key, partition] : partitions_) {
    const TopicModel* topic = model(key);
    if (topic == nullptr || topic->page_cache) doubt(partition);
  }
}

void Auditor::doubt(Partition& partition) {
  ++partition.cuts;
  partition.high_watermark = std::min(partition.high_watermark, partition.certain_end);
  for (auto entry = partition.entries.lower_bound(partition.certain_end); entry != partition.entries.end();
       ++entry)
    if (!entry->second.doubtful()) entry->second.doubted_at = partition.cuts;
}

void Auditor::drop_doubtful(Partition& partition, Offset from) {
  for (auto entry = partition.entries.lower_bound(from); entry != partition.entries.end();) {
    if (entry->second.doubtful()) {
      places_.erase(entry->second.id);
      entry = partition.entries.erase(entry);
    } else {
      ++entry;
    }
  }
}

// --- metadata

TopicModel& Auditor::on_topic_created(TopicModel topic) {
  if (topics_.contains(topic.id)) report("topic id " + topic.id.to_string() + " was given twice");
  return topics_[topic.id] = std::move(topic);
}

TopicModel* Auditor::topic(const TopicId& id) {
  const auto found = topics_.find(id);
  return found == topics_.end() ? nullptr : &found->second;
}

std::vector<TopicModel*> Auditor::live_topics() {
  std::vector<TopicModel*> live;
  for (auto& [id, topic] : topics_) {
    if (topic.state == TopicModel::State::live) live.push_back(&topic);
  }
  return live;
}

void Auditor::on_producer_id(ProducerId id) {
  if (id < 0 || !producer_ids_.insert(id).second)
    report("producer id " + std::to_string(id) + " was given twice");
}

// --- records

RecordId Auditor::add_sent(const SentRecord& record) {
  sent_.push_back(record);
  return sent_.size() - 1;
}

void Auditor::on_resent(RecordId first, std::int32_t count) {
  for (std::int32_t i = 0; i < count; ++i) sent_[first + static_cast<RecordId>(i)].resent = true;
}

Snapshot Auditor::snapshot(const TopicIdPartition& key) const {
  const auto found = partitions_.find(key);
  if (found == partitions_.end()) return {0, 0, life_, 0};
  return {found->second.high_watermark, found->second.log_start, life_, found->second.cuts};
}

void Auditor::place(const TopicIdPartition& key, Offset offset, RecordId id) {
  Partition& at = partition(key);
  const auto known = at.entries.find(offset);
  if (known != at.entries.end() && known->second.id == id) {
    const std::uint64_t doubted_at = std::exchange(known->second.doubted_at, 0);
    // It may have been cut, and appended at the same place once more.
    if (doubted_at == 0 || sent_[id].resent) return;
    // Only ends are cut: what lies before is there too, unless it was doubtful before this one came.
    for (auto entry = at.entries.begin(); entry != known; ++entry) {
      if (entry->second.doubted_at >= doubted_at) entry->second.doubted_at = 0;
    }
    return;
  }
  if (known != at.entries.end()) {
    if (!known->second.doubtful())
      return report(name(key) + " offset " + text(offset) + " held record " +
                    std::to_string(known->second.id) + ", now record " + std::to_string(id));
    drop_doubtful(at, offset);
  }
  if (const auto elsewhere = places_.find(id); elsewhere != places_.end()) {
    const Place other = elsewhere->second;
    const auto entry = partition(other.key).entries.find(other.offset);
    if (entry == partition(other.key).entries.end() || !entry->second.doubtful())
      return report("record " + std::to_string(id) + " is at " + name(other.key) + " offset " +
                    text(other.offset) + " and at " + name(key) + " offset " + text(offset));
    drop_doubtful(partition(other.key), other.offset);
  }
  at.entries[offset] = {id};
  places_[id] = {key, offset};
}

void Auditor::note_watermarks(const TopicIdPartition& key, Offset high_watermark, Offset log_start,
                              const Snapshot& before) {
  note_sync_errors();
  Partition& at = partition(key);
  if (at.cuts == before.cuts && high_watermark < before.high_watermark)
    report(name(key) + ": high watermark " + text(high_watermark) + " after " + text(before.high_watermark));
  if (life_ == before.life && log_start >= 0 && log_start < before.log_start)
    report(name(key) + ": log start " + text(log_start) + " after " + text(before.log_start));
  if (log_start > high_watermark)
    report(name(key) + ": log start " + text(log_start) + " above high watermark " + text(high_watermark));
  if (log_start > 0 && !deletable(key, log_start - 1))
    report(name(key) + ": log start " + text(log_start) + ", but nobody deleted that far");
  if (before.cuts == at.cuts) at.high_watermark = std::max(at.high_watermark, high_watermark);
  if (life_ == before.life) at.log_start = std::max(at.log_start, log_start);
}

bool Auditor::deletable(const TopicIdPartition& key, Offset offset) {
  const TopicModel* topic = model(key);
  return topic == nullptr || topic->retention || topic->state != TopicModel::State::live ||
         offset < partition(key).deletable;
}

void Auditor::on_acked(const TopicIdPartition& key, Offset base_offset, RecordId first, std::int32_t count,
                       bool first_try, const Snapshot& before) {
  note_sync_errors();
  Partition& at = partition(key);
  if (base_offset < 0) return report(name(key) + ": acknowledged without an offset");
  if (first_try && at.cuts == before.cuts && base_offset < before.high_watermark)
    report(name(key) + ": new records at " + text(base_offset) + ", below the high watermark " +
           text(before.high_watermark));
  if (at.cuts != before.cuts) return;  // acknowledged before the cut: nothing is known
  for (std::int32_t i = 0; i < count; ++i) place(key, base_offset + i, first + static_cast<RecordId>(i));
  at.high_watermark = std::max(at.high_watermark, base_offset + count);
  acked_records_ += static_cast<std::uint64_t>(count);
}

void Auditor::check_record(const TopicIdPartition& key, const record::BatchView& batch, Offset offset,
                           Sequence sequence, TimestampMs timestamp, std::optional<ByteView> value) {
  const std::string where = name(key) + " offset " + text(offset);
  if (!value || value->size() < sizeof(RecordId)) return report(where + ": not a record that was sent");
  const auto id = load_be<std::uint64_t>(value->data());
  if (id == 0 || id >= sent_.size())
    return report(where + ": record " + std::to_string(id) + " was not sent");
  const SentRecord& sent = sent_[id];
  if (sent.key != key)
    return report(where + ": record " + std::to_string(id) + " was sent to " + name(sent.key));
  if (value->size() != sent.value_size || !equal(*value, value_of(id, sent.value_size)))
    return report(where + ": the bytes of record " + std::to_string(id) + " are not those that were sent");
  if (batch.producer_id() != sent.producer_id || batch.producer_epoch() != sent.producer_epoch ||
      sequence != sent.sequence)
    return report(where + ": producer or sequence differ from what was sent");
  if (timestamp != sent.timestamp) return report(where + ": the timestamp differs from what was sent");
  place(key, offset, id);
}

Offset Auditor::on_fetched(const TopicIdPartition& key, Offset position, Offset high_watermark,
                           Offset log_start, ByteView batches, const Snapshot& before) {
  note_watermarks(key, high_watermark, log_start, before);
  if (partition(key).cuts != before.cuts) return position;
  const TopicModel* topic = model(key);
  // What was flipped on the device is refused; what a failed sync dropped reverts under the broker's hands.
  const bool damaged = topic != nullptr && topic->page_cache && sync_errors_seen_ > 0;
  Offset expected = position;
  record::BatchReader reader(batches);
  for (record::BatchView batch;;) {
    const auto more = reader.next(batch);
    if (!more) {
      if (!damaged) report(name(key) + ": fetched what is no batch: " + more.error().message);
      return expected;
    }
    if (!*more) break;
    if (!batch.crc_matches()) {
      if (!damaged) report(name(key) + " offset " + text(batch.base_offset()) + ": wrong checksum");
      return expected;
    }
    const auto records = record::uncompressed_records(batch, codecs_, kMaxBatchBytes);
    if (!records) {
      report(name(key) + ": " + records.error().message);
      return expected;
    }
    record::RecordReader walk(batch, *records);
    for (record::RecordView record;;) {
      const auto next = walk.next(record);
      if (!next) report(name(key) + ": " + next.error().message);
      if (!next || !*next) break;
      check_record(key, batch, record.offset, record.sequence, record.timestamp, record.value);
      if (record.offset < expected) continue;
      if (record.offset != expected)
        report(name(key) + ": offset " + text(record.offset) + " where " + text(expected) + " was due");
      if (record.offset >= high_watermark)
        report(name(key) + ": offset " + text(record.offset) + " shown, high watermark " +
               text(high_watermark));
      expected = record.offset + 1;
      ++shown_records_;
    }
  }
  return expected;
}

void Auditor::on_out_of_range(const TopicIdPartition& key, Offset position) {
  note_sync_errors();
  if (deletable(key, position) || partition(key).cuts > 0) return;
  report(name(key) + ": offset " + text(position) + " is out of range");
}

void Auditor::on_earliest(const TopicIdPartition& key, Offset offset, const Snapshot& before) {
  note_sync_errors();
  Partition& at = partition(key);
  if (life_ == before.life && offset < before.log_start)
    report(name(key) + ": earliest offset " + text(offset) + " after log start " + text(before.log_start));
  if (offset > 0 && !deletable(key, offset - 1))
    report(name(key) + ": earliest offset " + text(offset) + ", but nobody deleted that far");
  if (life_ == before.life) at.log_start = std::max(at.log_start, offset);
}

void Auditor::on_latest(const TopicIdPartition& key, Offset offset, const Snapshot& before) {
  note_watermarks(key, offset, kNoOffset, before);
}

void Auditor::on_offset_for_time(const TopicIdPartition& key, TimestampMs asked, Offset offset,
                                 TimestampMs found, const Snapshot& before) {
  note_sync_errors();
  Partition& at = partition(key);
  if (at.cuts != before.cuts || life_ != before.life) return;
  const TopicModel* topic = model(key);
  if (topic != nullptr && (topic->retention || topic->page_cache)) return;
  if (offset >= 0 && found < asked)
    report(name(key) + ": asked for time " + text(asked) + ", got " + text(found));
  const Offset from = std::max({at.log_start, at.deletable, Offset{0}});
  const Offset until = offset >= 0 ? offset : before.high_watermark;
  for (auto entry = at.entries.lower_bound(from); entry != at.entries.end() && entry->first < until;
       ++entry) {
    if (entry->second.doubtful() || sent_[entry->second.id].timestamp < asked) continue;
    return report(name(key) + ": offset " + text(entry->first) + " has time " +
                  text(sent_[entry->second.id].timestamp) + " >= " + text(asked) + ", but the answer is " +
                  text(offset));
  }
  if (const auto entry = at.entries.find(offset);
      entry != at.entries.end() && sent_[entry->second.id].timestamp != found)
    report(name(key) + ": offset " + text(offset) + " was said to have time " + text(found));
}

void Auditor::on_delete_records_sent(const TopicIdPartition& key, Offset before) {
  Partition& at = partition(key);
  at.deletable = std::max(at.deletable, before);
}

void Auditor::on_delete_records(const TopicIdPartition& key, Offset low_watermark, const Snapshot& before) {
  if (life_ != before.life) return;
  Partition& at = partition(key);
  at.log_start = std::max(at.log_start, low_watermark);
}

void Auditor::on_read_back(const TopicIdPartition& key, Offset log_start, Offset end) {
  note_sync_errors();
  Partition& at = partition(key);
  const TopicModel* topic = model(key);
  if (topic != nullptr && topic->damaged) return;
  drop_doubtful(at, end);
  if (const auto beyond = at.entries.lower_bound(end); beyond != at.entries.end())
    report(name(key) + " ends at " + text(end) + ", but offset " + text(at.entries.rbegin()->first) +
           " was acknowledged or shown");
  if (end < at.high_watermark)
    report(name(key) + " ends at " + text(end) + ", below its high watermark " + text(at.high_watermark));
  check_sequences(key, at, log_start);
}

// After a whole read every offset from the log start on is in the model.
void Auditor::check_sequences(const TopicIdPartition& key, const Partition& at, Offset log_start) {
  std::map<std::pair<ProducerId, ProducerEpoch>, Sequence> next;
  for (auto entry = at.entries.lower_bound(log_start); entry != at.entries.end(); ++entry) {
    const SentRecord& sent = sent_[entry->second.id];
    if (sent.producer_id < 0) continue;
    const auto [last, first] = next.try_emplace({sent.producer_id, sent.producer_epoch}, sent.sequence);
    if (!first && last->second != sent.sequence)
      report(name(key) + " offset " + text(entry->first) + ": sequence " + text(sent.sequence) +
             " of producer " + text(sent.producer_id) + " where " + text(last->second) + " was due");
    last->second = record::sequence_after(sent.sequence, 1);
  }
}

Offset Auditor::on_file_batch(const TopicIdPartition& key, const record::BatchView& batch) {
  const auto records = record::uncompressed_records(batch, codecs_, kMaxBatchBytes);
  if (!records) report(name(key) + ", file: " + records.error().message);
  Offset expected = batch.base_offset();
  record::RecordReader walk(batch, records.value_or(ByteView()));
  for (record::RecordView record;;) {
    const auto next = walk.next(record);
    if (!next) report(name(key) + ", file: " + next.error().message);
    if (!next || !*next) break;
    if (record.offset != expected) report(name(key) + ", file: a gap before offset " + text(record.offset));
    check_record(key, batch, record.offset, record.sequence, record.timestamp, record.value);
    expected = record.offset + 1;
  }
  return expected;
}

bool Auditor::may_lose_records(const TopicIdPartition& key) const {
  const TopicModel* topic = model(key);
  return topic == nullptr || topic->page_cache || topic->damaged;
}

Offset Auditor::known_end(const TopicIdPartition& key) const {
  const auto found = partitions_.find(key);
  return found == partitions_.end() ? 0 : found->second.high_watermark;
}

}  // namespace moldau::simulation
