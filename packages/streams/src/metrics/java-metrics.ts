/**
 * Figures as the metrics that Kafka Streams has, under its groups, names and tags, as far as there are such; what stands here and not there has a
 * comment. Rates and averages are of the last 30 to 60 seconds, as Java's.
 * @see Kafka Streams `org.apache.kafka.streams.processor.internals.metrics`, KIP-444
 */
import type { FiguresOverTime, StoreFigures, TaskFigures, ThreadFigures } from './figures.ts'
import { storeOperations } from './store-operations.ts'

/** One metric, as of now. */
export interface StreamsMetric {
  /** `stream-task-metrics`. */
  readonly group: string
  /** `process-total`; `-rate` is per second, `-avg` and `-max` of latencies and lateness are ms, ratios are from 0 to 1. */
  readonly name: string
  /** `thread-id`, `task-id` … */
  readonly tags: Readonly<Record<string, string>>
  readonly value: number
}

type Values = Readonly<Record<string, number>>

/** Of one thread with its tasks. @param threadName Java's name of it */
export function javaMetrics(
  threadName: string,
  { now, before }: FiguresOverTime,
): readonly StreamsMetric[] {
  const elapsedMs = now.atMs - before.atMs
  const tags = { 'thread-id': threadName }
  const earlier = new Map(before.tasks.map((task) => [task.taskId, task]))
  const sinceOf = (task: TaskFigures): Since<TaskFigures> =>
    new Since(task, earlier.get(task.taskId), elapsedMs)
  const processMs = now.tasks.reduce((sum, task) => sum + sinceOf(task).gained('processMs'), 0)
  return [
    ...metricsOf('stream-thread-metrics', tags, threadValues(new Since(now, before, elapsedMs))),
    ...now.tasks.flatMap((task) =>
      taskMetrics({ ...tags, 'task-id': task.taskId }, sinceOf(task), processMs),
    ),
  ]
}

/** Of an application in this process. */
export function clientMetrics(clientId: string, values: Values): readonly StreamsMetric[] {
  return metricsOf('stream-metrics', { 'client-id': clientId }, values)
}

function threadValues(since: Since<ThreadFigures>): Values {
  const { now } = since
  return {
    ...since.counted('process', 'processed'),
    ...since.timed('process', 'processed', 'processMs'),
    ...since.counted('commit', 'commits'),
    ...since.timed('commit', 'commits', 'commitMs'),
    'commit-latency-max': now.maxCommitMs,
    ...since.counted('poll', 'polls'),
    'poll-records-avg': since.average('polledRecords', 'polls'),
    ...since.counted('punctuate', 'punctuated'),
    ...since.timed('punctuate', 'punctuated', 'punctuateMs'),
    ...since.counted('task-created', 'tasksCreated'),
    ...since.counted('task-closed', 'tasksClosed'),
    'process-ratio': since.share('processMs'),
    'commit-ratio': since.share('commitMs'),
    'punctuate-ratio': since.share('punctuateMs'),
  }
}

function taskMetrics(
  tags: StreamsMetric['tags'],
  since: Since<TaskFigures>,
  processMsOfAll: number,
): readonly StreamsMetric[] {
  const { now, before } = since
  const nodes = Object.entries(now.nodes).flatMap(([node, processed]) => {
    const own = new Since({ processed }, { processed: before?.nodes[node] ?? 0 }, since.elapsedMs)
    const nodeTags = { ...tags, 'processor-node-id': node }
    // In Java of sources alone.
    return metricsOf('stream-processor-node-metrics', nodeTags, own.counted('process', 'processed'))
  })
  const latencies = Object.entries(now.latencies).flatMap(([node, latency]) => {
    const own = new Since(latency, before?.latencies[node], since.elapsedMs)
    return metricsOf(
      'stream-processor-node-metrics',
      { ...tags, 'processor-node-id': node },
      {
        'record-e2e-latency-avg': own.average('sumMs', 'count'),
        'record-e2e-latency-min': latency.leastMs,
        'record-e2e-latency-max': latency.mostMs,
      },
    )
  })
  const topics = now.topics.flatMap(({ node, topic, isConsumed, records }) =>
    metricsOf(
      'stream-topic-metrics',
      { ...tags, 'processor-node-id': node, 'topic-name': topic },
      { [`records-${isConsumed ? 'consumed' : 'produced'}-total`]: records },
    ),
  )
  const stores = now.stores.flatMap((store) => {
    const earlier = before?.stores.find(({ name }) => name === store.name)
    return storeMetrics(tags, store, earlier, since.elapsedMs)
  })
  return [
    ...metricsOf('stream-task-metrics', tags, {
      ...since.counted('process', 'processed'),
      ...since.timed('process', 'processed', 'processMs'),
      'record-lateness-avg': since.average('latenessMs', 'processed'),
      'record-lateness-max': now.maxLatenessMs,
      ...since.counted('dropped-records', 'dropped'),
      ...since.counted('punctuate', 'punctuated'),
      ...since.timed('punctuate', 'punctuated', 'punctuateMs'),
      ...since.counted('commit', 'commits'),
      ...since.counted('restore', 'restored'),
      ...since.counted('update', 'updated'),
      'restore-remaining-records-total': now.state === 'RESTORING' ? now.remainingRecords : 0,
      // Not in Java, whose consumer of changelogs tells it by partition.
      'standby-lag-records': now.state === 'STANDBY' ? now.remainingRecords : 0,
      // In Java of the consumer, by partition.
      'records-lag': now.inputLagRecords,
      'active-process-ratio': ratio(since.gained('processMs'), processMsOfAll),
    }),
    ...nodes,
    ...latencies,
    ...topics,
    ...stores,
  ]
}

function storeMetrics(
  tags: StreamsMetric['tags'],
  now: StoreFigures,
  before: StoreFigures | undefined,
  elapsedMs: number,
): readonly StreamsMetric[] {
  const operations = new Since(now.operations, before?.operations, elapsedMs)
  // Java has rates alone.
  const values = storeOperations
    .filter((operation) => now.operations[operation] > 0)
    .flatMap((operation) => Object.entries(operations.counted(operation, operation)))
  const state = metricsOf(
    'stream-state-metrics',
    { ...tags, [`${scopeOf(now)}-state-id`]: now.name },
    Object.fromEntries(values),
  )
  if (now.cacheReads === 0) return state
  const cache = new Since(
    { cacheReads: now.cacheReads, cacheHits: now.cacheHits },
    { cacheReads: before?.cacheReads ?? 0, cacheHits: before?.cacheHits ?? 0 },
    elapsedMs,
  )
  const cacheTags = { ...tags, 'record-cache-id': now.name }
  const hitRatio = { 'hit-ratio-avg': cache.average('cacheHits', 'cacheReads') }
  return [...state, ...metricsOf('stream-record-cache-metrics', cacheTags, hitRatio)]
}

/** As Java's `rocksdb`, `in-memory`, `in-memory-window`; where it is `lmdb` here, or has a journal there. */
function scopeOf({ kind, isPersistent }: StoreFigures): string {
  const place = isPersistent ? 'lmdb' : 'in-memory'
  if (kind === 'window' || kind === 'joinWindow') return `${place}-window`
  return kind === 'session' ? `${place}-session` : place
}

/** Totals of now beside those of a while ago; without these they began at 0. */
class Since<T extends object> {
  readonly now: T
  readonly before: T | undefined
  readonly elapsedMs: number

  constructor(now: T, before: T | undefined, elapsedMs: number) {
    this.now = now
    this.before = before
    this.elapsedMs = elapsedMs
  }

  gained(field: keyof T): number {
    return Number(this.now[field]) - Number(this.before?.[field] ?? 0)
  }

  counted(name: string, field: keyof T): Values {
    return {
      [`${name}-total`]: Number(this.now[field]),
      [`${name}-rate`]: ratio(this.gained(field) * 1_000, this.elapsedMs),
    }
  }

  timed(name: string, count: keyof T, ms: keyof T): Values {
    return { [`${name}-latency-avg`]: this.average(ms, count) }
  }

  average(sum: keyof T, count: keyof T): number {
    return ratio(this.gained(sum), this.gained(count))
  }

  /** Of the time that has passed. */
  share(ms: keyof T): number {
    return ratio(this.gained(ms), this.elapsedMs)
  }
}

function ratio(part: number, whole: number): number {
  return whole > 0 ? part / whole : 0
}

function metricsOf(
  group: string,
  tags: StreamsMetric['tags'],
  values: Values,
): readonly StreamsMetric[] {
  return Object.entries(values).map(([name, value]) => ({ group, name, tags, value }))
}
