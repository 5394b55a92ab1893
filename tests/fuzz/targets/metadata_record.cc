// The value of one record of the metadata log: refused, or a record that reads the same once it was written.
#include "fuzz/metadata_samples.h"
#include "fuzz/target.h"
#include "metadata/record.h"

namespace moldau::fuzz {
namespace {

constexpr std::size_t kMaxSize = 256;

void run(ByteView bytes) {
  const auto record = metadata::parse(bytes);
  if (!record) {
    MOLDAU_ASSERT(record.error().code == Errc::corrupt || record.error().code == Errc::unsupported);
    return;
  }
  const auto again = metadata::parse(metadata::serialize(*record));
  MOLDAU_ASSERT(again.has_value(), "what was written cannot be read");
  MOLDAU_ASSERT(*again == *record, "a record changes by being written");
  MOLDAU_ASSERT(metadata::name_of(*record).ends_with("Record"));
}

void seeds(Seeds& seeds) {
  for (const metadata::Record& record : sample_records()) seeds.add(metadata::serialize(record).view());
}

MOLDAU_FUZZ_TARGET(metadata_record, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
