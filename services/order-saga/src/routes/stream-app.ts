import {
  callerHeadersOf,
  callerWithRole,
  ProblemSchema,
  type FastifyRequest,
  type ServiceApp,
} from '@millrace/runtime'
import {
  describeStores,
  type StreamsApp,
  type ThreadMetadata,
  type Topology,
} from '@millrace/streams'
import { askPeers } from '../peers.ts'
import type { SagaApp } from '../saga-app.ts'
import type { TallyingMeter } from '../tallying-meter.ts'
import { applicationId } from '../topology/saga-topology.ts'
import { answered } from './orders-table.ts'
import { pausingAnswer } from './pausing.ts'
import { ScopeQuery, StreamAppSchema, type StreamAppAnswer } from './stream-app-schema.ts'
import { lagOfTasks, wholeApp } from './whole-app.ts'

export interface StreamAppRouteOptions {
  readonly saga: SagaApp
  readonly meter: TallyingMeter
  readonly settings: Pick<
    StreamAppAnswer['saga'],
    'joinWindowMs' | 'timeoutMs' | 'commitIntervalMs'
  >
  readonly nowMs: () => number
  /** Longest wait for another instance, ms. */
  readonly peerTimeoutMs: number
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
        description:
          'Of all instances: the one that is asked asks the others. Where one does not answer, sums are of those that do, what needs all of them is null, and `isWhole` is false.',
        querystring: ScopeQuery,
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
      const isAskedAlone = request.query.scope === 'instance'
      return answered(() =>
        isAskedAlone ? describe(options, shape) : describeAll(request, options, shape),
      )
    },
  )
}

async function describeAll(
  request: FastifyRequest,
  options: StreamAppRouteOptions,
  shape: Shape,
): Promise<StreamAppAnswer> {
  const headers = callerHeadersOf(request)
  const { saga, peerTimeoutMs: timeoutMs } = options
  const [own, others] = await Promise.all([
    describe(options, shape),
    askPeers(saga.app, { method: 'GET', path: '', headers, timeoutMs }),
  ])
  return wholeApp(own, others)
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
  const pausing = pausingAnswer(saga.pausing)
  const processId = app?.processId ?? ''
  const threads = metadata.map((thread) => threadAnswer(thread, processId))
  return {
    applicationId,
    state: saga.state,
    isWhole: false,
    pausing,
    topology: {
      text: topology.text,
      nodes: topology.nodes.map((node) => ({
        ...node,
        processedRecords: processedBy(node, meter),
      })),
    },
    threads,
    instances: (app?.allMetadata ?? []).map((each) => ({
      processId: each.processId,
      applicationServer: each.applicationServer ?? null,
      activeTasks: [...each.activeTasks],
      standbyTasks: [...each.standbyTasks],
      ...(each.processId === processId
        ? { isThis: true, state: saga.state, isPaused: pausing.isPaused, problem: null }
        : { isThis: false, state: null, isPaused: null, problem: 'It was not asked.' }),
    })),
    lagRecords: lagOfTasks(threads),
    topics: topicsOf(topology, meter),
    stores: await storesOf(saga.topology, app),
    restores: [...saga.restores.values()].map(
      ({ taskId, store, partition, role, phase, restoredCount, offset, endOffset }) => ({
        processId,
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
      role === 'standby' ? [{ processId, store, partition, lagRecords }] : [],
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

function threadAnswer(
  thread: ThreadMetadata,
  processId: string,
): StreamAppAnswer['threads'][number] {
  return {
    processId,
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
