import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.Aggregator;
import org.apache.kafka.streams.kstream.ForeachAction;
import org.apache.kafka.streams.kstream.Initializer;
import org.apache.kafka.streams.kstream.KeyValueMapper;
import org.apache.kafka.streams.kstream.Predicate;
import org.apache.kafka.streams.kstream.Reducer;
import org.apache.kafka.streams.kstream.ValueMapperWithKey;
import org.apache.kafka.streams.processor.TimestampExtractor;
import org.apache.kafka.streams.processor.TopicNameExtractor;

/**
 * The functions that steps name. functions.ts has each of them with the same meaning. They take any key and value, null included, and see
 * them as text; a null stays a null where nothing else is said.
 */
final class Functions {
    static final Map<String, Predicate<Object, Object>> PREDICATES = Map.of(
            "all", (key, value) -> true,
            "none", (key, value) -> false,
            "hasKey", (key, value) -> key != null,
            "hasValue", (key, value) -> value != null,
            "even", (key, value) -> value != null && text(value).length() % 2 == 0,
            "startsWithA", (key, value) -> value != null && text(value).startsWith("a"),
            "keyIsValue", (key, value) -> text(key).equals(text(value)),
            "throwOnX", (key, value) -> throwOnX(value) == null);

    static final Map<String, ValueMapperWithKey<Object, Object, Object>> VALUE_MAPPERS = Map.of(
            "same", (key, value) -> value,
            "upper", (key, value) -> value == null ? null : text(value).toUpperCase(),
            "append", (key, value) -> value == null ? null : text(value) + "!",
            "withKey", (key, value) -> text(key) + ":" + text(value),
            "toNull", (key, value) -> null,
            "nullOnX", (key, value) -> isX(value) ? null : value,
            "length", (key, value) -> value == null ? null : (long) text(value).length(),
            "toText", (key, value) -> text(value),
            "throwOnX", (key, value) -> isX(value) ? throwOnX(value) : value);

    static final Map<String, KeyValueMapper<Object, Object, KeyValue<Object, Object>>> MAPPERS = Map.of(
            "same", KeyValue::new,
            "swap", (key, value) -> new KeyValue<>(value, key),
            "upperBoth", (key, value) -> new KeyValue<>(text(key).toUpperCase(), text(value).toUpperCase()),
            "nullKey", (key, value) -> new KeyValue<>(null, value),
            "nullValue", (key, value) -> new KeyValue<>(key, null),
            "lengthByValue", (key, value) -> new KeyValue<>(text(value), (long) text(value).length()),
            "nothingOnX", (key, value) -> isX(value) ? null : new KeyValue<>(key, value));

    static final Map<String, KeyValueMapper<Object, Object, Iterable<KeyValue<Object, Object>>>> FLAT_MAPPERS = Map.of(
            "words", (key, value) -> {
                List<KeyValue<Object, Object>> pairs = new ArrayList<>();
                words(value).forEach(word -> pairs.add(new KeyValue<>(word, value)));
                return pairs;
            },
            "twice", (key, value) -> List.of(new KeyValue<>(key, value), new KeyValue<>(value, key)),
            "none", (key, value) -> List.of(),
            "nothingOnX", (key, value) -> isX(value) ? null : List.of(new KeyValue<>(key, value)));

    static final Map<String, ValueMapperWithKey<Object, Object, Iterable<Object>>> FLAT_VALUE_MAPPERS = Map.of(
            "words", (key, value) -> words(value),
            "twice", (key, value) -> List.of(text(value), text(value) + text(key)),
            "withNull", (key, value) -> {
                List<Object> values = new ArrayList<>();
                values.add(null);
                values.add(value);
                return values;
            },
            "none", (key, value) -> List.of(),
            "nothingOnX", (key, value) -> isX(value) ? null : List.of(text(value)));

    /** New keys: of selectKey and groupBy. */
    static final Map<String, KeyValueMapper<Object, Object, Object>> SELECTORS = Map.of(
            "key", (key, value) -> key,
            "value", (key, value) -> value,
            "firstLetter", (key, value) -> value == null || text(value).isEmpty() ? null : text(value).substring(0, 1),
            "toNull", (key, value) -> null,
            "nullOnX", (key, value) -> isX(value) ? null : key,
            "length", (key, value) -> (long) text(value).length(),
            "throwOnX", (key, value) -> isX(value) ? throwOnX(value) : key);

    static final Map<String, ForeachAction<Object, Object>> ACTIONS = Map.of(
            "nothing", (key, value) -> { },
            "throwOnX", (key, value) -> throwOnX(value));

    static final Map<String, Reducer<Object>> REDUCERS = Map.of(
            "concat", (reduced, value) -> text(reduced) + text(value),
            "first", (reduced, value) -> reduced,
            "last", (reduced, value) -> value,
            "toNull", (reduced, value) -> null,
            "nullOnX", (reduced, value) -> isX(value) ? null : text(reduced) + text(value),
            "throwOnX", (reduced, value) -> isX(value) ? throwOnX(value) : text(reduced) + text(value),
            "sum", (reduced, value) -> (Long) reduced + (value == null ? 0 : (Long) value));

    static final Map<String, Initializer<Object>> INITIALIZERS = Map.of(
            "empty", () -> "",
            "zero", () -> 0L,
            "toNull", () -> null);

    static final Map<String, Aggregator<Object, Object, Object>> AGGREGATORS = Map.of(
            "concat", (key, value, aggregate) -> text(aggregate) + text(value),
            "withKey", (key, value, aggregate) -> text(aggregate) + text(key) + "=" + text(value) + ";",
            "count", (key, value, aggregate) -> (Long) aggregate + 1,
            "addLength", (key, value, aggregate) -> (Long) aggregate + text(value).length(),
            "subtractLength", (key, value, aggregate) -> (Long) aggregate - text(value).length(),
            "same", (key, value, aggregate) -> aggregate,
            "nullOnX", (key, value, aggregate) -> isX(value) ? null : text(aggregate) + text(value),
            "throwOnX", (key, value, aggregate) -> isX(value) ? throwOnX(value) : text(aggregate) + text(value));

    /** Of `to` with a function; a description shows their names. */
    static final Map<String, TopicNameExtractor<Object, Object>> TOPIC_SELECTORS = Map.of(
            "byKey", new NamedTopic("byKey", (key, value, context) -> "out-" + text(key)),
            "throwOnX", new NamedTopic("throwOnX", (key, value, context) -> "out-" + throwOnX(value)),
            "byTimestamp", new NamedTopic("byTimestamp", (key, value, context) -> "out-" + context.timestamp() % 2));

    static final Map<String, TimestampExtractor> EXTRACTORS = Map.of(
            "constant", (record, partitionTime) -> 7,
            "fromValue", (record, partitionTime) -> Long.parseLong(text(record.value())),
            "partitionTime", (record, partitionTime) -> record.timestamp() < 0 ? partitionTime : record.timestamp(),
            "negative", (record, partitionTime) -> -1,
            "same", (record, partitionTime) -> record.timestamp());

    private Functions() {
    }

    private record NamedTopic(String name, TopicNameExtractor<Object, Object> choose)
            implements TopicNameExtractor<Object, Object> {
        @Override
        public String extract(Object key, Object value, org.apache.kafka.streams.processor.RecordContext context) {
            return choose.extract(key, value, context);
        }

        @Override
        public String toString() {
            return name;
        }
    }

    /** The function that a field of the step names. */
    static <T> T of(Map<String, T> functions, JsonNode step, String field) {
        T found = step.has(field) ? functions.get(step.get(field).asText()) : null;
        if (found == null) {
            throw new IllegalArgumentException("No such function: " + field + " of " + step);
        }
        return found;
    }

    static String text(Object value) {
        return String.valueOf(value);
    }

    static boolean isX(Object value) {
        return text(value).equals("x");
    }

    static Object throwOnX(Object value) {
        if (isX(value)) {
            throw new IllegalStateException("the function was given an x");
        }
        return null;
    }

    private static List<Object> words(Object value) {
        if (value == null || text(value).isEmpty()) {
            return List.of();
        }
        return List.of((Object[]) text(value).split(" "));
    }
}
