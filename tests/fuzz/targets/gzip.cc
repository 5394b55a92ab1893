#include "fuzz/decompression.h"

namespace moldau::fuzz {

MOLDAU_FUZZ_TARGET(gzip, kCompressedMost, fuzz_decompression<record::Codec::gzip>,
                   seed_decompression<record::Codec::gzip>);

}  // namespace moldau::fuzz
