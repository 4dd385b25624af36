import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.BinaryNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.NullNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.zip.CRC32C;
import net.jpountz.lz4.LZ4FrameOutputStream;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.record.CompressionType;
import org.apache.kafka.common.record.ControlRecordType;
import org.apache.kafka.common.record.EndTransactionMarker;
import org.apache.kafka.common.record.MemoryRecords;
import org.apache.kafka.common.record.MemoryRecordsBuilder;
import org.apache.kafka.common.record.MutableRecordBatch;
import org.apache.kafka.common.record.Record;
import org.apache.kafka.common.record.RecordBatch;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.utils.Utils;
import org.xerial.snappy.Snappy;

/**
 * What Apache Kafka's own classes say of the wire format; run by regenerate.ts.
 *
 *   Oracle goldens ProduceRequest:3-12 …   prints the goldens, one JSON object per line
 *   Oracle read FILE                       prints the records of each batch in FILE (base64, one batch per line)
 *
 * Messages are made at random from the definitions in the kafka-clients jar, turned into Kafka's classes by its JSON
 * converters, and written by those classes. Seeded: the same jar gives the same lines.
 */
public class Oracle {
    static final ObjectMapper mapper = new ObjectMapper().configure(JsonParser.Feature.ALLOW_COMMENTS, true);
    static final JsonNodeFactory nodes = JsonNodeFactory.instance;
    static final Random random = new Random(20_260_701);

    /** How much of a message is there. */
    enum Fill { LEAST, MIXED, FULL }

    public static void main(String[] arguments) throws Exception {
        if (arguments[0].equals("read")) {
            for (String line : Files.readAllLines(Path.of(arguments[1]))) printBatchesRead(line);
            return;
        }
        for (int i = 1; i < arguments.length; i++) {
            String[] nameAndRange = arguments[i].split(":");
            String[] range = nameAndRange[1].split("-");
            for (int version = Integer.parseInt(range[0]); version <= Integer.parseInt(range[1]); version++)
                for (Fill fill : Fill.values()) printMessage(nameAndRange[0], (short) version, fill);
        }
        printBatches();
        printCompressed();
        printHashes();
        printErrors();
    }

    // ---- messages

    static void printMessage(String name, short version, Fill fill) throws Exception {
        JsonNode definition;
        try (InputStream in = Oracle.class.getResourceAsStream("/common/message/" + name + ".json")) {
            definition = mapper.readTree(in);
        }
        Map<String, JsonNode> common = new HashMap<>();
        if (definition.has("commonStructs"))
            for (JsonNode struct : definition.get("commonStructs")) common.put(struct.get("name").asText(), struct.get("fields"));
        boolean flexible = within(definition.get("flexibleVersions").asText(), version);
        JsonNode json = randomStruct(definition.get("fields"), common, version, flexible, fill);
        String type = "org.apache.kafka.common.message." + name + (definition.get("type").asText().equals("data") ? "" : "Data");
        Message message = (Message) Class.forName(type + "JsonConverter")
            .getMethod("read", JsonNode.class, short.class).invoke(null, json, version);
        ObjectNode line = nodes.objectNode();
        line.put("message", name).put("version", version).put("fill", fill.name());
        line.set("json", exact(json));
        line.put("bytes", base64(MessageUtil.toByteBufferAccessor(message, version).buffer()));
        System.out.println(mapper.writeValueAsString(line));
    }

    /** 64-bit numbers as text: JSON readers round them. */
    static JsonNode exact(JsonNode node) {
        if (node.isLong()) return nodes.textNode(node.asText());
        if (node.isArray()) {
            ArrayNode list = nodes.arrayNode();
            for (JsonNode part : node) list.add(exact(part));
            return list;
        }
        if (!node.isObject()) return node;
        ObjectNode object = nodes.objectNode();
        node.fields().forEachRemaining(field -> object.set(field.getKey(), exact(field.getValue())));
        return object;
    }

    static ObjectNode randomStruct(JsonNode fields, Map<String, JsonNode> common, short version, boolean flexible, Fill fill) {
        ObjectNode value = nodes.objectNode();
        for (JsonNode field : fields) {
            if (!within(field.get("versions").asText(), version)) continue;
            boolean tagged = field.has("taggedVersions") && within(field.get("taggedVersions").asText(), version);
            if (tagged && (fill == Fill.LEAST || (fill == Fill.MIXED && random.nextBoolean()))) continue;
            String name = field.get("name").asText();
            value.set(Character.toLowerCase(name.charAt(0)) + name.substring(1), randomValue(field, common, version, flexible, fill));
        }
        return value;
    }

    static JsonNode randomValue(JsonNode field, Map<String, JsonNode> common, short version, boolean flexible, Fill fill) {
        boolean nullable = field.has("nullableVersions") && within(field.get("nullableVersions").asText(), version);
        if (nullable && (fill == Fill.LEAST || (fill == Fill.MIXED && random.nextInt(4) == 0))) return NullNode.instance;
        String type = field.get("type").asText();
        if (!type.startsWith("[]")) return randomOne(type, field, common, version, flexible, fill);
        ArrayNode list = nodes.arrayNode();
        int count = fill == Fill.LEAST ? 0 : fill == Fill.FULL ? 2 : random.nextInt(3);
        for (int i = 0; i < count; i++) list.add(randomOne(type.substring(2), field, common, version, flexible, fill));
        return list;
    }

    static JsonNode randomOne(String type, JsonNode field, Map<String, JsonNode> common, short version, boolean flexible, Fill fill) {
        boolean least = fill == Fill.LEAST;
        switch (type) {
            case "bool": return nodes.booleanNode(random.nextBoolean());
            case "int8": return nodes.numberNode((byte) random.nextInt());
            case "int16": return nodes.numberNode((short) random.nextInt());
            case "int32": return nodes.numberNode(random.nextInt());
            case "int64": return nodes.numberNode(random.nextLong());
            case "float64": return nodes.numberNode(random.nextInt() / 8.0);
            case "uuid": return nodes.textNode(new Uuid(random.nextLong(), random.nextLong()).toString());
            case "string": return nodes.textNode(least ? "" : randomText());
            case "bytes":
            case "records": return new BinaryNode(randomBytes(least ? 0 : random.nextInt(24)));
            default:
                JsonNode fields = field.has("fields") ? field.get("fields") : common.get(type);
                return randomStruct(fields, common, version, flexible, fill);
        }
    }

    /** Mostly short; sometimes not ASCII, sometimes so long that its compact length takes two bytes. */
    static String randomText() {
        int kind = random.nextInt(40);
        if (kind == 0) return "long-" + "x".repeat(130);
        if (kind < 5) return "päth-日本-😀-" + random.nextInt(1000);
        return "name-" + random.nextInt(100_000);
    }

    static byte[] randomBytes(int length) {
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        return bytes;
    }

    /** Version expressions of the definitions: "3", "3+", "3-5", "none". */
    static boolean within(String expression, int version) {
        if (expression.equals("none")) return false;
        if (expression.endsWith("+")) return version >= Integer.parseInt(expression.substring(0, expression.length() - 1));
        String[] ends = expression.split("-");
        return version >= Integer.parseInt(ends[0]) && version <= Integer.parseInt(ends[ends.length - 1]);
    }

    // ---- record batches

    static void printBatches() throws Exception {
        for (CompressionType type : CompressionType.values()) {
            printBatch(type.name + ": one record", builder(type, 0, -1, (short) -1, -1, false, TimestampType.CREATE_TIME), 1, 20);
            printBatch(type.name + ": many records", builder(type, 7_000_000_000L, -1, (short) -1, -1, false, TimestampType.CREATE_TIME), 60, 40);
            printBatch(type.name + ": several blocks", builder(type, 5, 4_294_967_301L, (short) 3, 2_147_483_000, true, TimestampType.CREATE_TIME), 12, 12_000);
            printBatch(type.name + ": log append time", builder(type, 1, 9, (short) 0, 0, false, TimestampType.LOG_APPEND_TIME), 5, 10);
        }
        for (ControlRecordType type : new ControlRecordType[] {ControlRecordType.COMMIT, ControlRecordType.ABORT}) {
            MemoryRecords marker = MemoryRecords.withEndTransactionMarker(
                99, 1_700_000_000_000L, 4, 77, (short) 2, new EndTransactionMarker(type, 11));
            System.out.println(mapper.writeValueAsString(describe("marker: " + type, marker)));
        }
    }

    static MemoryRecordsBuilder builder(CompressionType type, long baseOffset, long producerId, short epoch, int sequence,
                                        boolean transactional, TimestampType timestampType) {
        return new MemoryRecordsBuilder(ByteBuffer.allocate(512), RecordBatch.MAGIC_VALUE_V2, Compression.of(type).build(), timestampType,
            baseOffset, 1_700_000_000_123L, producerId, epoch, sequence, transactional, false, 6, 1 << 20);
    }

    static void printBatch(String name, MemoryRecordsBuilder builder, int count, int valueBytes) throws Exception {
        for (int i = 0; i < count; i++) {
            byte[] key = i % 4 == 3 ? null : ("key-" + random.nextInt(50)).getBytes(StandardCharsets.UTF_8);
            byte[] value = i % 7 == 5 ? null : text(random.nextInt(valueBytes + 1));
            Header[] headers = new Header[i % 3];
            for (int h = 0; h < headers.length; h++) headers[h] = new RecordHeader("headér-" + h, h == 1 ? null : randomBytes(5));
            builder.append(1_700_000_000_000L + random.nextInt(100_000) - 50_000L, key, value, headers);
        }
        System.out.println(mapper.writeValueAsString(describe(name, builder.build())));
    }

    /** Words, with some noise, so that codecs find something and not everything. */
    static byte[] text(int length) {
        String[] words = {"thread ", "comment ", "vote ", "course ", "event ", "über "};
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        while (out.size() < length) out.writeBytes(random.nextInt(20) == 0 ? randomBytes(4) : words[random.nextInt(6)].getBytes(StandardCharsets.UTF_8));
        return java.util.Arrays.copyOf(out.toByteArray(), length);
    }

    static ObjectNode describe(String name, MemoryRecords records) {
        MutableRecordBatch batch = records.batches().iterator().next();
        ObjectNode line = nodes.objectNode();
        line.put("batch", name).put("codec", batch.compressionType().id).put("baseOffset", batch.baseOffset())
            .put("lastOffset", batch.lastOffset()).put("leaderEpoch", batch.partitionLeaderEpoch()).put("crc", batch.checksum())
            .put("maxTimestamp", batch.maxTimestamp()).put("producerId", batch.producerId()).put("producerEpoch", batch.producerEpoch())
            .put("baseSequence", batch.baseSequence()).put("transactional", batch.isTransactional()).put("control", batch.isControlBatch())
            .put("logAppendTime", batch.timestampType() == TimestampType.LOG_APPEND_TIME);
        ArrayNode list = line.putArray("records");
        for (Record record : batch) {
            ObjectNode node = list.addObject();
            node.put("offset", record.offset()).put("timestamp", record.timestamp());
            node.set("key", record.hasKey() ? digest(record.key()) : null);
            node.set("value", record.hasValue() ? digest(record.value()) : null);
            ArrayNode headers = node.putArray("headers");
            for (Header header : record.headers())
                headers.addArray().add(header.key()).add(header.value() == null ? null : digest(ByteBuffer.wrap(header.value())));
        }
        line.put("bytes", base64(records.buffer()));
        return line;
    }

    static void printBatchesRead(String line) throws Exception {
        MemoryRecords records = MemoryRecords.readableRecords(ByteBuffer.wrap(Base64.getDecoder().decode(line)));
        for (MutableRecordBatch batch : records.batches()) batch.ensureValid();
        System.out.println(mapper.writeValueAsString(describe("read", records)));
    }

    // ---- compression formats that Java clients do not write but others do

    static void printCompressed() throws Exception {
        byte[] plain = text(150_000);
        printCompressed("snappy, raw", 2, Snappy.compress(plain), plain);
        byte[] noise = randomBytes(3000);
        printCompressed("snappy, raw, incompressible", 2, Snappy.compress(noise), noise);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (LZ4FrameOutputStream lz4 = new LZ4FrameOutputStream(out, LZ4FrameOutputStream.BLOCKSIZE.SIZE_64KB, plain.length,
                LZ4FrameOutputStream.FLG.Bits.BLOCK_INDEPENDENCE, LZ4FrameOutputStream.FLG.Bits.BLOCK_CHECKSUM,
                LZ4FrameOutputStream.FLG.Bits.CONTENT_CHECKSUM, LZ4FrameOutputStream.FLG.Bits.CONTENT_SIZE)) {
            lz4.write(plain);
        }
        printCompressed("lz4, all checksums and content size", 3, out.toByteArray(), plain);
    }

    static void printCompressed(String name, int codec, byte[] packed, byte[] plain) throws Exception {
        ObjectNode line = nodes.objectNode();
        line.put("compressed", name).put("codec", codec).put("bytes", base64(ByteBuffer.wrap(packed))).set("plain", digest(ByteBuffer.wrap(plain)));
        System.out.println(mapper.writeValueAsString(line));
    }

    // ---- hashes and errors

    static void printHashes() throws Exception {
        for (int length = 0; length < 48; length++) {
            byte[] bytes = randomBytes(length);
            CRC32C crc = new CRC32C();
            crc.update(bytes);
            ObjectNode line = nodes.objectNode();
            line.put("hash", base64(ByteBuffer.wrap(bytes))).put("crc32c", crc.getValue()).put("murmur2", Utils.murmur2(bytes));
            line.put("partitionOf12", Utils.toPositive(Utils.murmur2(bytes)) % 12);
            System.out.println(mapper.writeValueAsString(line));
        }
    }

    static void printErrors() throws Exception {
        for (Errors error : Errors.values()) {
            ObjectNode line = nodes.objectNode();
            line.put("error", error.name()).put("code", error.code());
            line.put("retriable", error.exception() instanceof org.apache.kafka.common.errors.RetriableException);
            System.out.println(mapper.writeValueAsString(line));
        }
    }

    /** Length and checksum stand for bytes, so that the goldens stay small. */
    static ArrayNode digest(ByteBuffer buffer) {
        CRC32C crc = new CRC32C();
        crc.update(buffer.duplicate());
        return nodes.arrayNode().add(buffer.remaining()).add(crc.getValue());
    }

    static String base64(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return Base64.getEncoder().encodeToString(bytes);
    }
}
