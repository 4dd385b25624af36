import {
  RecordColumns,
  batchProducerId,
  batchProducerEpoch,
  isBatchControl,
  isBatchTransactional,
  nextBatch,
} from '@millrace/protocol'
import type { BrokerState } from '../broker-state.ts'
import { BrokerError } from '../errors.ts'
import { lagOf, type GroupLag } from './conditions.ts'

/** A partition as it stands. */
export interface PartitionInfo {
  readonly topic: string
  readonly partition: number
  /** -1 while no node leads it. */
  readonly leader: number
  readonly leaderEpoch: number
  readonly logStartOffset: number
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly endOffset: number
  readonly sizeBytes: number
  readonly segments: number
}

export interface GroupInfo {
  readonly group: string
  readonly state: string
  readonly generation: number
  readonly protocol: string | null
  readonly coordinator: number
  readonly members: readonly {
    readonly memberId: string
    readonly instanceId: string | null
    readonly clientId: string
    readonly clientHost: string
  }[]
  readonly lag: readonly GroupLag[]
}

/** One record of a log, as a client would get it and with what only the log knows. */
export interface DumpedRecord {
  readonly offset: number
  readonly timestampMs: number
  /** Bytes as base64 over the admin port. */
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly (readonly [name: string, value: Uint8Array | null])[]
  /** -1: not idempotent. */
  readonly producerId: number
  readonly producerEpoch: number
  readonly isTransactional: boolean
  /** A transaction's marker. */
  readonly isControl: boolean
}

const DUMP_BYTES = 1024 * 1024
const DUMP_RECORDS = 1_000

export function listPartitions(state: BrokerState, topicName?: string): readonly PartitionInfo[] {
  const rows: PartitionInfo[] = []
  for (const topic of state.topics.all) {
    if (topicName !== undefined && topic.name !== topicName) continue
    for (const [partition, log] of topic.partitions.entries()) {
      const { node, epoch } = state.cluster.leaderOf(topic, partition)
      rows.push({
        topic: topic.name,
        partition,
        leader: node,
        leaderEpoch: epoch,
        logStartOffset: log.logStartOffset,
        highWatermark: log.highWatermark,
        lastStableOffset: log.lastStableOffset,
        endOffset: log.endOffset,
        sizeBytes: log.sizeBytes,
        segments: log.segmentCount,
      })
    }
  }
  return rows
}

export function listGroups(state: BrokerState, groupId?: string): readonly GroupInfo[] {
  return [...state.groups.groups]
    .filter(({ id }) => groupId === undefined || id === groupId)
    .map((group) => ({
      group: group.id,
      state: group.state,
      generation: group.generation,
      protocol: group.protocol,
      coordinator: state.cluster.coordinatorOf('group', group.id),
      members: [...group.members].map(({ id, instanceId, clientId, clientHost }) => ({
        memberId: id,
        instanceId,
        clientId,
        clientHost,
      })),
      lag: lagOf(state, group.id),
    }))
}

/**
 * Reads a partition's records from an offset on, control records too.
 * @param limit at most so many records, default 1,000
 * @throws BrokerError `MR_BROKER_BAD_OPTION` when there is no such partition
 */
export function dumpRecords(
  state: BrokerState,
  { topic, partition, from, limit = DUMP_RECORDS }: DumpOptions,
): readonly DumpedRecord[] {
  const log = state.topics.byName(topic)?.partitions[partition]
  if (log === undefined)
    throw new BrokerError(
      'MR_BROKER_BAD_OPTION',
      `There is no partition ${partition} of topic "${topic}" to dump.`,
      { topic, partition },
    )
  const records: DumpedRecord[] = []
  let offset = Math.max(from ?? 0, log.logStartOffset)
  while (records.length < limit) {
    const batches = log.read(offset, DUMP_BYTES, true)
    if (batches === undefined || batches.length === 0) break
    const next = dumpBatches(batches, offset, limit, records)
    if (next <= offset) break
    offset = next
  }
  return records
}

export interface DumpOptions {
  readonly topic: string
  readonly partition: number
  /** Default: the log's start. */
  readonly from?: number
  readonly limit?: number
}

/** @returns the offset after the last batch looked at */
function dumpBatches(batches: Buffer, from: number, limit: number, into: DumpedRecord[]): number {
  const columns = new RecordColumns()
  let after = from
  let at = 0
  for (let next; (next = nextBatch(batches, at)) !== -1; at = next) {
    columns.read(batches, at)
    const producer = {
      producerId: batchProducerId(batches, at),
      producerEpoch: batchProducerEpoch(batches, at),
      isTransactional: isBatchTransactional(batches, at),
      isControl: isBatchControl(batches, at),
    }
    for (let index = 0; index < columns.count; index++) {
      const offset = columns.offset(index)
      after = offset + 1
      if (offset < from || into.length >= limit) continue
      into.push({
        offset,
        timestampMs: columns.timestampMs(index),
        key: copyOf(columns.key(index)),
        value: copyOf(columns.value(index)),
        headers: columns.headers(index).map(([name, value]) => [name, copyOf(value)] as const),
        ...producer,
      })
    }
    if (into.length >= limit) break
  }
  return after
}

/** A view would take all of its buffer along to another thread. */
function copyOf(bytes: Buffer | null): Uint8Array | null {
  return bytes === null ? null : new Uint8Array(bytes)
}
