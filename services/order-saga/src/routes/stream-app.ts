import { callerWithRole, ProblemSchema, type ServiceApp } from '@millrace/runtime'
import type { StreamsApp, ThreadMetadata, Topology } from '@millrace/streams'
import { Type, type Static } from 'typebox'
import type { SagaApp } from '../saga-app.ts'
import type { TallyingMeter } from '../tallying-meter.ts'
import { applicationId } from '../topology/saga-topology.ts'
import { answered } from './orders-table.ts'

const NumberOrNull = Type.Union([Type.Number(), Type.Null()])
const Offset = Type.Union([Type.String(), Type.Null()], { description: '64-bit, so it is text' })
const Counts = Type.Record(Type.String(), Type.Number())

const NodeSchema = Type.Object({
  name: Type.String(),
  kind: Type.Union([Type.Literal('source'), Type.Literal('processor'), Type.Literal('sink')]),
  parents: Type.Array(Type.String()),
  topics: Type.Array(Type.String()),
  stores: Type.Array(Type.String()),
})

const TaskSchema = Type.Object({
  taskId: Type.String(),
  state: Type.String(),
  partitions: Type.Array(
    Type.Object({
      topic: Type.String(),
      partition: Type.Integer(),
      committedOffset: Offset,
      endOffset: Offset,
      lagRecords: NumberOrNull,
    }),
  ),
})

const StreamAppSchema = Type.Object({
  applicationId: Type.String(),
  state: Type.String(),
  topology: Type.Object({
    text: Type.String({ description: 'As Kafka Streams describes topologies' }),
    nodes: Type.Array(NodeSchema),
  }),
  threads: Type.Array(
    Type.Object({
      name: Type.String(),
      state: Type.String(),
      tasks: Type.Array(TaskSchema),
      standbys: Type.Array(Type.String()),
    }),
  ),
  instances: Type.Array(
    Type.Object({
      processId: Type.String(),
      applicationServer: Type.Union([Type.String(), Type.Null()]),
      activeTasks: Type.Array(Type.String()),
      standbyTasks: Type.Array(Type.String()),
      isThis: Type.Boolean(),
    }),
    { description: 'All instances of the application, as the group last told' },
  ),
  lagRecords: NumberOrNull,
  stores: Type.Array(
    Type.Object({
      name: Type.String(),
      kind: Type.String(),
      approximateEntryCount: NumberOrNull,
    }),
    { description: 'Counts are of this instance' },
  ),
  restores: Type.Array(
    Type.Object({
      store: Type.String(),
      partition: Type.Integer(),
      role: Type.String(),
      phase: Type.String(),
      restoredCount: Type.Integer(),
      remainingRecords: Type.Integer(),
    }),
  ),
  totals: Type.Object(
    {
      processedRecords: Type.Number(),
      processSeconds: Type.Number(),
      commits: Type.Number(),
      commitSeconds: Type.Number(),
      droppedRecords: Type.Number(),
      restoredRecords: Type.Number(),
    },
    { description: 'Of this process since its start: rates are differences of two answers' },
  ),
  saga: Type.Object({
    openOrders: Type.Number(),
    decided: Counts,
    decidedBy: Counts,
    rollbackSources: Counts,
    lateAnswers: Type.Number(),
    unmatchedAnswers: Type.Number(),
    ignored: Type.Number(),
    deadLetters: Type.Number(),
    retries: Type.Number(),
    joinWindowMs: Type.Number(),
    timeoutMs: Type.Number(),
    commitIntervalMs: Type.Number(),
  }),
  answeredAt: Type.String(),
})

type StreamAppAnswer = Static<typeof StreamAppSchema>

export interface StreamAppRouteOptions {
  readonly saga: SagaApp
  readonly meter: TallyingMeter
  readonly settings: Pick<
    StreamAppAnswer['saga'],
    'joinWindowMs' | 'timeoutMs' | 'commitIntervalMs'
  >
  readonly nowMs: () => number
  /** In production mode. */
  readonly isForStaff: boolean
}

/** What the console's page of streams shows. Answers while the app starts, and while no broker is there. */
export function registerStreamApp(app: ServiceApp, options: StreamAppRouteOptions): void {
  const { saga } = options
  const { topology } = saga
  const shape = { text: topology.describe(), nodes: [...nodesOf(topology)] }
  app.get(
    `/api/streams/${applicationId}`,
    {
      schema: {
        summary: 'The stream app of the saga: topology, tasks and owners, lag, restores, figures',
        response: {
          200: StreamAppSchema,
          400: ProblemSchema,
          401: ProblemSchema,
          403: ProblemSchema,
          503: ProblemSchema,
        },
      },
    },
    (request) => {
      if (options.isForStaff) callerWithRole(request, 'staff', 'admin')
      return answered(() => describe(options, shape))
    },
  )
}

async function describe(
  { saga, meter, settings, nowMs }: StreamAppRouteOptions,
  topology: StreamAppAnswer['topology'],
): Promise<StreamAppAnswer> {
  const { app } = saga
  const metadata = (await app?.metadataForLocalThreads()) ?? []
  const own = new Set(metadata.flatMap(({ activeTasks }) => activeTasks.map((task) => task.taskId)))
  return {
    applicationId,
    state: saga.state,
    topology,
    threads: metadata.map(threadAnswer),
    instances: (app?.allMetadata ?? []).map((each) => ({
      processId: each.processId,
      applicationServer: each.applicationServer ?? null,
      activeTasks: [...each.activeTasks],
      standbyTasks: [...each.standbyTasks],
      isThis: each.activeTasks.some((taskId) => own.has(taskId)),
    })),
    lagRecords: lagOf(metadata),
    stores: await storesOf(saga.topology, app),
    restores: [...saga.restores.values()].map(
      ({ store, partition, role, phase, restoredCount, offset, endOffset }) => ({
        store,
        partition,
        role,
        phase,
        restoredCount,
        remainingRecords: Math.max(0, endOffset - offset),
      }),
    ),
    totals: {
      processedRecords: meter.sumOf('mr_streams_processed_records_total'),
      processSeconds: meter.sumOf('mr_streams_process_seconds_total'),
      commits: meter.sumOf('mr_streams_commits_total'),
      commitSeconds: meter.sumOf('mr_streams_commit_seconds_total'),
      droppedRecords: meter.sumOf('mr_streams_dropped_records_total'),
      restoredRecords: meter.sumOf('mr_streams_restored_records_total'),
    },
    saga: { openOrders: saga.metrics.openOrders, ...saga.metrics.totals, ...settings },
    answeredAt: new Date(nowMs()).toISOString(),
  }
}

function* nodesOf({ nodes }: Topology): Generator<Static<typeof NodeSchema>> {
  for (const node of nodes.values()) {
    const { name, kind } = node
    if (kind === 'source') yield { name, kind, parents: [], topics: [...node.topics], stores: [] }
    else if (kind === 'processor')
      yield { name, kind, parents: [...node.parents], topics: [], stores: [...node.stores] }
    else {
      const topics = typeof node.topic === 'string' ? [node.topic] : []
      yield { name, kind, parents: [...node.parents], topics, stores: [] }
    }
  }
}

function threadAnswer(thread: ThreadMetadata): StreamAppAnswer['threads'][number] {
  return {
    name: thread.name,
    state: thread.state,
    tasks: thread.activeTasks.map(({ taskId, state, partitions }) => ({
      taskId,
      state,
      partitions: partitions.map((each) => ({
        topic: each.topic,
        partition: each.partition,
        committedOffset: each.committedOffset === null ? null : String(each.committedOffset),
        endOffset: each.endOffset === null ? null : String(each.endOffset),
        lagRecords: each.lagRecords,
      })),
    })),
    standbys: thread.standbyTasks.map(({ taskId }) => taskId),
  }
}

/** Of this instance; null as long as that of a partition is not known. */
function lagOf(threads: readonly ThreadMetadata[]): number | null {
  const lags = threads.flatMap(({ activeTasks }) =>
    activeTasks.flatMap(({ partitions }) => partitions.map(({ lagRecords }) => lagRecords)),
  )
  if (lags.length === 0 || lags.includes(null)) return null
  return lags.reduce<number>((sum, lag) => sum + (lag ?? 0), 0)
}

/** A count that a rebalance holds up is unknown, and nobody waits for it. */
async function storesOf(
  { stores }: Topology,
  app: StreamsApp | undefined,
): Promise<StreamAppAnswer['stores']> {
  return Promise.all(
    [...stores.values()].map(async ({ name, kind, serdes }) => {
      const isCounted = app?.state === 'RUNNING' && serdes && kind.endsWith('eyValue')
      const count = isCounted
        ? app
            .store(name, { type: 'keyValue', ...serdes, timeoutMs: 200 })
            .approximateEntryCount()
            .catch(() => null)
        : null
      return { name, kind, approximateEntryCount: await count }
    }),
  )
}
