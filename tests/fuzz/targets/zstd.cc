#include "fuzz/decompression.h"

namespace moldau::fuzz {

MOLDAU_FUZZ_TARGET(zstd, kCompressedMost, fuzz_decompression<record::Codec::zstd>,
                   seed_decompression<record::Codec::zstd>);

}  // namespace moldau::fuzz
