import com.fasterxml.jackson.databind.JsonNode;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.state.KeyValueStore;

/** Grouping a stream, aggregating by key, a topic as a table. grouping-steps.ts is its twin. */
final class GroupingSteps implements Steps {
    @Override
    public boolean add(Context context, JsonNode step) {
        switch (step.get("op").asText()) {
            case "groupByKey" -> context.put(step, isPlain(step)
                    ? context.stream(step).groupByKey()
                    : context.stream(step).groupByKey(grouped(step)));
            case "groupBy" -> context.put(step, isPlain(step)
                    ? context.stream(step).groupBy(Functions.of(Functions.SELECTORS, step, "fn"))
                    : context.stream(step).groupBy(Functions.of(Functions.SELECTORS, step, "fn"), grouped(step)));
            case "count" -> context.put(step, count(context.at(step, "from"), step));
            case "reduce" -> context.put(step, reduce(context.at(step, "from"), step));
            case "aggregate" -> context.put(step, aggregate(context.at(step, "from"), step));
            case "table" -> context.put(step, table(context, step));
            case "toStream" -> context.put(step, context.table(step).toStream(Context.named(step)));
            default -> {
                return false;
            }
        }
        return true;
    }

    private static boolean isPlain(JsonNode step) {
        return !step.has("name") && !step.has("key") && !step.has("value");
    }

    private static Grouped<Object, Object> grouped(JsonNode step) {
        return Grouped.with(Context.text(step, "name"), Context.serde(step, "key"), Context.serde(step, "value"));
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private static Object count(KGroupedStream<Object, Object> grouped, JsonNode step) {
        Materialized store = Context.keyValueStore(step);
        return store == null ? grouped.count(Context.named(step)) : grouped.count(Context.named(step), store);
    }

    private static Object reduce(KGroupedStream<Object, Object> grouped, JsonNode step) {
        Materialized<Object, Object, KeyValueStore<Bytes, byte[]>> store = Context.keyValueStore(step);
        var reducer = Functions.of(Functions.REDUCERS, step, "fn");
        if (store == null && step.has("name")) {
            // Java has no reduce with a name alone.
            return grouped.reduce(reducer, Context.named(step), Materialized.with(null, null));
        }
        return store == null
                ? grouped.reduce(reducer)
                : grouped.reduce(reducer, Context.named(step), store);
    }

    private static Object aggregate(KGroupedStream<Object, Object> grouped, JsonNode step) {
        Materialized<Object, Object, KeyValueStore<Bytes, byte[]>> store = Context.keyValueStore(step);
        var initializer = Functions.of(Functions.INITIALIZERS, step, "init");
        var aggregator = Functions.of(Functions.AGGREGATORS, step, "fn");
        return grouped.aggregate(
                initializer, aggregator, Context.named(step), store == null ? Materialized.with(null, null) : store);
    }

    private static KTable<Object, Object> table(Context context, JsonNode step) {
        Materialized<Object, Object, KeyValueStore<Bytes, byte[]>> store = Context.keyValueStore(step);
        String topic = step.get("topic").asText();
        return store == null
                ? context.builder.table(topic, StatelessSteps.consumed(step))
                : context.builder.table(topic, StatelessSteps.consumed(step), store);
    }
}
