#include "fuzz/message_checks.h"
#include "wire/messages/metadata.h"

namespace moldau::fuzz {

MOLDAU_FUZZ_TARGET(metadata_response, 512, fuzz_message<wire::MetadataResponse>,
                   (seed_message<wire::MetadataResponse, wire::MessageType::Kind::response, 512>));

}  // namespace moldau::fuzz
