import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serializer;

/** Text, except what begins with an exclamation mark: that it neither reads nor writes. */
final class Fussy implements Serde<Object> {
    @Override
    public Serializer<Object> serializer() {
        return (topic, value) -> value == null ? null : checked((String) value).getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public Deserializer<Object> deserializer() {
        return (topic, bytes) -> bytes == null ? null : checked(new String(bytes, StandardCharsets.UTF_8));
    }

    private static String checked(String text) {
        if (text.startsWith("!")) {
            throw new IllegalStateException("fussy about " + text);
        }
        return text;
    }
}
