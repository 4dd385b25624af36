import com.fasterxml.jackson.databind.JsonNode;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.internals.NamedInternal;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.state.KeyValueStore;

/** A topology under construction: what the steps so far made, by their ids. Keys and values are of whatever type they are. */
final class Context {
    final StreamsBuilder builder = new StreamsBuilder();
    private final Map<String, Object> made = new HashMap<>();

    void put(JsonNode step, Object object) {
        if (step.has("id")) {
            made.put(step.get("id").asText(), object);
        }
    }

    void put(String id, Object object) {
        made.put(id, object);
    }

    /** What another step made: the one that a field of this step names, such as `from` or `other`. */
    @SuppressWarnings("unchecked")
    <T> T at(JsonNode step, String field) {
        Object object = made.get(step.get(field).asText());
        if (object == null) {
            throw new IllegalArgumentException("Nothing has the id " + step.get(field) + " before " + step);
        }
        return (T) object;
    }

    KStream<Object, Object> stream(JsonNode step) {
        return at(step, "from");
    }

    KTable<Object, Object> table(JsonNode step) {
        return at(step, "from");
    }

    /** The step's name, or what the DSL takes for none. */
    static Named named(JsonNode step) {
        return step.has("name") ? Named.as(step.get("name").asText()) : NamedInternal.empty();
    }

    static String text(JsonNode step, String field) {
        return step.has(field) ? step.get(field).asText() : null;
    }

    /** The serde that a field of the step names; null where it names none, which leaves it to the DSL. */
    static Serde<Object> serde(JsonNode step, String field) {
        return step.has(field) ? Types.serde(step.get(field).asText()) : null;
    }

    /** What `store` says: a name, or `{ name, key, value, logging }`; null where the step has none. */
    static Materialized<Object, Object, KeyValueStore<Bytes, byte[]>> keyValueStore(JsonNode step) {
        return store(step);
    }

    static <S extends StateStore> Materialized<Object, Object, S> store(JsonNode step) {
        JsonNode store = step.get("store");
        if (store == null) {
            return null;
        }
        if (store.isTextual()) {
            return Materialized.as(store.asText());
        }
        Materialized<Object, Object, S> materialized = store.has("name")
                ? Materialized.<Object, Object, S>as(store.get("name").asText())
                        .withKeySerde(serde(store, "key")).withValueSerde(serde(store, "value"))
                : Materialized.with(serde(store, "key"), serde(store, "value"));
        if (store.has("logging") && !store.get("logging").asBoolean()) {
            materialized = materialized.withLoggingDisabled();
        }
        return materialized;
    }
}
