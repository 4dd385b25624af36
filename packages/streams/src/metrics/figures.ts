/** What a stream thread tells of itself and its tasks when it is asked: plain data, which can be sent between threads. */
import type { RunningTask, RunningTaskState } from '../runtime/tasks/running-task.ts'
import type { StoreKind } from '../state/store.ts'
import type { Topology } from '../topology/topology.ts'
import type { StoreOperation } from './store-operations.ts'
import type { TopicCount } from './task-counts.ts'
import type { ThreadCounts } from './thread-counts.ts'

export interface StoreFigures {
  readonly name: string
  readonly kind: StoreKind
  readonly isPersistent: boolean
  readonly operations: Readonly<Record<StoreOperation, number>>
  readonly cacheReads: number
  readonly cacheHits: number
}

export interface LatencyFigures {
  readonly count: number
  readonly sumMs: number
  /** Of the last 30 to 60 s. */
  readonly leastMs: number
  readonly mostMs: number
}

/** Totals since the task was opened in this process, but for `maxLatenessMs` and the two that tell what is left to do. Times are ms. */
export interface TaskFigures {
  readonly taskId: string
  readonly state: RunningTaskState
  readonly processed: number
  readonly processMs: number
  readonly latenessMs: number
  readonly maxLatenessMs: number
  readonly dropped: number
  readonly punctuated: number
  readonly punctuateMs: number
  readonly commits: number
  readonly restored: number
  readonly updated: number
  /** Changelog records that it lacks, as far as is known; 0 while it runs. */
  readonly remainingRecords: number
  /** Records of its input that it has not processed, as far as is known; 0 of a copy. */
  readonly inputLagRecords: number
  /** Records that each node was given. */
  readonly nodes: Readonly<Record<string, number>>
  /** Of sources, and of nodes with none behind them. */
  readonly latencies: Readonly<Record<string, LatencyFigures>>
  readonly topics: readonly Readonly<TopicCount>[]
  readonly stores: readonly StoreFigures[]
}

/** Totals since the thread was started, but for `maxCommitMs`. Times are ms. */
export interface ThreadFigures {
  /** By a clock that only goes forward. */
  readonly atMs: number
  readonly processed: number
  readonly processMs: number
  readonly commits: number
  readonly commitMs: number
  readonly maxCommitMs: number
  readonly polls: number
  readonly polledRecords: number
  readonly punctuated: number
  readonly punctuateMs: number
  readonly tasksCreated: number
  readonly tasksClosed: number
  readonly tasks: readonly TaskFigures[]
}

/** Figures of now, and those of a while ago, so that rates can be told. Tasks that were not there then are not in `before`. */
export interface FiguresOverTime {
  readonly now: ThreadFigures
  readonly before: ThreadFigures
}

export function threadFigures(
  counts: ThreadCounts,
  tasks: readonly TaskFigures[],
  atMs: number,
): ThreadFigures {
  const { maxCommitMs, ...totals } = counts
  return { ...totals, maxCommitMs: maxCommitMs.value, atMs, tasks }
}

export function taskFigures(
  running: Pick<RunningTask, 'id' | 'state' | 'task' | 'changelogs' | 'positions' | 'ends'>,
  { stores }: Pick<Topology, 'stores'>,
  inputLagRecords: number,
): TaskFigures {
  const { id, state, task } = running
  const { processed, nodes, latencies, topics, maxLatenessMs, ...totals } = task.counts
  const isBehind = state === 'RESTORING' || state === 'STANDBY'
  return {
    ...totals,
    processed,
    taskId: id,
    state,
    maxLatenessMs: maxLatenessMs.value,
    inputLagRecords,
    remainingRecords: isBehind ? lackingRecords(running) : 0,
    nodes: Object.fromEntries([...nodes].map(([name, { processed }]) => [name, processed])),
    latencies: Object.fromEntries(
      [...latencies].map(([name, { count, sumMs, leastMs, mostMs }]) => [
        name,
        { count, sumMs, leastMs, mostMs },
      ]),
    ),
    topics: topics.map((topic) => ({ ...topic })),
    stores: [...task.stores.values()].flatMap(({ name, isPersistent, operations }) => {
      const kind = stores.get(name)?.kind
      if (!operations || !kind) return []
      const { cacheReads, cacheHits } = operations
      return {
        name,
        kind,
        isPersistent,
        operations: operations.byOperation(),
        cacheReads,
        cacheHits,
      }
    }),
  }
}

/** Of all its changelogs, those of read-only stores among them, which a restoration reads too. */
function lackingRecords({
  changelogs,
  positions,
  ends,
}: Pick<RunningTask, 'changelogs' | 'positions' | 'ends'>): number {
  return changelogs.reduce(
    (sum, { store }) => sum + Math.max(0, (ends.get(store) ?? 0) - (positions.get(store) ?? 0)),
    0,
  )
}
