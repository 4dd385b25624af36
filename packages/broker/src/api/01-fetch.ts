import {
  errorCodes,
  fetchApi,
  zeroUuid,
  type FetchRequest,
  type FetchResponseInput,
} from '@millrace/protocol'
import type { Leadership } from '../cluster/cluster.ts'
import { limits } from '../limits.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import type { Topic } from '../topics/topic.ts'
import { READ_COMMITTED, abortedList } from './read-committed.ts'
import { serve, type RequestContext } from './served-api.ts'

/**
 * Fetch (key 1), versions 4–17.
 *
 * - Whole batches as they stand in the log; an offset inside a batch gets that batch. The first batch of the first partition that has one
 *   goes out whatever the limits say (KIP-74); later partitions share what is left of `maxBytes`, in the order asked for.
 * - Waits until `minBytes` have come or `maxWaitMs` are over; an error or a change of the log start ends the wait. A waiting fetch costs a
 *   listener per partition and one timer: an append adds its bytes, nothing is read until the answer.
 * - Sessions (KIP-227): see `fetch-sessions.ts`.
 * - read_committed ends at the last stable offset, waits for bytes to become stable, and gets the list of aborted transactions.
 * - Topic ids from v13. A node that does not lead a partition says so, from v12 with the leader it knows.
 *
 * Ignored: rack, replica state, last fetched epoch (nothing can have diverged).
 */
export const fetch = serve({ api: fetchApi, versions: [4, 17], handle: handleFetch })

interface Wanted {
  readonly partition: number
  readonly offset: number
  readonly maxBytes: number
  readonly topic: Topic | undefined
  readonly log: PartitionLog | undefined
  /** Found before reading; 0 when the log may be read. */
  readonly errorCode: number
  /** Told with the error. */
  readonly leader?: Leadership
}

interface WantedTopic {
  readonly name: string
  readonly id: string
  readonly partitions: readonly Wanted[]
}

type TopicAnswer = FetchResponseInput['responses'][number]
type PartitionAnswer = TopicAnswer['partitions'][number]

interface Round {
  readonly responses: readonly TopicAnswer[]
  readonly bytes: number
  readonly hasError: boolean
}

async function handleFetch(
  request: FetchRequest,
  context: RequestContext,
): Promise<FetchResponseInput> {
  const session = context.broker.fetchSessions.begin(request, context.version >= 13)
  if (typeof session === 'number') return { errorCode: session, sessionId: 0, responses: [] }
  const { topics } = session
  const wanted = topics.map((topic) => resolve(topic, context))
  const maxBytes = Math.min(Math.max(request.maxBytes, 0), limits.fetchBytes)
  const { isolationLevel } = request
  let round = read(wanted, maxBytes, isolationLevel)
  if (round.bytes < request.minBytes && !round.hasError && request.maxWaitMs > 0) {
    const waitMs = Math.min(request.maxWaitMs, limits.fetchWaitMs)
    const missingBytes = request.minBytes - round.bytes
    await waitForBytes(wanted, missingBytes, waitMs, isolationLevel, context)
    round = read(
      topics.map((topic) => resolve(topic, context)),
      maxBytes,
      isolationLevel,
    )
  }
  for (const { topic, topicId, partitions } of round.responses) {
    const name = topic !== '' ? topic : context.broker.topics.byId(topicId ?? '')?.name
    for (const { records } of partitions)
      if (name !== undefined && records instanceof Buffer && records.length > 0)
        context.meters.fetched(name, records.length)
  }
  return session.answer(round.responses)
}

function resolve(
  { topic: name, topicId, partitions }: FetchRequest['topics'][number],
  context: RequestContext,
): WantedTopic {
  const { broker, version } = context
  const topic = version >= 13 ? broker.topics.byId(topicId) : broker.topics.byName(name)
  return {
    name,
    id: topicId,
    partitions: partitions.map((wanted) => {
      const log = topic?.partitions[wanted.partition]
      return {
        partition: wanted.partition,
        offset: Number(wanted.fetchOffset),
        maxBytes: Math.max(wanted.partitionMaxBytes, 0),
        topic,
        log,
        ...leadershipOf(topic, wanted, context),
      }
    }),
  }
}

/** Whether this node leads the partition in the epoch that the client knows; if not, who does. */
function leadershipOf(
  topic: Topic | undefined,
  { partition, currentLeaderEpoch }: FetchRequest['topics'][number]['partitions'][number],
  { broker, version, refusalOf }: RequestContext,
): { readonly errorCode: number; readonly leader?: Leadership } {
  if (topic === undefined && version >= 13) return { errorCode: errorCodes.UNKNOWN_TOPIC_ID }
  if (topic?.partitions[partition] === undefined)
    return { errorCode: errorCodes.UNKNOWN_TOPIC_OR_PARTITION }
  const errorCode =
    refusalOf(topic.name, partition) ||
    broker.cluster.faultOfEpoch(topic, partition, currentLeaderEpoch)
  const isMisplaced = errorCode !== errorCodes.NONE && version >= 12
  return isMisplaced
    ? { errorCode, leader: broker.cluster.leaderOf(topic, partition) }
    : { errorCode }
}

function read(topics: readonly WantedTopic[], maxBytes: number, isolationLevel: number): Round {
  let bytes = 0
  let hasError = false
  const responses = topics.map(({ name, id, partitions }) => ({
    topic: name,
    topicId: id === '' ? zeroUuid : id,
    partitions: partitions.map((wanted) => {
      const answer = readPartition(wanted, maxBytes - bytes, bytes === 0, isolationLevel)
      if (answer.errorCode !== errorCodes.NONE) hasError = true
      if (answer.records instanceof Buffer) bytes += answer.records.length
      return answer
    }),
  }))
  return { responses, bytes, hasError }
}

function readPartition(
  wanted: Wanted,
  bytesLeft: number,
  isFirst: boolean,
  isolationLevel: number,
): PartitionAnswer {
  const { partition, log, offset } = wanted
  if (log === undefined || wanted.errorCode !== errorCodes.NONE)
    return refuse(partition, wanted.errorCode, wanted.leader)
  const positions = {
    partitionIndex: partition,
    highWatermark: BigInt(log.highWatermark),
    lastStableOffset: BigInt(log.lastStableOffset),
    logStartOffset: BigInt(log.logStartOffset),
    abortedTransactions: null,
  }
  const maxBytes = Math.min(wanted.maxBytes, Math.max(bytesLeft, 0))
  const records = log.read(offset, maxBytes, isFirst, isolationLevel === READ_COMMITTED)
  if (records === undefined)
    return { ...positions, errorCode: errorCodes.OFFSET_OUT_OF_RANGE, records: Buffer.alloc(0) }
  const abortedTransactions = abortedList(log, offset, records, isolationLevel)
  return { ...positions, errorCode: errorCodes.NONE, abortedTransactions, records }
}

function refuse(
  partitionIndex: number,
  errorCode: number,
  leader: Leadership | undefined,
): PartitionAnswer {
  return {
    partitionIndex,
    errorCode,
    highWatermark: -1n,
    abortedTransactions: null,
    records: Buffer.alloc(0),
    ...(leader === undefined
      ? {}
      : { currentLeader: { leaderId: leader.node, leaderEpoch: leader.epoch } }),
  }
}

/** Resolves when `missingBytes` more can be read, something else changed, the time is over, or the client is gone. */
function waitForBytes(
  topics: readonly WantedTopic[],
  missingBytes: number,
  waitMs: number,
  isolationLevel: number,
  { broker, closed }: RequestContext,
): Promise<void> {
  return new Promise((resolve) => {
    let missing = missingBytes
    const stops: (() => void)[] = []
    const finish = (): void => {
      timer.cancel()
      closed.removeEventListener('abort', finish)
      for (const stop of stops) stop()
      resolve()
    }
    const timer = broker.clock.setTimer(waitMs, finish)
    closed.addEventListener('abort', finish, { once: true })
    for (const { partitions } of topics) {
      for (const { log } of partitions) {
        if (log === undefined) continue
        stops.push(
          log.listen((bytes) => {
            if (bytes !== null) missing -= bytes
            if (bytes === null || missing <= 0) finish()
          }, isolationLevel === READ_COMMITTED),
        )
      }
    }
    if (closed.aborted) finish()
  })
}
