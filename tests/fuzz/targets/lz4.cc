#include "fuzz/decompression.h"

namespace moldau::fuzz {

MOLDAU_FUZZ_TARGET(lz4, kCompressedMost, fuzz_decompression<record::Codec::lz4>,
                   seed_decompression<record::Codec::lz4>);

}  // namespace moldau::fuzz
