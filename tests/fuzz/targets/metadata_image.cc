// Records of any content applied to a small cluster's metadata: refused as a whole, or an image that its own
// records make again and whose difference to the one before is what was told.
#include "fuzz/input.h"
#include "fuzz/metadata_samples.h"
#include "fuzz/target.h"

namespace moldau::fuzz {
namespace {

using metadata::Image;
using metadata::Record;

constexpr std::size_t kMaxSize = 256;

std::vector<Record> records_in(Input& in) {
  std::vector<Record> records;
  while (!in.empty())
    if (auto record = metadata::parse(in.piece())) records.push_back(std::move(*record));
  return records;
}

void check_image(const Image& image) {
  std::vector<Record> records;
  image.to_records([&](Record record) { records.push_back(std::move(record)); });
  const auto again = metadata::apply_records(Image(), records);
  MOLDAU_ASSERT(again.has_value(), "an image's own records do not apply");
  MOLDAU_ASSERT(again->image.same_state(image), "an image's records make another image");
  for (const auto& [name, topic] : image.topics()) {
    MOLDAU_ASSERT(topic->name == name && image.topic(topic->id) == topic.get());
    for (PartitionIndex i = 0; i < topic->partition_count(); ++i)
      MOLDAU_ASSERT(topic->partition(i) != nullptr && topic->partition(i)->partition == i);
  }
}

void check_delta(const Image& before, const metadata::Applied& applied) {
  const metadata::Delta difference = metadata::difference(before, applied.image);
  // What changed and was changed back may be told, but nothing may change untold.
  MOLDAU_ASSERT(std::ranges::includes(applied.delta.changed_brokers, difference.changed_brokers));
  MOLDAU_ASSERT(std::ranges::includes(applied.delta.changed_configs, difference.changed_configs));
  MOLDAU_ASSERT(applied.delta.features_changed || !difference.features_changed);
  for (const TopicId& id : difference.removed_topics)
    MOLDAU_ASSERT(applied.delta.removed_topics.contains(id));
  for (const TopicId& id : difference.created_topics)
    MOLDAU_ASSERT(applied.delta.created_topics.contains(id));
}

void run(ByteView bytes) {
  static const Image before = sample_image();
  Input in(bytes);
  const Image empty;
  const Image& base = in.flag() ? before : empty;
  const auto records = records_in(in);
  const auto applied = metadata::apply_records(base, records);
  if (!applied) {
    MOLDAU_ASSERT(applied.error().code == Errc::corrupt, "refused for another reason");
    return;
  }
  check_image(applied->image);
  check_delta(base, *applied);
}

void add(Buffer& seed, const Record& record) {
  const Slice value = metadata::serialize(record);
  seed.append_be<std::uint8_t>(static_cast<std::uint8_t>(value.size()));
  seed.append(value);
}

void seeds(Seeds& seeds) {
  Buffer all;
  all.append_be<std::uint8_t>(0);
  for (const Record& record : sample_records()) {
    Buffer one;
    one.append_be<std::uint8_t>(1);
    add(one, record);
    seeds.add(one.view());
    add(all, record);
    if (all.size() <= kMaxSize) seeds.add(all.view());
  }
  Buffer removed;
  removed.append_be<std::uint8_t>(1);
  add(removed, metadata::RemoveTopicRecord{kSampleTopic});
  add(removed, metadata::UnregisterBrokerRecord{1, 3});
  seeds.add(removed.view());
}

MOLDAU_FUZZ_TARGET(metadata_image, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
