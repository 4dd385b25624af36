export { StreamsBuilder } from './dsl/streams-builder.ts'
export type { StreamGraphOptions } from './dsl/stream-graph.ts'
export { KStream } from './dsl/k-stream.ts'
export { KTable } from './dsl/k-table.ts'
export { KGroupedStream } from './dsl/k-grouped-stream.ts'
export type {
  GroupedOptions,
  Named,
  SinkOptions,
  SourceOptions,
  Store,
  StoreOptions,
} from './dsl/options.ts'
export {
  logAndContinue,
  logAndFail,
  type DeadLetter,
  type ErrorAnswer,
  type ErrorDecision,
  type ErrorHandler,
  type ErrorHandling,
  type ProductionDecision,
  type ProductionErrorHandler,
} from './error-handlers.ts'
export { StreamsError, streamsErrors, type StreamsErrorCode } from './errors.ts'
export type { Headers, RecordHeader, StreamRecord, TimestampExtractor } from './record.ts'
export {
  bytesSerde,
  doubleSerde,
  int32Serde,
  int64Serde,
  jsonSerde,
  longSerde,
  stringSerde,
  type Serde,
} from './serde.ts'
export type {
  KeyValueStore,
  ReadonlyKeyValueStore,
  TimestampedKeyValueStore,
} from './state/key-value-store.ts'
export type { ValueAndTimestamp } from './state/store.ts'
export type { OffsetReset, StreamPartitioner, TopicSelector } from './topology/topology.ts'
export { Topology } from './topology/topology.ts'
