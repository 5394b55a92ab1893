#include "cli/batch_analysis.h"

#include <algorithm>
#include <cmath>

#include "cli/perf_report.h"
#include "cli/timestamp_text.h"
#include "record/record.h"

namespace moldau::cli {

void BatchAnalysis::Amount::add(const record::BatchView& batch, std::size_t uncompressed) {
  ++batches;
  records += std::max(0, batch.record_count());
  bytes += static_cast<std::int64_t>(batch.size());
  stored_bytes += static_cast<std::int64_t>(batch.records().size());
  uncompressed_bytes += static_cast<std::int64_t>(uncompressed);
}

Json BatchAnalysis::Amount::ratio() const {
  return stored_bytes == 0
             ? Json()
             : rounded(static_cast<double>(uncompressed_bytes) / static_cast<double>(stored_bytes));
}

Status BatchAnalysis::add(PartitionIndex partition, const record::BatchView& batch) {
  const auto codec = batch.codec();
  if (!codec) return fail(Errc::corrupt, "it names a codec that there is not");
  if (batch.is_control()) {
    ++control_batches_;
    return {};
  }
  const auto records = record::uncompressed_records(batch, codecs_in_use_, kMostBatchBytes);
  if (!records) return fail(records.error().code, records.error().message);
  if (const Status walked = add_records(batch, *records); !walked) return walked;
  const std::size_t uncompressed = records->size();
  total_.add(batch, uncompressed);
  codecs_[*codec].add(batch, uncompressed);
  PartitionPart& part = partitions_[partition];
  part.amount.add(batch, uncompressed);
  if (part.first == kNoOffset) part.first = batch.base_offset();
  part.last = batch.last_offset();
  batch_bytes_.add(static_cast<std::int64_t>(batch.size()));
  batch_records_.add(std::max(0, batch.record_count()));
  add_producer(batch, uncompressed);
  add_times(batch);
  return {};
}

Status BatchAnalysis::add_records(const record::BatchView& batch, ByteView records) {
  record::RecordReader reader(batch, records);
  for (record::RecordView record;;) {
    const auto more = reader.next(record);
    if (!more) return fail(more.error().code, more.error().message);
    if (!*more) return {};
    record_bytes_.add(static_cast<std::int64_t>(record.bytes.size()));
    if (record.key) {
      keys_.add(*record.key);
      key_bytes_.add(static_cast<std::int64_t>(record.key->size()));
    } else {
      ++null_keys_;
    }
    if (record.value)
      value_bytes_.add(static_cast<std::int64_t>(record.value->size()));
    else
      ++tombstones_;
  }
}

void BatchAnalysis::add_producer(const record::BatchView& batch, std::size_t uncompressed) {
  const ProducerKey key{batch.producer_id(), batch.producer_epoch()};
  const bool room = producers_.size() < kMostProducers || producers_.contains(key);
  ProducerPart& part = room ? producers_[key] : other_producers_;
  part.amount.add(batch, uncompressed);
  part.transactional |= batch.is_transactional();
  if (!room) other_producer_ids_.add(batch.header_bytes().subspan(record::kProducerIdAt, sizeof(ProducerId)));
}

void BatchAnalysis::add_times(const record::BatchView& batch) {
  if (batch.base_timestamp() != kNoTimestamp &&
      (first_time_ == kNoTimestamp || batch.base_timestamp() < first_time_))
    first_time_ = batch.base_timestamp();
  last_time_ = std::max(last_time_, batch.max_timestamp());
}

double BatchAnalysis::seconds_between() const {
  return first_time_ == kNoTimestamp ? 0 : static_cast<double>(last_time_ - first_time_) / 1000;
}

Table BatchAnalysis::summary(const std::string& topic, std::optional<double> seconds) const {
  const double over = seconds.value_or(seconds_between());
  const auto rate = [&](std::int64_t amount) {
    return over > 0 ? rounded(static_cast<double>(amount) / over) : Json();
  };
  const auto time = [](TimestampMs at) { return at == kNoTimestamp ? Json() : Json(rfc3339(at)); };
  const double producers = static_cast<double>(producers_.size()) -
                           (producers_.contains({kNoProducerId, kNoProducerEpoch}) ? 1 : 0) +
                           other_producer_ids_.estimate();
  Table table({{"topic"},
               {"batches", true},
               {"records", true},
               {"bytes", true},
               {"compression_ratio", true},
               {"seconds", true},
               {"batches_per_s", true},
               {"records_per_s", true},
               {"bytes_per_s", true},
               {"keys_estimate", true},
               {"producers", true},
               {"null_keys", true, true},
               {"tombstones", true, true},
               {"control_batches", true, true},
               {"uncompressed_bytes", true, true},
               {"first_timestamp", false, true},
               {"last_timestamp", false, true}});
  table.add({topic, total_.batches, total_.records, total_.bytes, total_.ratio(), rounded(over),
             rate(total_.batches), rate(total_.records), rate(total_.bytes),
             static_cast<std::int64_t>(std::llround(keys_.estimate())),
             static_cast<std::int64_t>(std::llround(producers)), null_keys_, tombstones_, control_batches_,
             total_.uncompressed_bytes, time(first_time_), time(last_time_)});
  return table;
}

Table BatchAnalysis::sizes() const {
  Table table({{"size"},
               {"count", true},
               {"least", true},
               {"mean", true},
               {"p50", true},
               {"p90", true},
               {"p99", true},
               {"most", true}});
  for (const auto& [name, stats] : {std::pair("batch_bytes", &batch_bytes_),
                                    {"batch_records", &batch_records_},
                                    {"record_bytes", &record_bytes_},
                                    {"key_bytes", &key_bytes_},
                                    {"value_bytes", &value_bytes_}}) {
    if (stats->count() == 0) {
      table.add({name, 0, Json(), Json(), Json(), Json(), Json(), Json()});
      continue;
    }
    table.add({name, stats->count(), stats->least(), rounded(stats->mean()), stats->percentile(0.5),
               stats->percentile(0.9), stats->percentile(0.99), stats->most()});
  }
  return table;
}

Table BatchAnalysis::codecs() const {
  Table table({{"codec"},
               {"batches", true},
               {"records", true},
               {"bytes", true},
               {"uncompressed_bytes", true},
               {"ratio", true}});
  for (const auto& [codec, amount] : codecs_)
    table.add({record::name_of(codec), amount.batches, amount.records, amount.bytes,
               amount.uncompressed_bytes, amount.ratio()});
  return table;
}

Table BatchAnalysis::partitions() const {
  Table table({{"partition", true},
               {"batches", true},
               {"records", true},
               {"bytes", true},
               {"first_offset", true},
               {"last_offset", true}});
  for (const auto& [index, part] : partitions_) {
    const bool none = part.amount.batches == 0;
    table.add({index, part.amount.batches, part.amount.records, part.amount.bytes,
               none ? Json() : Json(part.first), none ? Json() : Json(part.last)});
  }
  return table;
}

// Those with most records first; without an id: null.
Table BatchAnalysis::producers() const {
  Table table({{"producer_id", true},
               {"epoch", true},
               {"batches", true},
               {"records", true},
               {"bytes", true},
               {"transactional"}});
  const auto row = [&](Json id, Json epoch, const ProducerPart& part) {
    table.add({std::move(id), std::move(epoch), part.amount.batches, part.amount.records, part.amount.bytes,
               part.transactional});
  };
  std::vector<std::pair<ProducerKey, const ProducerPart*>> sorted;
  for (const auto& [key, part] : producers_) sorted.emplace_back(key, &part);
  std::ranges::sort(sorted, [](const auto& a, const auto& b) {
    return std::pair(-a.second->amount.records, a.first) < std::pair(-b.second->amount.records, b.first);
  });
  for (const auto& [key, part] : sorted) {
    const bool none = key.first == kNoProducerId;
    row(none ? Json() : Json(key.first), none ? Json() : Json(key.second), *part);
  }
  if (other_producers_.amount.batches > 0) row("others", Json(), other_producers_);
  return table;
}

}  // namespace moldau::cli
