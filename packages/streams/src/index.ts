export type { AsyncCallContext, AsyncOptions, AsyncOrder } from './dsl/map-async.ts'
export type { PrintOptions } from './dsl/print.ts'
export type { Branches, SplitOptions, SplitStreams } from './dsl/split.ts'
export { StreamsBuilder } from './dsl/streams-builder.ts'
export type { StreamGraphOptions } from './dsl/stream-graph.ts'
export { KStream, type AsyncResult, type OutSerdes } from './dsl/k-stream.ts'
export { KTable } from './dsl/k-table.ts'
export { KGroupedStream } from './dsl/k-grouped-stream.ts'
export {
  CogroupedKStream,
  SessionWindowedCogroupedKStream,
  TimeWindowedCogroupedKStream,
  type CogroupOptions,
} from './dsl/cogrouped-stream.ts'
export type { WindowedOptions } from './dsl/windowed-node.ts'
export { TimeWindowedKStream } from './dsl/windowed-stream.ts'
export { SessionWindowedKStream } from './dsl/session-windowed-stream.ts'
export {
  hoppingWindows,
  sessionWindows,
  slidingWindows,
  tumblingWindows,
  type SessionWindows,
  type SlidingWindows,
  type TimeWindows,
} from './windows.ts'
export {
  sessionWindowedSerde,
  timeWindowedSerde,
  type Window,
  type Windowed,
  type WindowedSerde,
} from './windowed.ts'
export type { Emit } from './operators/close-emitter.ts'
export { KGroupedTable } from './dsl/k-grouped-table.ts'
export { GlobalKTable } from './dsl/global-table.ts'
export type { DerivedTableOptions, KeySelection } from './dsl/k-table.ts'
export {
  untilTimeLimit,
  untilWindowCloses,
  type Suppression,
  type SuppressLimits,
} from './dsl/suppression.ts'
export type { TableJoinOptions } from './dsl/table-join.ts'
export type { ForeignKeyJoinOptions } from './dsl/foreign-key-join.ts'
export type { GlobalJoinOptions, StreamTableJoinOptions } from './dsl/stream-table-join.ts'
export type { GroupSelector } from './operators/table-repartition.ts'
export type {
  ConnectedStores,
  GroupedOptions,
  Named,
  RepartitionOptions,
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
export { joinWindows, type JoinWindows } from './join-windows.ts'
export type { JoinOutputs, JoinSideOutputs } from './dsl/join-side-outputs.ts'
export type { JoinStoreOptions, StreamJoinOptions } from './dsl/stream-join.ts'
export { StreamsError, streamsErrors, type StreamsErrorCode } from './errors.ts'
export type { Cancellable, PunctuationType, Schedule } from './operator.ts'
export {
  FixedKeyRecord,
  type FixedKeyProcessor,
  type FixedKeyProcessorContext,
  type FixedKeyProcessorSupplier,
  type ProcessingContext,
  type Processor,
  type ProcessorContext,
  type ProcessorSupplier,
  type RecordMetadata,
} from './processor.ts'
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
export type { StreamsMetric } from './metrics/java-metrics.ts'
export type { KeyMetadata, KeyMetadataOptions } from './queries/app-queries.ts'
export type { InstanceMetadata } from './queries/group-instances.ts'
export type { QueryableKeyValueStore } from './queries/key-value-query.ts'
export {
  startQueryServer,
  type OtherAnswer,
  type OtherRequest,
  type QueryServer,
  type QueryServerOptions,
} from './queries/query-server.ts'
export type { QueryableSessionStore } from './queries/session-query.ts'
export type { KeyForm } from './queries/query-text.ts'
export type { StoreLag } from './queries/store-lag.ts'
export type { PositionBound, ReadIsolation } from './queries/store-read.ts'
export type { ReadOptions, WalkOptions } from './queries/store-reader.ts'
export type {
  QueryableStores,
  QueryableStoreType,
  StoreQueryOptions,
} from './queries/store-type.ts'
export {
  describeStores,
  locateText,
  readAsText,
  type DescribedStore,
  type ReadPartition,
  type TextAnswer,
  type TextInstance,
  type TextKey,
  type TextRead,
  type TextRow,
} from './queries/text-read.ts'
export type { QueryableWindowStore } from './queries/window-query.ts'
export type { StreamsState } from './runtime/app-state.ts'
export type { RestoreProgress } from './runtime/state/changelog-restorer.ts'
export type { ProcessingGuarantee } from './runtime/runtime-options.ts'
export type { ThreadState, UncaughtDecision } from './runtime/thread/stream-thread.ts'
export type { ThreadDescription } from './runtime/app-threads.ts'
export { resetApplication, type ResetOptions, type ResetReport } from './reset/reset-application.ts'
export type { InputReset, ResetTarget } from './reset/reset-offsets.ts'
export {
  StreamsApp,
  type StreamsAppOptions,
  type StreamsCloseOptions,
} from './runtime/streams-app.ts'
export type { GroupMembershipOperation } from './runtime/thread/thread-session.ts'
export type {
  TaskMetadata,
  TaskPartitionMetadata,
  ThreadMetadata,
} from './runtime/thread/thread-metadata.ts'
export type {
  KeyValueStore,
  ReadonlyKeyValueStore,
  TimestampedKeyValueStore,
} from './state/key-value-store.ts'
export {
  sessionStore,
  type ReadonlySessionStore,
  type SessionStore,
  type SessionStoreOptions,
} from './state/session-store.ts'
export {
  timestampedWindowStore,
  type ReadonlyWindowStore,
  type TimestampedWindowStore,
  type WindowStoreOptions,
} from './state/window-store.ts'
export {
  windowStore,
  type PlainWindowStoreOptions,
  type WindowStore,
} from './state/plain-window-store.ts'
export type { StateStore, StoreBuilder, ValueAndTimestamp } from './state/store.ts'
export type { Timers } from './operators/timers.ts'
export type { Timer, TimerStore } from './state/timer-store.ts'
export {
  keyValueStore,
  timerStore,
  timestampedKeyValueStore,
  type KeyValueStoreSettings,
  type ProcessorStoreOptions,
  type TimerStoreSettings,
} from './stores.ts'
export {
  diffTopologies,
  type DifferenceVerdict,
  type DiffOptions,
  type TopologyDiff,
  type TopologyDifference,
} from './topology/diff.ts'
export type {
  GlobalProcessor,
  OffsetReset,
  ReadOnlySource,
  StreamPartitioner,
  TopicSelector,
} from './topology/topology.ts'
export { Topology } from './topology/topology.ts'
