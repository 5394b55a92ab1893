#include "fuzz/message_checks.h"
#include "wire/messages/metadata.h"

namespace moldau::fuzz {

MOLDAU_FUZZ_TARGET(metadata_request, 256, fuzz_message<wire::MetadataRequest>,
                   (seed_message<wire::MetadataRequest, wire::MessageType::Kind::request, 256>));

}  // namespace moldau::fuzz
