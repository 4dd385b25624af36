import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Map;
import java.util.Queue;
import java.util.TreeMap;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.MetricName;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.streams.TopologyTestDriver;

/**
 * What goes into and out of a test driver, as bytes. Its public way in refuses negative timestamps and its public way out hides partitions
 * and records written before an error; hence the reflection.
 */
final class Driven {
    private static final Method PIPE = method(
            "pipeRecord", String.class, long.class, byte[].class, byte[].class, Headers.class);
    private static final Method CAPTURE = method("captureOutputsAndReEnqueueInternalResults");
    private static final Field OUTPUT = field("outputRecordsByTopic");

    private Driven() {
    }

    static void pipe(TopologyTestDriver driver, JsonNode input) throws Exception {
        Headers headers = new RecordHeaders();
        if (input.has("headers")) {
            for (JsonNode header : input.get("headers")) {
                headers.add(new RecordHeader(header.get(0).asText(), bytes(header.get(1))));
            }
        }
        long timestamp = input.has("ts") ? input.get("ts").asLong() : Oracle.NOW_MS;
        try {
            PIPE.invoke(
                    driver, input.get("topic").asText(), timestamp,
                    bytes(input.get("key")), bytes(input.get("value")), headers);
        } catch (InvocationTargetException error) {
            throw error.getCause() instanceof Exception cause ? cause : error;
        }
    }

    /** Text as UTF-8, an integer as a long, `{ "hex": … }` as its bytes, null or nothing as null. */
    private static byte[] bytes(JsonNode value) {
        if (value == null || value.isNull()) {
            return null;
        }
        if (value.isNumber()) {
            return ByteBuffer.allocate(8).putLong(value.asLong()).array();
        }
        if (value.isObject()) {
            return HexFormat.of().parseHex(value.get("hex").asText());
        }
        return value.asText().getBytes(StandardCharsets.UTF_8);
    }

    static long dropped(TopologyTestDriver driver) {
        double sum = 0;
        for (Map.Entry<MetricName, ? extends Metric> each : driver.metrics().entrySet()) {
            if (each.getKey().name().equals("dropped-records-total")) {
                sum += (Double) each.getValue().metricValue();
            }
        }
        return (long) sum;
    }

    @SuppressWarnings("unchecked")
    static void writeTo(TopologyTestDriver driver, ObjectNode written) {
        try {
            // Only after an error something is left to capture.
            CAPTURE.invoke(driver);
            Map<String, Queue<ProducerRecord<byte[], byte[]>>> output =
                    (Map<String, Queue<ProducerRecord<byte[], byte[]>>>) OUTPUT.get(driver);
            new TreeMap<>(output).forEach((topic, records) -> {
                ArrayNode list = written.putArray(topic);
                records.forEach(record -> write(record, list.addObject()));
            });
        } catch (ReflectiveOperationException error) {
            throw new IllegalStateException(error);
        }
    }

    private static void write(ProducerRecord<byte[], byte[]> record, ObjectNode shown) {
        shown.put("key", Types.shown(record.key()));
        shown.put("value", Types.shown(record.value()));
        shown.put("ts", record.timestamp());
        if (record.partition() != null) {
            shown.put("partition", record.partition());
        }
        if (record.headers().iterator().hasNext()) {
            ArrayNode headers = shown.putArray("headers");
            for (Header header : record.headers()) {
                // Names of classes and lines of code are of the language.
                boolean isOurs = !header.key().endsWith("errors.exception") && !header.key().endsWith("errors.stacktrace");
                headers.addArray().add(header.key()).add(isOurs ? Types.shown(header.value()) : null);
            }
        }
    }

    private static Method method(String name, Class<?>... types) {
        try {
            Method method = TopologyTestDriver.class.getDeclaredMethod(name, types);
            method.setAccessible(true);
            return method;
        } catch (NoSuchMethodException error) {
            throw new IllegalStateException(error);
        }
    }

    private static Field field(String name) {
        try {
            Field field = TopologyTestDriver.class.getDeclaredField(name);
            field.setAccessible(true);
            return field;
        } catch (NoSuchFieldException error) {
            throw new IllegalStateException(error);
        }
    }
}
