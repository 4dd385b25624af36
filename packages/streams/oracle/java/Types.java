import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;

/** The types that keys and values may have, and how their bytes are shown. types.ts is its twin. */
final class Types {
    private static final Map<String, Serde<?>> SERDES = new HashMap<>(Map.of(
            "string", Serdes.String(),
            "long", Serdes.Long(),
            "int", Serdes.Integer(),
            "double", Serdes.Double(),
            "bytes", Serdes.ByteArray(),
            "fussy", new Fussy()));

    private Types() {
    }

    @SuppressWarnings("unchecked")
    static Serde<Object> serde(String name) {
        Serde<?> serde = SERDES.get(name);
        if (serde == null) {
            throw new IllegalArgumentException("No type is called " + name);
        }
        return (Serde<Object>) serde;
    }

    /** Printable ASCII as it is, anything else as 0x and hexadecimal digits. */
    static String shown(byte[] bytes) {
        if (bytes == null) {
            return null;
        }
        String text = new String(bytes, StandardCharsets.ISO_8859_1);
        if (!text.startsWith("0x") && text.chars().allMatch(each -> each >= 0x20 && each <= 0x7e)) {
            return text;
        }
        StringBuilder hex = new StringBuilder("0x");
        for (byte each : bytes) {
            hex.append(String.format("%02x", each));
        }
        return hex.toString();
    }
}
