import com.fasterxml.jackson.databind.JsonNode;
import java.util.Map;
import java.util.function.BiFunction;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.GlobalKTable;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KGroupedTable;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.KeyValueMapper;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Reducer;
import org.apache.kafka.streams.kstream.TableJoined;
import org.apache.kafka.streams.kstream.ValueJoiner;
import org.apache.kafka.streams.kstream.ValueJoinerWithKey;
import org.apache.kafka.streams.state.KeyValueStore;

/** Tables: derived, grouped, joined with each other and with streams. table-steps.ts is its twin. */
final class TableSteps implements Steps {
    private static final Map<String, KeyValueMapper<Object, Object, KeyValue<Object, Object>>> GROUPS = Map.of(
            "byValue", (key, value) -> new KeyValue<>(value, key),
            "firstLetter", (key, value) -> new KeyValue<>(Functions.text(value).isEmpty() ? "" : Functions.text(value).substring(0, 1), value),
            "lengthByKey", (key, value) -> new KeyValue<>(key, (long) Functions.text(value).length()),
            "nullKey", (key, value) -> new KeyValue<>(null, value),
            "nullValue", (key, value) -> new KeyValue<>(key, null),
            "nullOnX", (key, value) -> Functions.isX(value) ? null : new KeyValue<>("g", value),
            "nullKeyOnX", (key, value) -> new KeyValue<>(Functions.isX(value) ? null : "g", value),
            "same", KeyValue::new,
            "throwOnX", (key, value) -> {
                Functions.throwOnX(value);
                return new KeyValue<>("g", value);
            });

    private static final Map<String, Reducer<Object>> SUBTRACTORS = Map.of(
            "remove", (reduced, value) -> Functions.text(reduced).replace(Functions.text(value), ""),
            "minus", (reduced, value) -> (Long) reduced - (Long) value,
            "mark", (reduced, value) -> Functions.text(reduced) + "-" + Functions.text(value),
            "toNull", (reduced, value) -> null);

    private static final Map<String, ValueJoiner<Object, Object, Object>> JOINERS = Map.of(
            "plus", (left, right) -> Functions.text(left) + "+" + Functions.text(right),
            "left", (left, right) -> left,
            "right", (left, right) -> right,
            "toNull", (left, right) -> null,
            "nullOnX", (left, right) ->
                    Functions.isX(left) || Functions.isX(right) ? null : Functions.text(left) + "+" + Functions.text(right),
            "throwOnX", (left, right) -> {
                Functions.throwOnX(left);
                return left + "/" + right;
            });

    private static final ValueJoinerWithKey<Object, Object, Object, Object> WITH_KEY =
            (key, left, right) -> Functions.text(key) + ":" + Functions.text(left) + "+" + Functions.text(right);

    @Override
    public boolean add(Context context, JsonNode step) {
        String op = step.get("op").asText();
        switch (op) {
            case "tableFilter", "tableFilterNot" -> context.put(step, filter(context.table(step), step, op.endsWith("Not")));
            case "tableMapValues" -> context.put(step, mapValues(context.table(step), step));
            case "toStreamByKey" -> context.put(step, toStreamByKey(context.table(step), step));
            case "toTable" -> context.put(step, toTable(context.stream(step), step));
            case "tableGroupBy" -> context.put(step, context.table(step).groupBy(
                    Functions.of(GROUPS, step, "fn"),
                    Grouped.with(Context.text(step, "name"), Context.serde(step, "key"), Context.serde(step, "value"))));
            case "tableCount" -> context.put(step, count(context.at(step, "from"), step));
            case "tableReduce" -> context.put(step, reduce(context.at(step, "from"), step));
            case "tableAggregate" -> context.put(step, aggregate(context.at(step, "from"), step));
            case "tableJoin", "tableLeftJoin", "tableOuterJoin" ->
                    context.put(step, join(context.table(step), context.at(step, "other"), step, op));
            case "tableJoinByForeignKey", "tableLeftJoinByForeignKey" ->
                    context.put(step, joinByForeignKey(context.table(step), context.at(step, "other"), step, op.contains("Left")));
            case "joinTable" -> context.put(step, joinTable(context.stream(step), context.at(step, "other"), step));
            case "leftJoinTable" -> context.put(step, leftJoinTable(context.stream(step), context.at(step, "other"), step));
            case "globalTable" -> context.put(step, globalTable(context, step));
            case "joinGlobalTable" -> context.put(step, context.stream(step).join(
                    context.<GlobalKTable<Object, Object>>at(step, "other"),
                    Functions.of(Functions.SELECTORS, step, "keyOf"), joiner(step), Context.named(step)));
            case "leftJoinGlobalTable" -> context.put(step, context.stream(step).leftJoin(
                    context.<GlobalKTable<Object, Object>>at(step, "other"),
                    Functions.of(Functions.SELECTORS, step, "keyOf"), joiner(step), Context.named(step)));
            default -> {
                return false;
            }
        }
        return true;
    }

    private static ValueJoinerWithKey<Object, Object, Object, Object> joiner(JsonNode step) {
        if (step.get("fn").asText().equals("withKey")) {
            return WITH_KEY;
        }
        var joiner = Functions.of(JOINERS, step, "fn");
        return (key, left, right) -> joiner.apply(left, right);
    }

    private static Object filter(KTable<Object, Object> table, JsonNode step, boolean isInverse) {
        Materialized<Object, Object, KeyValueStore<Bytes, byte[]>> store = Context.keyValueStore(step);
        var predicate = Functions.of(Functions.PREDICATES, step, "fn");
        if (store == null) {
            return isInverse ? table.filterNot(predicate, Context.named(step)) : table.filter(predicate, Context.named(step));
        }
        return isInverse
                ? table.filterNot(predicate, Context.named(step), store)
                : table.filter(predicate, Context.named(step), store);
    }

    private static Object mapValues(KTable<Object, Object> table, JsonNode step) {
        Materialized<Object, Object, KeyValueStore<Bytes, byte[]>> store = Context.keyValueStore(step);
        var mapper = Functions.of(Functions.VALUE_MAPPERS, step, "fn");
        return store == null
                ? table.mapValues(mapper, Context.named(step))
                : table.mapValues(mapper, Context.named(step), store);
    }

    private static Object toStreamByKey(KTable<Object, Object> table, JsonNode step) {
        return table.toStream(Functions.of(Functions.SELECTORS, step, "fn"), Context.named(step));
    }

    private static Object toTable(KStream<Object, Object> stream, JsonNode step) {
        Materialized<Object, Object, KeyValueStore<Bytes, byte[]>> store = Context.keyValueStore(step);
        return store == null ? stream.toTable(Context.named(step)) : stream.toTable(Context.named(step), store);
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private static Object count(KGroupedTable<Object, Object> grouped, JsonNode step) {
        Materialized store = Context.keyValueStore(step);
        return store == null ? grouped.count(Context.named(step)) : grouped.count(Context.named(step), store);
    }

    private static Object reduce(KGroupedTable<Object, Object> grouped, JsonNode step) {
        Materialized<Object, Object, KeyValueStore<Bytes, byte[]>> store = Context.keyValueStore(step);
        return grouped.reduce(
                Functions.of(Functions.REDUCERS, step, "fn"),
                Functions.of(SUBTRACTORS, step, "subtract"),
                Context.named(step),
                store == null ? Materialized.with(null, null) : store);
    }

    private static Object aggregate(KGroupedTable<Object, Object> grouped, JsonNode step) {
        Materialized<Object, Object, KeyValueStore<Bytes, byte[]>> store = Context.keyValueStore(step);
        var subtract = Functions.of(SUBTRACTORS, step, "subtract");
        return grouped.aggregate(
                Functions.of(Functions.INITIALIZERS, step, "init"),
                Functions.of(Functions.AGGREGATORS, step, "fn"),
                (key, value, aggregate) -> subtract.apply(aggregate, value),
                Context.named(step),
                store == null ? Materialized.with(null, null) : store);
    }

    private static Object join(KTable<Object, Object> left, KTable<Object, Object> right, JsonNode step, String op) {
        Materialized<Object, Object, KeyValueStore<Bytes, byte[]>> store = Context.keyValueStore(step);
        var joiner = Functions.of(JOINERS, step, "fn");
        var named = Context.named(step);
        return switch (op) {
            case "tableJoin" -> store == null ? left.join(right, joiner, named) : left.join(right, joiner, named, store);
            case "tableLeftJoin" ->
                    store == null ? left.leftJoin(right, joiner, named) : left.leftJoin(right, joiner, named, store);
            default -> store == null ? left.outerJoin(right, joiner, named) : left.outerJoin(right, joiner, named, store);
        };
    }

    private static Object joinByForeignKey(
            KTable<Object, Object> left, KTable<Object, Object> right, JsonNode step, boolean isLeft) {
        Materialized<Object, Object, KeyValueStore<Bytes, byte[]>> given = Context.keyValueStore(step);
        Materialized<Object, Object, KeyValueStore<Bytes, byte[]>> store = given == null ? Materialized.with(null, null) : given;
        var selector = Functions.of(Functions.SELECTORS, step, "keyOf");
        BiFunction<Object, Object, Object> keyOf = selector::apply;
        var joiner = Functions.of(JOINERS, step, "fn");
        TableJoined<Object, Object> joined = TableJoined.as(Context.text(step, "name"));
        return isLeft
                ? left.leftJoin(right, keyOf, joiner, joined, store)
                : left.join(right, keyOf, joiner, joined, store);
    }

    private static Joined<Object, Object, Object> joined(JsonNode step) {
        Joined<Object, Object, Object> joined = Joined.with(Context.serde(step, "key"), Context.serde(step, "leftValue"), null);
        return step.has("name") ? joined.withName(step.get("name").asText()) : joined;
    }

    private static Object joinTable(KStream<Object, Object> stream, KTable<Object, Object> table, JsonNode step) {
        return stream.join(table, joiner(step), joined(step));
    }

    private static Object leftJoinTable(KStream<Object, Object> stream, KTable<Object, Object> table, JsonNode step) {
        return stream.leftJoin(table, joiner(step), joined(step));
    }

    private static Object globalTable(Context context, JsonNode step) {
        Materialized<Object, Object, KeyValueStore<Bytes, byte[]>> store = Context.keyValueStore(step);
        String topic = step.get("topic").asText();
        return store == null
                ? context.builder.globalTable(topic, StatelessSteps.consumed(step))
                : context.builder.globalTable(topic, StatelessSteps.consumed(step), store);
    }
}
