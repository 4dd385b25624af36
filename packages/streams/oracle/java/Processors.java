import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.processor.Cancellable;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.api.RecordMetadata;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.TimestampedKeyValueStore;
import org.apache.kafka.streams.state.ValueAndTimestamp;
import org.apache.kafka.streams.state.WindowStore;

/** Processors by name; oracle/processors.ts has the same. What they use beside the record stands in their step. */
final class Processors {
    static final Map<String, Function<JsonNode, Base>> ALL = Map.ofEntries(
            Map.entry("pass", Pass::new),
            Map.entry("nothing", Nothing::new),
            Map.entry("twice", Twice::new),
            Map.entry("later", Later::new),
            Map.entry("toChild", ToChild::new),
            Map.entry("metadata", Metadata::new),
            Map.entry("count", Count::new),
            Map.entry("latest", Latest::new),
            Map.entry("walk", Walk::new),
            Map.entry("first", First::new),
            Map.entry("hold", Hold::new),
            Map.entry("ticks", Ticks::new),
            Map.entry("put", Put::new),
            Map.entry("look", Look::new),
            Map.entry("slots", Slots::new),
            Map.entry("throwAfterPut", ThrowAfterPut::new),
            Map.entry("throwAfterForward", ThrowAfterForward::new),
            Map.entry("throwInPunctuator", ThrowInPunctuator::new),
            Map.entry("throwInInit", ThrowInInit::new),
            Map.entry("negative", Negative::new),
            Map.entry("unknownStore", UnknownStore::new));

    static final Map<String, Function<JsonNode, FixedKeyProcessor<Object, Object, Object>>> FIXED_KEY = Map.of(
            "upper", step -> new Upper(),
            "count", CountFixed::new,
            "later", LaterFixed::new,
            "throwOnX", step -> new ThrowOnXFixed());

    private Processors() {
    }

    private static String text(Object value) {
        return Functions.text(value);
    }

    private static PunctuationType type(JsonNode step) {
        return PunctuationType.valueOf(step.get("type").asText());
    }

    abstract static class Base implements Processor<Object, Object, Object, Object> {
        final JsonNode step;
        ProcessorContext<Object, Object> context;

        Base(JsonNode step) {
            this.step = step;
        }

        @Override
        public void init(ProcessorContext<Object, Object> given) {
            context = given;
        }

        /** Of the store it is connected to, or of a global one. */
        String storeName() {
            return step.has("global") ? step.get("global").asText() : step.get("stores").get(0).asText();
        }

        <K, V> KeyValueStore<K, V> store() {
            return context.getStateStore(storeName());
        }

        /** As `everyMs`, `type` and `startMs` of the step say. */
        Cancellable schedule(org.apache.kafka.streams.processor.Punctuator punctuator) {
            Duration every = Duration.ofMillis(step.get("everyMs").asLong());
            return step.has("startMs")
                    ? context.schedule(Instant.ofEpochMilli(step.get("startMs").asLong()), every, type(step), punctuator)
                    : context.schedule(every, type(step), punctuator);
        }
    }

    private static final class Pass extends Base {
        Pass(JsonNode step) {
            super(step);
        }

        @Override
        public void process(Record<Object, Object> record) {
            context.forward(record);
        }
    }

    /** Puts every record. */
    private static final class Put extends Base {
        Put(JsonNode step) {
            super(step);
        }

        @Override
        public void process(Record<Object, Object> record) {
            store().put(record.key(), record.value());
        }
    }

    /** What the store has for the record's value, and all that it has. */
    private static final class Look extends Base {
        Look(JsonNode step) {
            super(step);
        }

        @Override
        public void process(Record<Object, Object> record) {
            KeyValueStore<Object, Object> store = store();
            List<String> rows = new ArrayList<>();
            try (KeyValueIterator<Object, Object> all = store.all()) {
                all.forEachRemaining(row -> rows.add(text(row.key) + "=" + text(row.value)));
            }
            String found = text(store.get(record.value()));
            context.forward(record.withValue(found + " of " + String.join(" ", rows)));
        }
    }

    /** Puts each record into its window of 10 ms, and shows what the store had there, all of it, and all of the key. */
    private static final class Slots extends Base {
        Slots(JsonNode step) {
            super(step);
        }

        @Override
        public void process(Record<Object, Object> record) {
            WindowStore<Object, Object> store = context.getStateStore(storeName());
            long start = record.timestamp() - record.timestamp() % 10;
            Object before = store.fetch(record.key(), start);
            store.put(record.key(), record.value(), start);
            Instant from = Instant.ofEpochMilli(0);
            Instant to = Instant.ofEpochMilli(1_000_000);
            List<String> rows = new ArrayList<>();
            try (var all = store.fetchAll(from, to)) {
                all.forEachRemaining(row -> rows.add(text(row.key.key()) + "@" + row.key.window().start() + "-"
                        + row.key.window().end() + "=" + text(row.value)));
            }
            List<String> own = new ArrayList<>();
            try (var ofKey = store.fetch(record.key(), from, to)) {
                ofKey.forEachRemaining(row -> own.add(row.key + "=" + text(row.value)));
            }
            context.forward(record.withValue(
                    text(before) + " of " + String.join(" ", rows) + ", own " + String.join(" ", own)));
        }
    }

    private static final class Nothing extends Base {
        Nothing(JsonNode step) {
            super(step);
        }

        @Override
        public void process(Record<Object, Object> record) {
        }
    }

    /** The record, then another one with another key, value, time and headers, then the record again. */
    private static final class Twice extends Base {
        Twice(JsonNode step) {
            super(step);
        }

        @Override
        public void process(Record<Object, Object> record) {
            context.forward(record);
            RecordHeaders headers = new RecordHeaders(record.headers());
            headers.add("added", "yes".getBytes(StandardCharsets.UTF_8));
            context.forward(new Record<>(
                    text(record.key()).toUpperCase(Locale.ROOT), text(record.value()) + "2",
                    record.timestamp() + 10, headers));
            context.forward(record);
        }
    }

    /** The record 100 ms later and without its headers. */
    private static final class Later extends Base {
        Later(JsonNode step) {
            super(step);
        }

        @Override
        public void process(Record<Object, Object> record) {
            context.forward(record.withTimestamp(record.timestamp() + 100).withHeaders(new RecordHeaders()));
        }
    }

    /** To the child that the value names before a colon; to all without one. */
    private static final class ToChild extends Base {
        ToChild(JsonNode step) {
            super(step);
        }

        @Override
        public void process(Record<Object, Object> record) {
            String[] parts = text(record.value()).split(":");
            if (parts.length == 2) {
                context.forward(record.withValue(parts[1]), parts[0]);
            } else {
                context.forward(record);
            }
        }
    }

    /** Where the record was read and what time it is. */
    private static final class Metadata extends Base {
        Metadata(JsonNode step) {
            super(step);
        }

        @Override
        public void process(Record<Object, Object> record) {
            RecordMetadata metadata = context.recordMetadata().orElseThrow();
            context.forward(record.withValue(
                    metadata.topic() + "/" + metadata.partition() + "@" + metadata.offset()
                            + " stream " + context.currentStreamTimeMs() + " wall " + context.currentSystemTimeMs()
                            + " task " + context.taskId() + " app " + context.applicationId()));
        }
    }

    /** Records of a key so far; a record without value forgets them. */
    private static final class Count extends Base {
        Count(JsonNode step) {
            super(step);
        }

        @Override
        public void process(Record<Object, Object> record) {
            KeyValueStore<Object, Long> store = store();
            if (record.value() == null) {
                Long deleted = store.delete(record.key());
                context.forward(record.withValue("deleted " + text(deleted)));
                return;
            }
            Long before = store.get(record.key());
            long count = before == null ? 1 : before + 1;
            store.put(record.key(), count);
            context.forward(record.withValue(text(count)));
        }
    }

    /** The value of a key with its time, as a timestamped store keeps it. */
    private static final class Latest extends Base {
        Latest(JsonNode step) {
            super(step);
        }

        @Override
        public void process(Record<Object, Object> record) {
            TimestampedKeyValueStore<Object, Object> store =
                    context.getStateStore(storeName());
            ValueAndTimestamp<Object> before = store.get(record.key());
            store.put(record.key(), ValueAndTimestamp.make(record.value(), record.timestamp() + 1));
            context.forward(record.withValue(before == null ? "none" : before.value() + "@" + before.timestamp()));
        }
    }

    /** What a store has, in all the ways to walk it. */
    private static final class Walk extends Base {
        Walk(JsonNode step) {
            super(step);
        }

        @Override
        public void process(Record<Object, Object> record) {
            KeyValueStore<Object, Object> store = store();
            store.put(record.key(), record.value());
            forward(record, "all", store.all());
            forward(record, "reverse", store.reverseAll());
            forward(record, "b to d", store.range("b", "d"));
            forward(record, "to c", store.range(null, "c"));
            forward(record, "from c", store.range("c", null));
            forward(record, "reverse b to d", store.reverseRange("b", "d"));
            forward(record, "a*", store.prefixScan("a", new StringSerializer()));
            context.forward(record.withValue("about " + store.approximateNumEntries()));
        }

        private void forward(Record<Object, Object> record, String name, KeyValueIterator<Object, Object> entries) {
            StringBuilder shown = new StringBuilder(name + ":");
            try (entries) {
                entries.forEachRemaining(each -> shown.append(" ").append(each.key).append("=").append(each.value));
            }
            context.forward(record.withValue(shown.toString()));
        }
    }

    /** The first value of a key. */
    private static final class First extends Base {
        First(JsonNode step) {
            super(step);
        }

        @Override
        public void process(Record<Object, Object> record) {
            KeyValueStore<Object, Object> store = store();
            context.forward(record.withValue(text(store.putIfAbsent(record.key(), record.value()))));
        }
    }

    /** Holds records in its store and lets them go when it is called, with the time of the call. */
    private static final class Hold extends Base {
        Hold(JsonNode step) {
            super(step);
        }

        @Override
        public void init(ProcessorContext<Object, Object> given) {
            super.init(given);
            schedule(this::release);
        }

        private void release(long time) {
            KeyValueStore<Object, Object> store = store();
            List<KeyValue<Object, Object>> held = new ArrayList<>();
            try (KeyValueIterator<Object, Object> all = store.all()) {
                all.forEachRemaining(held::add);
            }
            for (KeyValue<Object, Object> each : held) {
                context.forward(new Record<>(each.key, each.value + "@" + time, time));
                store.delete(each.key);
            }
        }

        @Override
        public void process(Record<Object, Object> record) {
            store().put(record.key(), record.value());
        }
    }

    /** Forwards a record at each call of `count` schedules, and cancels each after `cancelAfter` calls. */
    private static final class Ticks extends Base {
        Ticks(JsonNode step) {
            super(step);
        }

        @Override
        public void init(ProcessorContext<Object, Object> given) {
            super.init(given);
            int count = step.has("count") ? step.get("count").asInt() : 1;
            long cancelAfter = step.has("cancelAfter") ? step.get("cancelAfter").asLong() : Long.MAX_VALUE;
            for (int at = 0; at < count; at++) {
                String name = "tick" + at;
                long[] calls = {0};
                Cancellable[] schedule = new Cancellable[1];
                schedule[0] = schedule(time -> {
                    calls[0]++;
                    context.forward(new Record<>(name, calls[0] + " stream " + context.currentStreamTimeMs(), time));
                    if (calls[0] >= cancelAfter) {
                        schedule[0].cancel();
                    }
                });
            }
        }

        @Override
        public void process(Record<Object, Object> record) {
            context.forward(record);
        }
    }

    private static final class ThrowAfterPut extends Base {
        ThrowAfterPut(JsonNode step) {
            super(step);
        }

        @Override
        public void process(Record<Object, Object> record) {
            store().put(record.key(), record.value());
            Functions.throwOnX(record.value());
            context.forward(record);
        }
    }

    private static final class ThrowAfterForward extends Base {
        ThrowAfterForward(JsonNode step) {
            super(step);
        }

        @Override
        public void process(Record<Object, Object> record) {
            context.forward(record);
            Functions.throwOnX(record.value());
            context.forward(record);
        }
    }

    private static final class ThrowInPunctuator extends Base {
        ThrowInPunctuator(JsonNode step) {
            super(step);
        }

        @Override
        public void init(ProcessorContext<Object, Object> given) {
            super.init(given);
            schedule(time -> {
                context.forward(new Record<>("tick", "before", time));
                Functions.throwOnX("x");
            });
        }

        @Override
        public void process(Record<Object, Object> record) {
            context.forward(record);
        }
    }

    private static final class ThrowInInit extends Base {
        ThrowInInit(JsonNode step) {
            super(step);
        }

        @Override
        public void init(ProcessorContext<Object, Object> given) {
            Functions.throwOnX("x");
        }

        @Override
        public void process(Record<Object, Object> record) {
            context.forward(record);
        }
    }

    private static final class Negative extends Base {
        Negative(JsonNode step) {
            super(step);
        }

        @Override
        public void process(Record<Object, Object> record) {
            context.forward(record.withTimestamp(record.timestamp() - 10));
        }
    }

    private static final class UnknownStore extends Base {
        UnknownStore(JsonNode step) {
            super(step);
        }

        @Override
        public void process(Record<Object, Object> record) {
            context.getStateStore("unknown");
        }
    }

    private static final class Upper implements FixedKeyProcessor<Object, Object, Object> {
        private FixedKeyProcessorContext<Object, Object> context;

        @Override
        public void init(FixedKeyProcessorContext<Object, Object> given) {
            context = given;
        }

        @Override
        public void process(FixedKeyRecord<Object, Object> record) {
            context.forward(record.withValue(text(record.value()).toUpperCase(Locale.ROOT)));
        }
    }

    private static final class CountFixed implements FixedKeyProcessor<Object, Object, Object> {
        private final JsonNode step;
        private FixedKeyProcessorContext<Object, Object> context;

        CountFixed(JsonNode step) {
            this.step = step;
        }

        @Override
        public void init(FixedKeyProcessorContext<Object, Object> given) {
            context = given;
        }

        @Override
        public void process(FixedKeyRecord<Object, Object> record) {
            KeyValueStore<Object, Long> store = context.getStateStore(step.get("stores").get(0).asText());
            Long before = store.get(record.key());
            long count = before == null ? 1 : before + 1;
            store.put(record.key(), count);
            context.forward(record.withValue(text(count)).withTimestamp(record.timestamp() + count));
        }
    }

    /** Keeps the last record and forwards it again when called. */
    private static final class LaterFixed implements FixedKeyProcessor<Object, Object, Object> {
        private final JsonNode step;
        private FixedKeyProcessorContext<Object, Object> context;
        private FixedKeyRecord<Object, Object> last;

        LaterFixed(JsonNode step) {
            this.step = step;
        }

        @Override
        public void init(FixedKeyProcessorContext<Object, Object> given) {
            context = given;
            context.schedule(Duration.ofMillis(step.get("everyMs").asLong()), type(step), time -> {
                if (last != null) {
                    context.forward(last.withValue(last.value() + "@" + time));
                }
            });
        }

        @Override
        public void process(FixedKeyRecord<Object, Object> record) {
            last = record;
        }
    }

    private static final class ThrowOnXFixed implements FixedKeyProcessor<Object, Object, Object> {
        private FixedKeyProcessorContext<Object, Object> context;

        @Override
        public void init(FixedKeyProcessorContext<Object, Object> given) {
            context = given;
        }

        @Override
        public void process(FixedKeyRecord<Object, Object> record) {
            Functions.throwOnX(record.value());
            context.forward(record);
        }
    }
}
