// Snappy as librdkafka writes it: one raw block.
#include "fuzz/decompression.h"

namespace moldau::fuzz {
namespace {

// A length, literals, and copies of what came before (snappy's format_description.txt).
void seeds(Seeds& seeds) {
  const auto block = [&](std::uint8_t length, std::string_view literal, std::string_view rest) {
    Buffer seed;
    seed.append_be<std::uint8_t>(12);
    seed.append_be<std::uint8_t>(length);
    seed.append_be<std::uint8_t>(static_cast<std::uint8_t>((literal.size() - 1) << 2));
    seed.append(literal);
    seed.append(rest);
    seeds.add(seed.view());
  };
  block(5, "hello", {});
  block(12, "hello ",
        {"\x09\x06\x00"
         "\x00!",
         5});
  block(100, "ab", {"\xfe\x02\x00\x86\x02\x00", 6});
  block(14, "abcdefgh", {"\x09\x08", 2});
}

MOLDAU_FUZZ_TARGET(snappy_raw, kCompressedMost, fuzz_decompression<record::Codec::snappy>, seeds);

}  // namespace
}  // namespace moldau::fuzz
