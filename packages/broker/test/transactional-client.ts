import assert from 'node:assert/strict'
import { systemClock } from '@millrace/core'
import {
  RecordColumns,
  addOffsetsToTxnApi,
  addPartitionsToTxnApi,
  batchBaseOffset,
  endTxnApi,
  errorCodes,
  fetchApi,
  initProducerIdApi,
  isBatchControl,
  nextBatch,
  produceApi,
  txnOffsetCommitApi,
} from '@millrace/protocol'
import { recordBatch } from './batches.ts'
import { committedRecords, type FoundRecord } from './committed-records.ts'
import type { WireClient } from './wire-client.ts'

export interface InitAnswer {
  readonly errorCode: number
  readonly producerId: number
  readonly producerEpoch: number
}

/**
 * A transactional producer made of single requests. The `try…` forms give the error code, the others expect none; CONCURRENT_TRANSACTIONS,
 * which Apache Kafka says while markers are on their way, is asked again.
 */
export class TransactionalClient implements AsyncDisposable {
  readonly wire: WireClient
  transactionalId: string
  readonly timeoutMs: number
  producerId = -1
  producerEpoch = -1
  /** The next sequence by `topic/partition`. */
  readonly #sequences = new Map<string, number>()

  constructor(wire: WireClient, transactionalId: string, timeoutMs = 60_000) {
    this.wire = wire
    this.transactionalId = transactionalId
    this.timeoutMs = timeoutMs
  }

  static async start(
    wire: WireClient,
    transactionalId: string,
    timeoutMs?: number,
  ): Promise<TransactionalClient> {
    const client = new TransactionalClient(wire, transactionalId, timeoutMs)
    const answer = await untilFree(() => client.init({}))
    assert.equal(answer.errorCode, 0)
    client.become(answer)
    return client
  }

  /** The same producer, as it is now, on another connection. */
  twin(wire: WireClient): TransactionalClient {
    const twin = new TransactionalClient(wire, this.transactionalId, this.timeoutMs)
    twin.become(this)
    return twin
  }

  become({ producerId, producerEpoch }: Omit<InitAnswer, 'errorCode'>): void {
    if (producerEpoch !== this.producerEpoch || producerId !== this.producerId)
      this.#sequences.clear()
    this.producerId = producerId
    this.producerEpoch = producerEpoch
  }

  /** Only asks; `become` takes the answer over. */
  async init(
    claim: { producerId?: number; producerEpoch?: number },
    version = 4,
    transactionTimeoutMs = this.timeoutMs,
  ): Promise<InitAnswer> {
    const { errorCode, producerId, producerEpoch } = await this.wire.call(
      initProducerIdApi,
      version,
      {
        transactionalId: this.transactionalId,
        transactionTimeoutMs,
        producerId: BigInt(claim.producerId ?? -1),
        producerEpoch: claim.producerEpoch ?? -1,
      },
    )
    return { errorCode, producerId: Number(producerId), producerEpoch }
  }

  async addPartitions(topic: string, partitions: number[], version = 3): Promise<void> {
    await succeed(() => this.tryAddPartitions(topic, partitions, version))
  }

  async tryAddPartitions(topic: string, partitions: number[], version = 3): Promise<number> {
    const { transactionalId, producerEpoch } = this
    const producerId = BigInt(this.producerId)
    const topics = [{ name: topic, partitions }]
    const request =
      version < 4
        ? {
            v3AndBelowTransactionalId: transactionalId,
            v3AndBelowProducerId: producerId,
            v3AndBelowProducerEpoch: producerEpoch,
            v3AndBelowTopics: topics,
          }
        : { transactions: [{ transactionalId, producerId, producerEpoch, topics }] }
    const answer = await this.wire.call(addPartitionsToTxnApi, version, request)
    const results =
      version < 4 ? answer.resultsByTopicV3AndBelow : answer.resultsByTransaction[0]!.topicResults
    return results[0]!.resultsByPartition[0]!.partitionErrorCode
  }

  async produce(topic: string, partition: number, values: string[], version = 11): Promise<void> {
    await succeed(() => this.tryProduce(topic, partition, values, version))
  }

  /** The sequence goes on when the batch was taken. */
  async tryProduce(
    topic: string,
    partition: number,
    values: string[],
    version = 11,
    options: { transactional?: boolean; baseSequence?: number } = {},
  ): Promise<number> {
    const place = `${topic}/${partition}`
    const { transactional = true, baseSequence = this.#sequences.get(place) ?? 0 } = options
    const { producerId, producerEpoch } = this
    const timestampsMs = values.map(() => systemClock.now())
    const producer = { producerId, producerEpoch, baseSequence, transactional }
    const records = recordBatch({ values, timestampsMs, ...producer })
    const { responses } = await this.wire.call(produceApi, version, {
      transactionalId: transactional ? this.transactionalId : null,
      acks: -1,
      timeoutMs: 5_000,
      topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
    })
    const { errorCode } = responses[0]!.partitionResponses[0]!
    if (errorCode === 0) this.#sequences.set(place, baseSequence + values.length)
    return errorCode
  }

  async addOffsets(groupId: string, version = 3): Promise<void> {
    await succeed(() => this.tryAddOffsets(groupId, version))
  }

  async tryAddOffsets(groupId: string, version = 3): Promise<number> {
    const answer = await this.wire.call(addOffsetsToTxnApi, version, {
      transactionalId: this.transactionalId,
      producerId: BigInt(this.producerId),
      producerEpoch: this.producerEpoch,
      groupId,
    })
    return answer.errorCode
  }

  /** For partition 0. */
  async commitOffsets(groupId: string, topic: string, offset: number, version = 3): Promise<void> {
    await succeed(() => this.tryCommitOffsets(groupId, topic, offset, { version }))
  }

  async tryCommitOffsets(
    groupId: string,
    topic: string,
    offset: number,
    member: {
      version?: number
      generationId?: number
      memberId?: string
      groupInstanceId?: string
    } = {},
  ): Promise<number> {
    const { version = 3, ...claim } = member
    const partitions = [
      { partitionIndex: 0, committedOffset: BigInt(offset), committedMetadata: '' },
    ]
    const answer = await this.wire.call(txnOffsetCommitApi, version, {
      transactionalId: this.transactionalId,
      groupId,
      producerId: BigInt(this.producerId),
      producerEpoch: this.producerEpoch,
      ...claim,
      topics: [{ name: topic, partitions }],
    })
    return answer.topics[0]!.partitions[0]!.errorCode
  }

  /** From version 5 on the producer takes the epoch it is told. */
  async end(isCommit: boolean, version = 4): Promise<void> {
    const answer = await untilFree(() => this.askEnd(isCommit, version))
    assert.equal(answer.errorCode, 0)
    if (version >= 5) this.become(answer)
  }

  async tryEnd(isCommit: boolean, version = 4): Promise<number> {
    return (await this.askEnd(isCommit, version)).errorCode
  }

  async askEnd(isCommit: boolean, version: number): Promise<InitAnswer> {
    const { errorCode, producerId, producerEpoch } = await this.wire.call(endTxnApi, version, {
      transactionalId: this.transactionalId,
      producerId: BigInt(this.producerId),
      producerEpoch: this.producerEpoch,
      committed: isCommit,
    })
    return { errorCode, producerId: Number(producerId), producerEpoch }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.wire[Symbol.asyncDispose]()
  }
}

async function succeed(ask: () => Promise<number>): Promise<void> {
  assert.equal(await untilFree(ask), 0)
}

const BUSY_LIMIT_MS = 60_000

/** Asks again while the transaction before is still ending. What the connection throws is not tried again. */
export async function untilFree<A extends number | InitAnswer>(ask: () => Promise<A>): Promise<A> {
  const deadlineMs = systemClock.monotonicMs() + BUSY_LIMIT_MS
  for (;;) {
    const answer = await ask()
    const errorCode = typeof answer === 'number' ? answer : answer.errorCode
    if (!isBusy(errorCode) || systemClock.monotonicMs() > deadlineMs) return answer
    await systemClock.sleep(10)
  }
}

function isBusy(errorCode: number): boolean {
  return (
    errorCode === errorCodes.CONCURRENT_TRANSACTIONS ||
    errorCode === errorCodes.NOT_ENOUGH_REPLICAS ||
    errorCode === errorCodes.COORDINATOR_LOAD_IN_PROGRESS ||
    errorCode === errorCodes.NOT_COORDINATOR ||
    // Of a new topic, for a moment.
    errorCode === errorCodes.NOT_LEADER_OR_FOLLOWER ||
    errorCode === errorCodes.COORDINATOR_NOT_AVAILABLE
  )
}

interface FetchedBatches {
  readonly records: Buffer
  readonly aborted: readonly { readonly producerId: number; readonly firstOffset: number }[]
  readonly lastStableOffset: number
}

async function fetchBatches(
  wire: WireClient,
  topic: string,
  partition: number,
  offset: number,
  { maxWaitMs = 0, isolationLevel = 1, partitionMaxBytes = 10_000_000 } = {},
): Promise<FetchedBatches> {
  const answer = await wire.call(fetchApi, 11, {
    maxWaitMs,
    minBytes: 1,
    maxBytes: 50_000_000,
    isolationLevel,
    topics: [
      { topic, partitions: [{ partition, fetchOffset: BigInt(offset), partitionMaxBytes }] },
    ],
  })
  const fetched = answer.responses[0]!.partitions[0]!
  assert.equal(fetched.errorCode, 0)
  return {
    records: Buffer.from(fetched.records ?? Buffer.alloc(0)),
    aborted: (fetched.abortedTransactions ?? []).map((aborted) => ({
      producerId: Number(aborted.producerId),
      firstOffset: Number(aborted.firstOffset),
    })),
    lastStableOffset: Number(fetched.lastStableOffset),
  }
}

/** Offset and value of every committed record from `fromOffset` to the last stable offset. */
export async function readCommitted(
  wire: WireClient,
  topic: string,
  partition: number,
  options: { maxWaitMs?: number; partitionMaxBytes?: number; fromOffset?: number } = {},
): Promise<FoundRecord[]> {
  const { fromOffset = 0, ...limits } = options
  const all: FoundRecord[] = []
  for (let offset = fromOffset; ;) {
    const fetched = await fetchBatches(wire, topic, partition, offset, limits)
    const { found, end, nextOffset } = committedRecords(fetched.records, fetched.aborted)
    all.push(...found.filter(([at]) => at >= offset))
    // Apache Kafka cuts an answer at its limit, wherever that falls.
    if (limits.partitionMaxBytes === undefined) assert.equal(end, fetched.records.length)
    offset = Math.max(offset, nextOffset)
    if (offset >= fetched.lastStableOffset) return all
  }
}

/** Offset of every marker of the partition, and whether it commits. */
export async function readMarkers(
  wire: WireClient,
  topic: string,
  partition: number,
): Promise<(readonly [offset: number, isCommit: boolean])[]> {
  const { records } = await fetchBatches(wire, topic, partition, 0, { isolationLevel: 0 })
  const columns = new RecordColumns()
  const markers: (readonly [number, boolean])[] = []
  let at = 0
  for (let next; (next = nextBatch(records, at)) !== -1; at = next) {
    if (!isBatchControl(records, at)) continue
    columns.read(records, at)
    markers.push([batchBaseOffset(records, at), columns.key(0)?.readInt16BE(2) === 1])
  }
  return markers
}
