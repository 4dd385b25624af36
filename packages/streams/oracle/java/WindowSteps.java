import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.Map;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.EmitStrategy;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Merger;
import org.apache.kafka.streams.kstream.SessionWindowedKStream;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.SlidingWindows;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.TimeWindowedKStream;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.WindowStore;

/** Aggregations by window, and suppress. window-steps.ts is its twin. */
final class WindowSteps implements Steps {
    /** Of sessions that become one. */
    private static final Map<String, Merger<Object, Object>> MERGERS = Map.of(
            "concat", (key, left, right) -> Functions.text(left) + Functions.text(right),
            "bar", (key, left, right) -> Functions.text(left) + "|" + Functions.text(right),
            "withKey", (key, left, right) -> Functions.text(left) + "<" + key + ">" + Functions.text(right),
            "sum", (key, left, right) -> (Long) left + (Long) right,
            "right", (key, left, right) -> right);

    @Override
    public boolean add(Context context, JsonNode step) {
        switch (step.get("op").asText()) {
            case "windowedBy" -> context.put(step, windowed(context.at(step, "from"), step));
            case "windowedCount" -> context.put(step, count(context.at(step, "from"), step));
            case "windowedReduce" -> context.put(step, reduce(context.at(step, "from"), step));
            case "windowedAggregate" -> context.put(step, aggregate(context.at(step, "from"), step));
            case "suppress" -> context.put(step, context.table(step).suppress(suppressed(step)));
            default -> {
                return false;
            }
        }
        return true;
    }

    private static Object windowed(KGroupedStream<Object, Object> grouped, JsonNode step) {
        JsonNode windows = step.get("windows");
        EmitStrategy emit = step.has("emit") && step.get("emit").asText().equals("close")
                ? EmitStrategy.onWindowClose()
                : EmitStrategy.onWindowUpdate();
        Duration grace = ms(windows, "graceMs");
        return switch (windows.get("kind").asText()) {
            case "tumbling" -> grouped
                    .windowedBy(TimeWindows.ofSizeAndGrace(ms(windows, "sizeMs"), grace)).emitStrategy(emit);
            case "hopping" -> grouped
                    .windowedBy(TimeWindows.ofSizeAndGrace(ms(windows, "sizeMs"), grace)
                            .advanceBy(ms(windows, "advanceMs"))).emitStrategy(emit);
            case "sliding" -> grouped
                    .windowedBy(SlidingWindows.ofTimeDifferenceAndGrace(ms(windows, "differenceMs"), grace))
                    .emitStrategy(emit);
            case "session" -> grouped
                    .windowedBy(SessionWindows.ofInactivityGapAndGrace(ms(windows, "gapMs"), grace))
                    .emitStrategy(emit);
            default -> throw new IllegalArgumentException("No such windows: " + windows);
        };
    }

    private static Duration ms(JsonNode node, String field) {
        return Duration.ofMillis(node.get(field).asLong());
    }

    private static <S extends StateStore> Materialized<Object, Object, S> store(JsonNode step) {
        Materialized<Object, Object, S> store = Context.store(step);
        JsonNode options = step.get("store");
        return options != null && options.has("retentionMs")
                ? store.withRetention(ms(options, "retentionMs"))
                : store;
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private static Object count(Object windowed, JsonNode step) {
        Materialized store = store(step);
        if (windowed instanceof SessionWindowedKStream sessions) {
            return store == null ? sessions.count(Context.named(step)) : sessions.count(Context.named(step), store);
        }
        TimeWindowedKStream times = (TimeWindowedKStream) windowed;
        return store == null ? times.count(Context.named(step)) : times.count(Context.named(step), store);
    }

    @SuppressWarnings("unchecked")
    private static KTable<?, Object> reduce(Object windowed, JsonNode step) {
        var reducer = Functions.of(Functions.REDUCERS, step, "fn");
        if (windowed instanceof SessionWindowedKStream<?, ?>) {
            var sessions = (SessionWindowedKStream<Object, Object>) windowed;
            Materialized<Object, Object, SessionStore<Bytes, byte[]>> store = store(step);
            return store == null
                    ? sessions.reduce(reducer, Context.named(step))
                    : sessions.reduce(reducer, Context.named(step), store);
        }
        var times = (TimeWindowedKStream<Object, Object>) windowed;
        Materialized<Object, Object, WindowStore<Bytes, byte[]>> store = store(step);
        return store == null
                ? times.reduce(reducer, Context.named(step))
                : times.reduce(reducer, Context.named(step), store);
    }

    @SuppressWarnings("unchecked")
    private static KTable<?, Object> aggregate(Object windowed, JsonNode step) {
        var initializer = Functions.of(Functions.INITIALIZERS, step, "init");
        var aggregator = Functions.of(Functions.AGGREGATORS, step, "fn");
        if (windowed instanceof SessionWindowedKStream<?, ?>) {
            var sessions = (SessionWindowedKStream<Object, Object>) windowed;
            var merger = Functions.of(MERGERS, step, "merge");
            Materialized<Object, Object, SessionStore<Bytes, byte[]>> store = store(step);
            return store == null
                    ? sessions.aggregate(initializer, aggregator, merger, Context.named(step))
                    : sessions.aggregate(initializer, aggregator, merger, Context.named(step), store);
        }
        var times = (TimeWindowedKStream<Object, Object>) windowed;
        Materialized<Object, Object, WindowStore<Bytes, byte[]>> store = store(step);
        return store == null
                ? times.aggregate(initializer, aggregator, Context.named(step))
                : times.aggregate(initializer, aggregator, Context.named(step), store);
    }

    /** `until`: "windowCloses", or the wait in ms; `maxRecords`, `maxBytes`, `whenFull`: "emitEarly" or "shutDown". */
    @SuppressWarnings({"unchecked", "rawtypes"})
    private static Suppressed<Object> suppressed(JsonNode step) {
        boolean isFinal = step.get("until").isTextual();
        Suppressed.BufferConfig buffer = Suppressed.BufferConfig.unbounded();
        if (step.has("maxRecords")) {
            buffer = Suppressed.BufferConfig.maxRecords(step.get("maxRecords").asLong());
            if (step.has("maxBytes")) {
                buffer = buffer.withMaxBytes(step.get("maxBytes").asLong());
            }
        } else if (step.has("maxBytes")) {
            buffer = Suppressed.BufferConfig.maxBytes(step.get("maxBytes").asLong());
        }
        if (isFinal || step.has("whenFull") && step.get("whenFull").asText().equals("shutDown")) {
            buffer = buffer.shutDownWhenFull();
        }
        if (step.has("logging") && !step.get("logging").asBoolean()) {
            buffer = buffer.withLoggingDisabled();
        }
        Suppressed suppressed = isFinal
                ? Suppressed.untilWindowCloses((Suppressed.StrictBufferConfig) buffer)
                : Suppressed.untilTimeLimit(ms(step, "until"), buffer);
        return step.has("name") ? suppressed.withName(step.get("name").asText()) : suppressed;
    }
}
