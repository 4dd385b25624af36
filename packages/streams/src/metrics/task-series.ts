/** What tasks, their nodes and stores have done, as series of a meter: what was gained since the last report. Names: docs/streams.md. */
import type { Counter, Gauge, Labels, Meter } from '@millrace/core'
import type { StoreFigures, TaskFigures } from './figures.ts'
import { storeOperations } from './store-operations.ts'

interface TaskSeriesRow {
  readonly name: string
  readonly help: string
  readonly of: (figures: TaskFigures) => number
}

const taskRows: readonly TaskSeriesRow[] = [
  {
    name: 'mr_streams_task_processed_records_total',
    help: 'Records that a task has taken from its input',
    of: ({ processed }) => processed,
  },
  {
    name: 'mr_streams_task_process_seconds_total',
    help: 'Time of a task in the topology: operators and stores',
    of: ({ processMs }) => processMs / 1_000,
  },
  {
    name: 'mr_streams_task_record_lateness_seconds_total',
    help: 'Stream time less the timestamps of the records that a task took, summed',
    of: ({ latenessMs }) => latenessMs / 1_000,
  },
  {
    name: 'mr_streams_task_dropped_records_total',
    help: 'Records that a task left out',
    of: ({ dropped }) => dropped,
  },
  {
    name: 'mr_streams_task_punctuations_total',
    help: 'Calls of punctuators',
    of: ({ punctuated }) => punctuated,
  },
  {
    name: 'mr_streams_task_punctuate_seconds_total',
    help: 'Time of punctuators',
    of: ({ punctuateMs }) => punctuateMs / 1_000,
  },
  {
    name: 'mr_streams_task_restored_records_total',
    help: 'Changelog records that a task has read before it ran',
    of: ({ restored }) => restored,
  },
  {
    name: 'mr_streams_task_updated_records_total',
    help: 'Changelog records that a copy of a task has read',
    of: ({ updated }) => updated,
  },
]

/** Where a task's series stood at their last report. */
export type Reported = Map<string, number>

export class TaskSeries {
  readonly #application: string
  readonly #tasks: readonly (readonly [row: TaskSeriesRow, counter: Counter])[]
  readonly #nodes: Counter
  readonly #operations: Counter
  readonly #cacheReads: Counter
  readonly #cacheHits: Counter
  readonly #remaining: Gauge
  readonly #standbyLag: Gauge
  readonly #inputLag: Gauge
  readonly #threadLabels: Labels

  /** @param thread its number, from 1 */
  constructor(meter: Meter, application: string, thread: number) {
    this.#application = application
    this.#threadLabels = { application, thread }
    const counter = (name: string, help: string, ...own: readonly string[]): Counter =>
      meter.counter({ name, help, labelNames: ['application', 'task', ...own] })
    this.#tasks = taskRows.map((row) => [row, counter(row.name, row.help)])
    this.#nodes = counter(
      'mr_streams_node_processed_records_total',
      'Records that a node of the topology was given',
      'node',
    )
    this.#operations = counter(
      'mr_streams_store_operations_total',
      'How often a store was asked: put, get, fetch, range …',
      'store',
      'operation',
    )
    this.#cacheReads = counter(
      'mr_streams_cache_reads_total',
      'Looks into the cache before a store',
      'store',
    )
    this.#cacheHits = counter(
      'mr_streams_cache_hits_total',
      'Looks into the cache before a store that found the key there',
      'store',
    )
    const gauge = (name: string, help: string): Gauge =>
      meter.gauge({ name, help, labelNames: ['application', 'thread'] })
    this.#remaining = gauge(
      'mr_streams_restore_remaining_records',
      'Changelog records that tasks of a thread have to read before they run',
    )
    this.#standbyLag = gauge(
      'mr_streams_standby_lag_records',
      'Changelog records that copies of tasks with a thread are behind',
    )
    this.#inputLag = gauge(
      'mr_streams_input_lag_records',
      'Records of their input that tasks of a thread have not processed',
    )
  }

  /** @param reported of this very task; brought up to date */
  task(figures: TaskFigures, reported: Reported): void {
    const labels = { application: this.#application, task: figures.taskId }
    for (const [row, counter] of this.#tasks)
      add(counter, labels, reported, row.name, row.of(figures))
    for (const [node, processed] of Object.entries(figures.nodes))
      add(this.#nodes, { ...labels, node }, reported, `node ${node}`, processed)
    for (const store of figures.stores) this.#store(store, labels, reported)
  }

  /** Sums of the thread's tasks as of now; of none: 0. */
  thread(tasks: readonly TaskFigures[]): void {
    const sumOf = (state: TaskFigures['state']): number =>
      tasks.reduce((sum, task) => sum + (task.state === state ? task.remainingRecords : 0), 0)
    this.#remaining.set(sumOf('RESTORING'), this.#threadLabels)
    this.#standbyLag.set(sumOf('STANDBY'), this.#threadLabels)
    const inputLag = tasks.reduce((sum, { inputLagRecords }) => sum + inputLagRecords, 0)
    this.#inputLag.set(inputLag, this.#threadLabels)
  }

  #store(figures: StoreFigures, taskLabels: Labels, reported: Reported): void {
    const { name, operations, cacheReads, cacheHits } = figures
    const labels = { ...taskLabels, store: name }
    for (const operation of storeOperations)
      add(
        this.#operations,
        { ...labels, operation },
        reported,
        `store ${name} ${operation}`,
        operations[operation],
      )
    add(this.#cacheReads, labels, reported, `cache reads ${name}`, cacheReads)
    add(this.#cacheHits, labels, reported, `cache hits ${name}`, cacheHits)
  }
}

function add(
  counter: Counter,
  labels: Labels,
  reported: Reported,
  key: string,
  total: number,
): void {
  const gained = total - (reported.get(key) ?? 0)
  if (gained <= 0) return
  reported.set(key, total)
  counter.add(gained, labels)
}
