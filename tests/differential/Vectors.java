// Apache Kafka's own message classes beside ours: reads and writes the lines of wire_lines.cc.
//
//   Vectors check < LINES            decodes each line's bytes by Kafka's class, encodes again, compares the bytes and
//                                    the JSON of Kafka's converter with the line's
//   Vectors generate SEED COUNT < LINES
//                                    random messages made from Kafka's schemas for every message and version that the
//                                    lines name; fails if Kafka has a version that they do not name
//
// Differences are printed as FAILED lines; exit code 1 if there was one.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.message.RequestHeaderDataJsonConverter;
import org.apache.kafka.common.message.ResponseHeaderData;
import org.apache.kafka.common.message.ResponseHeaderDataJsonConverter;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.Readable;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.Field;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.Struct;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;
import org.apache.kafka.common.record.internal.MemoryRecords;

public class Vectors {
    static final PrintStream OUT = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    static final ObjectMapper JSON = new ObjectMapper();
    static int failures = 0;

    static void complain(String where, String what) {
        ++failures;
        if (failures <= 200) OUT.println("FAILED: " + where + ": " + what);
    }

    // ---- Kafka's classes by our names

    record Kind(Class<?> type, Class<?> converter) {
        Message decode(ByteBuffer bytes, short version) throws ReflectiveOperationException {
            return (Message) type.getConstructor(Readable.class, short.class)
                .newInstance(new ByteBufferAccessor(bytes), version);
        }

        JsonNode json(Message message, short version) throws ReflectiveOperationException {
            return (JsonNode) converter.getMethod("write", type, short.class, boolean.class)
                .invoke(null, message, version, false);
        }

        Schema schema(short version) throws ReflectiveOperationException {
            return ((Schema[]) type.getField("SCHEMAS").get(null))[version];
        }
    }

    static final String[] PACKAGES = {
        "org.apache.kafka.common.message.", "org.apache.kafka.coordinator.group.generated.",
        "org.apache.kafka.coordinator.transaction.generated.", "org.apache.kafka.coordinator.share.generated."};
    static final Map<String, Kind> KINDS = new HashMap<>();

    static Kind kind(String name) throws ClassNotFoundException {
        Kind known = KINDS.get(name);
        if (known != null) return known;
        if (name.equals("KraftVersionRecord")) return kind("KRaftVersionRecord");
        if (name.startsWith("RequestHeader.")) return new Kind(RequestHeaderData.class, RequestHeaderDataJsonConverter.class);
        if (name.startsWith("ResponseHeader.")) return new Kind(ResponseHeaderData.class, ResponseHeaderDataJsonConverter.class);
        boolean rpc = name.endsWith("Request") || name.endsWith("Response");
        for (String prefix : PACKAGES) {
            String full = prefix + name + (rpc ? "Data" : "");
            try {
                known = new Kind(Class.forName(full), Class.forName(full + "JsonConverter"));
                KINDS.put(name, known);
                return known;
            } catch (ClassNotFoundException missing) {
                continue;
            }
        }
        throw new ClassNotFoundException(name);
    }

    static ApiKeys api(String name) {
        for (ApiKeys key : ApiKeys.values()) if (key.name.equals(name)) return key;
        throw new IllegalArgumentException("Kafka has no API " + name);
    }

    // The version of the schema: of headers, that which Kafka chooses for the API's version.
    static short schemaVersion(String name, short version) {
        if (name.startsWith("RequestHeader.")) return api(name.substring(14)).requestHeaderVersion(version);
        if (name.startsWith("ResponseHeader.")) return api(name.substring(15)).responseHeaderVersion(version);
        return version;
    }

    static byte[] encode(Message message, short version) {
        ByteBuffer buffer = MessageUtil.toByteBufferAccessor(message, version).buffer();
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return bytes;
    }

    // ---- check

    static void compareJson(String where, JsonNode kafka, JsonNode ours) {
        if (ours.isTextual() && ours.asText().equals("(secret)")) return;
        if (kafka.isObject() && ours.isObject()) {
            for (Iterator<String> names = kafka.fieldNames(); names.hasNext();) {
                String name = names.next();
                String own = name.endsWith("SizeInBytes") ? name.substring(0, name.length() - 11) : name;
                if (!ours.has(own)) complain(where, "no field " + own);
                else compareJson(where + "." + own, kafka.get(name), ours.get(own));
            }
        } else if (kafka.isArray() && ours.isArray()) {
            if (kafka.size() != ours.size()) complain(where, kafka.size() + " elements, ours " + ours.size());
            for (int i = 0; i < Math.min(kafka.size(), ours.size()); ++i)
                compareJson(where + "[" + i + "]", kafka.get(i), ours.get(i));
        } else if (!sameValue(kafka, ours)) {
            complain(where, "Kafka has " + kafka + ", ours " + ours);
        }
    }

    // Errors of Kafka 4.4, which 4.3 does not name.
    static final Map<String, Integer> LATER_ERRORS = Map.of("GROUP_DELETION_FAILED", 134,
        "STREAMS_TOPOLOGY_DESCRIPTION_UPDATE_FAILED", 135, "CONTROLLER_ID_NOT_REGISTERED", 136);

    static boolean sameValue(JsonNode kafka, JsonNode ours) {
        if (kafka.isNull() || ours.isNull()) return kafka.isNull() && ours.isNull();
        if (kafka.isBinary()) {
            String text = Base64.getEncoder().encodeToString(((com.fasterxml.jackson.databind.node.BinaryNode) kafka).binaryValue());
            int size = ((com.fasterxml.jackson.databind.node.BinaryNode) kafka).binaryValue().length;
            return ours.asText().equals(text) || ours.asText().equals("(" + size + " bytes)");
        }
        if (kafka.isNumber() && ours.isTextual()) {
            String text = ours.asText();
            if (text.equals("(" + kafka.asInt() + " bytes of records)")) return true;
            if (LATER_ERRORS.containsKey(text)) return LATER_ERRORS.get(text) == kafka.asInt();
            try {
                return Errors.valueOf(text).code() == kafka.asInt();
            } catch (IllegalArgumentException unknown) {
                return false;
            }
        }
        if (kafka.isFloatingPointNumber() || ours.isFloatingPointNumber()) return kafka.asDouble() == ours.asDouble();
        if (kafka.isNumber()) return ours.isNumber() && kafka.asLong() == ours.asLong();
        return kafka.equals(ours);
    }

    static void checkLine(String line) throws ReflectiveOperationException {
        String[] columns = line.split("\t", 4);
        String where = columns[0] + " v" + columns[1];
        if (columns[3].startsWith("error:")) {
            complain(where, columns[3] + "; bytes " + columns[2]);
            return;
        }
        short version = schemaVersion(columns[0], Short.parseShort(columns[1]));
        Kind kind = kind(columns[0]);
        ByteBuffer bytes = ByteBuffer.wrap(HexFormat.of().parseHex(columns[2]));
        try {
            Message message = kind.decode(bytes, version);
            if (bytes.hasRemaining()) complain(where, bytes.remaining() + " bytes left over of " + columns[2]);
            String again = HexFormat.of().formatHex(encode(message, version));
            if (!again.equals(columns[2])) complain(where, "Kafka writes " + again + " for " + columns[2]);
            compareJson(where, kind.json(message, version), JSON.readTree(columns[3]));
        } catch (InvocationTargetException e) {
            complain(where, "Kafka throws " + e.getCause() + " for " + columns[2]);
        } catch (com.fasterxml.jackson.core.JsonProcessingException e) {
            complain(where, "no JSON: " + columns[3]);
        }
    }

    static void check(BufferedReader in) throws Exception {
        Set<String> seen = new LinkedHashSet<>();
        int lines = 0;
        for (String line; (line = in.readLine()) != null; ++lines) {
            checkLine(line);
            String[] columns = line.split("\t", 3);
            seen.add(columns[0] + " " + columns[1]);
        }
        if (lines == 0) complain("input", "no lines");
        OUT.println(lines + " lines of " + seen.size() + " messages and versions compared with Kafka's classes, "
            + failures + " differences");
    }

    // ---- generate

    static final String[] TEXTS = {"", "a", "topic", "äöü", "日本語", "x.y-z_0", "\ud83d\ude00", "quote\"back\\slash", "tab\there"};

    static Object random(Type type, Random random) {
        if (type.isNullable() && random.nextInt(4) == 0) return null;
        if (type.arrayElementType().isPresent()) {
            Object[] elements = new Object[random.nextInt(3)];
            for (int i = 0; i < elements.length; ++i) elements[i] = random(type.arrayElementType().get(), random);
            return elements;
        }
        if (type instanceof Schema schema) return randomStruct(schema, random);
        if (type instanceof TaggedFields tagged) {
            TreeMap<Integer, Object> values = new TreeMap<>();
            for (Map.Entry<Integer, Field> field : tagged.fields().entrySet())
                if (random.nextBoolean()) values.put(field.getKey(), random(field.getValue().type, random));
            return values;
        }
        long bits = random.nextInt(5) == 0 ? (random.nextBoolean() ? -1 : Long.MIN_VALUE) : random.nextLong() >> random.nextInt(64);
        return switch (type.toString()) {
            case "BOOLEAN" -> random.nextBoolean();
            case "INT8" -> (byte) bits;
            case "INT16" -> (short) bits;
            case "UINT16" -> (int) (bits & 0xffff);
            case "INT32" -> (int) bits;
            case "UINT32" -> bits & 0xffffffffL;
            case "INT64" -> bits;
            case "UUID" -> random.nextInt(4) == 0 ? Uuid.ZERO_UUID : new Uuid(random.nextLong(), random.nextLong());
            case "FLOAT64" -> random.nextInt(4) == 0 ? (double) random.nextInt() : random.nextGaussian() * 1e6;
            case "STRING", "COMPACT_STRING", "NULLABLE_STRING", "COMPACT_NULLABLE_STRING" ->
                random.nextInt(40) == 0 ? "long".repeat(50) : TEXTS[random.nextInt(TEXTS.length)];
            case "BYTES", "COMPACT_BYTES", "NULLABLE_BYTES", "COMPACT_NULLABLE_BYTES" -> ByteBuffer.wrap(randomBytes(random));
            case "RECORDS", "COMPACT_RECORDS", "NULLABLE_RECORDS", "COMPACT_NULLABLE_RECORDS" ->
                MemoryRecords.readableRecords(ByteBuffer.wrap(randomBytes(random)));
            default -> throw new IllegalArgumentException("type " + type);
        };
    }

    static byte[] randomBytes(Random random) {
        byte[] bytes = new byte[random.nextInt(40) == 0 ? 150 : random.nextInt(10)];
        random.nextBytes(bytes);
        return bytes;
    }

    static Struct randomStruct(Schema schema, Random random) {
        Struct struct = new Struct(schema);
        for (BoundField field : schema.fields()) struct.set(field, random(field.def.type, random));
        return struct;
    }

    // Kafka's class cannot read what the schema of a tagged struct that may be null writes (its marker is not in the
    // schema): such a message is made again until that tag is absent.
    static void generateLine(String name, short version, Random random) throws ReflectiveOperationException {
        for (int tries = 0;; ++tries) {
            try {
                tryGenerateLine(name, version, random);
                return;
            } catch (InvocationTargetException e) {
                if (tries == 30) throw e;
            }
        }
    }

    static void tryGenerateLine(String name, short version, Random random) throws ReflectiveOperationException {
        short schemaVersion = schemaVersion(name, version);
        Kind kind = kind(name);
        Schema schema = kind.schema(schemaVersion);
        Struct struct = randomStruct(schema, random);
        if (name.startsWith("RequestHeader.")) {
            struct.set("request_api_key", api(name.substring(14)).id);
            struct.set("request_api_version", version);
            struct.set("client_id", random.nextInt(4) == 0 ? null : "client");
        }
        ByteBuffer bytes = ByteBuffer.allocate(schema.sizeOf(struct));
        schema.write(bytes, struct);
        bytes.flip();
        // Kafka's class leaves out tagged fields that hold their default.
        byte[] canonical = encode(kind.decode(bytes, schemaVersion), schemaVersion);
        OUT.println(name + "\t" + version + "\t" + HexFormat.of().formatHex(canonical) + "\t");
    }

    static void checkRanges(Set<String> named) {
        for (ApiKeys key : ApiKeys.values()) {
            if (!key.hasValidVersion()) continue;
            for (short version = key.oldestVersion(); version <= key.latestVersion(true); ++version)
                for (String part : List.of("Request", "Response"))
                    if (!named.contains(key.name + part + " " + version)) missing(key.name + part + " v" + version);
        }
    }

    static void missing(String name) {
        ++failures;
        System.err.println("FAILED: " + name + " of Kafka is not among our messages");
    }

    static void generate(BufferedReader in, long seed, int count) throws Exception {
        Set<String> named = new LinkedHashSet<>();
        for (String line; (line = in.readLine()) != null;) {
            String[] columns = line.split("\t", 3);
            named.add(columns[0] + " " + columns[1]);
        }
        checkRanges(named);
        Random random = new Random(seed);
        for (String each : named) {
            String[] words = each.split(" ");
            for (int i = 0; i < count; ++i) generateLine(words[0], Short.parseShort(words[1]), random);
        }
    }

    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        if (args.length == 1 && args[0].equals("check")) check(in);
        else if (args.length == 3 && args[0].equals("generate")) generate(in, Long.parseLong(args[1]), Integer.parseInt(args[2]));
        else throw new IllegalArgumentException("usage: Vectors check | Vectors generate SEED COUNT");
        OUT.flush();
        System.exit(failures == 0 ? 0 : 1);
    }
}
