import { callerWithRole, ProblemSchema, type ServiceApp } from '@millrace/runtime'
import {
  describeStores,
  type StreamsApp,
  type ThreadMetadata,
  type Topology,
} from '@millrace/streams'
import type { SagaApp } from '../saga-app.ts'
import type { TallyingMeter } from '../tallying-meter.ts'
import { applicationId } from '../topology/saga-topology.ts'
import { answered } from './orders-table.ts'
import { pausingAnswer } from './pausing.ts'
import { StreamAppSchema, type StreamAppAnswer } from './stream-app-schema.ts'

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
  const shape: Shape = { text: topology.describe(), nodes: [...nodesOf(topology)] }
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

/** What of the topology does not change. */
interface Shape {
  readonly text: string
  readonly nodes: readonly ShapeNode[]
}

type ShapeNode = Omit<StreamAppAnswer['topology']['nodes'][number], 'processedRecords'>

async function describe(
  { saga, meter, settings, nowMs }: StreamAppRouteOptions,
  topology: Shape,
): Promise<StreamAppAnswer> {
  const { app } = saga
  const [metadata, lags] = await Promise.all([
    app?.metadataForLocalThreads() ?? [],
    app?.storeLags() ?? [],
  ])
  const own = new Set(metadata.flatMap(({ activeTasks }) => activeTasks.map((task) => task.taskId)))
  return {
    applicationId,
    state: saga.state,
    pausing: pausingAnswer(saga.pausing),
    topology: {
      text: topology.text,
      nodes: topology.nodes.map((node) => ({
        ...node,
        processedRecords: processedBy(node, meter),
      })),
    },
    threads: metadata.map(threadAnswer),
    instances: (app?.allMetadata ?? []).map((each) => ({
      processId: each.processId,
      applicationServer: each.applicationServer ?? null,
      activeTasks: [...each.activeTasks],
      standbyTasks: [...each.standbyTasks],
      isThis: each.activeTasks.some((taskId) => own.has(taskId)),
    })),
    lagRecords: lagOf(metadata),
    topics: topicsOf(topology, meter),
    stores: await storesOf(saga.topology, app),
    restores: [...saga.restores.values()].map(
      ({ taskId, store, partition, role, phase, restoredCount, offset, endOffset }) => ({
        taskId,
        store,
        partition,
        role,
        phase,
        restoredCount,
        remainingRecords: Math.max(0, endOffset - offset),
      }),
    ),
    copies: lags.flatMap(({ role, store, partition, lagRecords }) =>
      role === 'standby' ? [{ store, partition, lagRecords }] : [],
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

function processedBy({ name: node }: ShapeNode, meter: TallyingMeter): number | null {
  const series = 'mr_streams_node_processed_records_total'
  return meter.knows(series) ? meter.sumOf(series, { node }) : null
}

/** Topics have their names on the cluster. */
function* nodesOf({ nodes }: Topology): Generator<ShapeNode> {
  const named = (topic: string, isInternal: boolean): string =>
    isInternal ? `${applicationId}-${topic}` : topic
  for (const node of nodes.values()) {
    const { name, kind } = node
    if (kind === 'source') {
      const topics = node.topics.map((topic) => named(topic, node.isInternal))
      yield { name, kind, parents: [], topics, stores: [] }
    } else if (kind === 'processor')
      yield { name, kind, parents: [...node.parents], topics: [], stores: [...node.stores] }
    else {
      const topics = typeof node.topic === 'string' ? [named(node.topic, node.isInternal)] : []
      yield { name, kind, parents: [...node.parents], topics, stores: [] }
    }
  }
}

/** What is counted by the batch, in the clients of the stream threads. */
function topicsOf({ nodes }: Shape, meter: TallyingMeter): StreamAppAnswer['topics'] {
  return [...new Set(nodes.flatMap(({ topics }) => topics))].map((topic) => ({
    topic,
    // Of the group: changelogs are read without one.
    consumedRecords: meter.sumOf('mr_kafka_records_consumed_total', {
      topic,
      group: applicationId,
    }),
    sentRecords: meter.sumOf('mr_kafka_records_sent_total', { topic }),
  }))
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
  topology: Topology,
  app: StreamsApp | undefined,
): Promise<StreamAppAnswer['stores']> {
  return Promise.all(
    describeStores(topology).map(async ({ name, kind, keyForm }) => {
      const serdes = topology.stores.get(name)?.serdes
      const isCounted = app?.state === 'RUNNING' && serdes && kind.endsWith('eyValue')
      const count = isCounted
        ? app
            .store(name, { type: 'keyValue', ...serdes, timeoutMs: 200 })
            .approximateEntryCount()
            .catch(() => null)
        : null
      return { name, kind, keyForm: keyForm ?? null, approximateEntryCount: await count }
    }),
  )
}
