import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.util.Map;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.Aggregator;
import org.apache.kafka.streams.kstream.CogroupedKStream;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Merger;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.SlidingWindows;
import org.apache.kafka.streams.kstream.TimeWindowedCogroupedKStream;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.WindowStore;

/** Several streams aggregated together. cogroup-steps.ts is its twin. */
final class CogroupSteps implements Steps {
    private static final Map<String, Aggregator<Object, Object, Object>> AGGREGATORS = Map.of(
            "plus", (key, value, aggregate) -> Functions.text(aggregate) + "+" + Functions.text(value),
            "minus", (key, value, aggregate) -> Functions.text(aggregate) + "-" + Functions.text(value),
            "withKey", (key, value, aggregate) -> Functions.text(aggregate) + Functions.text(key),
            "nullOnX", (key, value, aggregate) -> Functions.isX(value) ? null : aggregate + Functions.text(value));
    private static final Merger<Object, Object> BAR = (key, left, right) -> left + "|" + right;

    @Override
    public boolean add(Context context, JsonNode step) {
        switch (step.get("op").asText()) {
            case "cogroup" -> context.put(step, cogrouped(context, step));
            case "cogroupAggregate" -> context.put(step, aggregate(context.at(step, "from"), step));
            default -> {
                return false;
            }
        }
        return true;
    }

    /** `groups`: of each the id of a grouped stream, `from`, and its function, `fn`. */
    private static CogroupedKStream<Object, Object> cogrouped(Context context, JsonNode step) {
        CogroupedKStream<Object, Object> cogrouped = null;
        for (JsonNode group : step.get("groups")) {
            KGroupedStream<Object, Object> grouped = context.at(group, "from");
            var aggregator = Functions.of(AGGREGATORS, group, "fn");
            cogrouped = cogrouped == null ? grouped.cogroup(aggregator) : cogrouped.cogroup(grouped, aggregator);
        }
        return cogrouped;
    }

    private static Object aggregate(CogroupedKStream<Object, Object> cogrouped, JsonNode step) {
        var initializer = Functions.of(Functions.INITIALIZERS, step, "init");
        var named = Context.named(step);
        if (!step.has("windows")) {
            Materialized<Object, Object, KeyValueStore<Bytes, byte[]>> store = Context.store(withStore(step));
            return cogrouped.aggregate(initializer, named, store);
        }
        JsonNode windows = step.get("windows");
        Duration grace = ms(windows, "graceMs");
        if (windows.get("kind").asText().equals("session")) {
            Materialized<Object, Object, SessionStore<Bytes, byte[]>> store = Context.store(withStore(step));
            return cogrouped.windowedBy(SessionWindows.ofInactivityGapAndGrace(ms(windows, "gapMs"), grace))
                    .aggregate(initializer, BAR, named, store);
        }
        Materialized<Object, Object, WindowStore<Bytes, byte[]>> store = Context.store(withStore(step));
        TimeWindowedCogroupedKStream<Object, Object> windowed = windows.get("kind").asText().equals("sliding")
                ? cogrouped.windowedBy(
                        SlidingWindows.ofTimeDifferenceAndGrace(ms(windows, "differenceMs"), grace))
                : cogrouped.windowedBy(TimeWindows.ofSizeAndGrace(ms(windows, "sizeMs"), grace)
                        .advanceBy(ms(windows, windows.has("advanceMs") ? "advanceMs" : "sizeMs")));
        return windowed.aggregate(initializer, named, store);
    }

    /** Java takes no null for a store; one without a name and serdes is the same. */
    private static JsonNode withStore(JsonNode step) {
        if (step.has("store")) {
            return step;
        }
        ObjectNode changed = step.deepCopy();
        changed.putObject("store");
        return changed;
    }

    private static Duration ms(JsonNode node, String field) {
        return Duration.ofMillis(node.get(field).asLong());
    }
}
