import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '@millrace/core/testing'
import { errorCodes } from '@millrace/protocol'
import { checkedBatch, testTimeMs } from '../../test/batches.ts'
import { MemoryDisk } from '../../test/memory-disk.ts'
import { BrokerState } from '../broker-state.ts'
import { limits } from '../limits.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import type { TransactionCoordinator } from './coordinator.ts'
import type { ProducerAnswer, ProducerClaim } from './transaction-answers.ts'
import type { TransactionRecord } from './transaction-records.ts'
import { TransactionState } from './transaction-state.ts'

interface Bench {
  readonly state: BrokerState
  readonly transactions: TransactionCoordinator
  readonly clock: SimulatedClock
  readonly disk: MemoryDisk
  readonly log: PartitionLog
  readonly topicId: string
  /** Opens another broker on the same disk, as after kill -9. */
  readonly restart: () => Bench
}

async function bench(transactionMarkerDelayMs = 0): Promise<Bench> {
  const disk = new MemoryDisk()
  const clock = new SimulatedClock(testTimeMs)
  const state = BrokerState.open({ directory: 'data', disk, clock, transactionMarkerDelayMs })
  await state.topics.create('t', 1, new Map())
  return describe(state, disk, clock)
}

function describe(state: BrokerState, disk: MemoryDisk, clock: SimulatedClock): Bench {
  const topic = state.topics.byName('t')!
  return {
    state,
    transactions: state.transactions,
    clock,
    disk,
    log: topic.partitions[0]!,
    topicId: topic.id,
    restart: () => describe(BrokerState.open({ directory: 'data', disk, clock }), disk, clock),
  }
}

async function begin(at: Bench, timeoutMs = 10_000): Promise<ProducerClaim & ProducerAnswer> {
  const claim = { transactionalId: 'id', producerId: -1, producerEpoch: -1 }
  const answer = await at.transactions.initProducer(claim, timeoutMs)
  assert.equal(answer.errorCode, 0)
  return { ...claim, ...answer }
}

function write(at: Bench, claim: ProducerClaim, baseSequence = 0): void {
  assert.equal(at.transactions.checkPartition(claim, at.topicId, 0, true), 0)
  const { producerId, producerEpoch } = claim
  const producer = { producerId, producerEpoch, baseSequence, transactional: true }
  assert.equal(at.log.append(checkedBatch({ values: ['x'], ...producer })).kind, 'appended')
}

/** Puts the id's producer at an epoch, as many bumps would. */
async function atEpoch(at: Bench, epoch: number): Promise<ProducerClaim> {
  const claim = await begin(at)
  const transaction = at.transactions.find('id')!
  const record: TransactionRecord = {
    ...transaction.toRecord(),
    producer: [claim.producerId, epoch],
  }
  at.state.journal.append([record])
  transaction.restore(record)
  return { ...claim, producerEpoch: epoch }
}

test('coordinator: a transaction is aborted when its time-out is over, not before, and its producer fenced', async () => {
  const at = await bench()
  const claim = await begin(at, 10_000)
  write(at, claim)
  await at.clock.advance(9_999)
  assert.equal(at.log.lastStableOffset, 0)
  await at.clock.advance(1)
  assert.equal(at.log.lastStableOffset, 2)
  assert.equal(at.log.abortedTransactions.length, 1)
  assert.equal((await at.transactions.end(claim, true)).errorCode, errorCodes.PRODUCER_FENCED)
  const stale = checkedBatch({ values: ['late'], ...claim, baseSequence: 1, transactional: true })
  assert.equal(at.log.append(stale).kind, 'staleEpoch')
})

test('coordinator: the time-out counts from the begin of the transaction, over a restart too', async () => {
  const at = await bench()
  write(at, await begin(at, 10_000))
  await at.clock.advance(6_000)
  const again = at.restart()
  assert.equal(again.log.lastStableOffset, 0)
  await at.clock.advance(3_999)
  assert.equal(again.log.lastStableOffset, 0)
  await at.clock.advance(1)
  assert.equal(again.log.lastStableOffset, 2)
})

test('coordinator: a transaction that ended in time is left alone, and the next one has its own time', async () => {
  const at = await bench()
  const claim = await begin(at, 10_000)
  write(at, claim)
  await at.clock.advance(9_000)
  assert.equal((await at.transactions.end(claim, true)).errorCode, 0)
  write(at, claim, 1)
  await at.clock.advance(9_000)
  assert.equal((await at.transactions.end(claim, true)).errorCode, 0)
  assert.equal(at.log.abortedTransactions.length, 0)
})

test('coordinator: an id whose epochs are used up gets another, and a repeated call the same (v1)', async () => {
  const at = await bench()
  const claim = await atEpoch(at, 32_766)
  write(at, claim)
  assert.equal((await at.transactions.end(claim, true)).errorCode, 0)
  const next = await at.transactions.initProducer(claim, 10_000)
  assert.deepEqual([next.errorCode, next.producerEpoch], [0, 0])
  assert.notEqual(next.producerId, claim.producerId)
  assert.deepEqual(await at.transactions.initProducer(claim, 10_000), next)
  const fenced = await at.transactions.end(claim, true)
  assert.equal(fenced.errorCode, errorCodes.INVALID_PRODUCER_ID_MAPPING)
})

test('coordinator: the last epoch is fenced by one that nobody is given', async () => {
  const at = await bench()
  const claim = await atEpoch(at, 32_766)
  write(at, claim)
  const next = await at.transactions.initProducer({ ...claim, producerId: -1 }, 10_000)
  assert.deepEqual([next.errorCode, next.producerEpoch], [0, 0])
  assert.notEqual(next.producerId, claim.producerId)
  assert.equal(at.log.abortedTransactions.length, 1)
  const stale = checkedBatch({ values: ['late'], ...claim, baseSequence: 1, transactional: true })
  assert.equal(at.log.append(stale).kind, 'staleEpoch')
})

test('coordinator: the end of the last epoch gives another id, and a repeated end the same (v2)', async () => {
  const at = await bench()
  const claim = await atEpoch(at, 32_766)
  write(at, claim)
  const next = await at.transactions.endAndBump(claim, true)
  assert.deepEqual([next.errorCode, next.producerEpoch], [0, 0])
  assert.notEqual(next.producerId, claim.producerId)
  assert.deepEqual(await at.transactions.endAndBump(claim, true), next)
  const opposite = await at.transactions.endAndBump(claim, false)
  assert.equal(opposite.errorCode, errorCodes.INVALID_TXN_STATE)
  assert.deepEqual(await at.restart().transactions.endAndBump(claim, true), next)
})

test('coordinator: what the disk refuses of the decision changes nothing, and may be tried again', async () => {
  const at = await bench()
  const claim = await begin(at)
  write(at, claim)
  at.disk.freeBytes = 10
  const refused = await at.transactions.end(claim, true)
  assert.equal(refused.errorCode, errorCodes.COORDINATOR_NOT_AVAILABLE)
  assert.equal(at.transactions.find('id')!.state, TransactionState.ONGOING)
  assert.equal(at.log.lastStableOffset, 0)
  at.disk.freeBytes = Infinity
  assert.equal((await at.transactions.end(claim, true)).errorCode, 0)
  assert.equal(at.log.lastStableOffset, 2)
})

test('coordinator: a transaction whose decision the disk refused is still aborted after its time-out', async () => {
  const at = await bench()
  const claim = await begin(at)
  write(at, claim)
  at.disk.freeBytes = 10
  await at.clock.advance(20_000)
  assert.equal(at.transactions.find('id')!.state, TransactionState.ONGOING)
  at.disk.freeBytes = Infinity
  await at.clock.advance(limits.transactionRetryMs)
  assert.equal(at.transactions.find('id')!.state, TransactionState.COMPLETE_ABORT)
})

test('coordinator: what is decided gets its markers when the disk takes them again', async () => {
  const at = await bench()
  const claim = await begin(at)
  write(at, claim)
  const decision = JSON.stringify(at.transactions.find('id')!.toRecord()).length
  // Enough for the decision in the journal, not for the marker in the log.
  at.disk.freeBytes = decision + 110
  assert.equal((await at.transactions.end(claim, true)).errorCode, 0)
  assert.equal(at.transactions.find('id')!.state, TransactionState.PREPARE_COMMIT)
  const next = at.transactions.checkPartition(claim, at.topicId, 0, true)
  assert.equal(next, errorCodes.CONCURRENT_TRANSACTIONS)
  assert.equal((await at.transactions.end(claim, true)).errorCode, next)
  at.disk.freeBytes = Infinity
  await at.clock.advance(limits.transactionRetryMs)
  assert.equal(at.transactions.find('id')!.state, TransactionState.COMPLETE_COMMIT)
  assert.equal(at.log.lastStableOffset, 2)
  assert.equal(at.log.endOffset, 2, 'one marker')
})

test('coordinator: delayed markers show clients the timing of Apache Kafka', async () => {
  const at = await bench(500)
  const claim = await begin(at)
  write(at, claim)
  assert.equal((await at.transactions.end(claim, true)).errorCode, 0)
  assert.equal(at.log.lastStableOffset, 0)
  const busy = errorCodes.CONCURRENT_TRANSACTIONS
  assert.equal(at.transactions.addPartitions(claim, [[at.topicId, [0]]]), busy)
  assert.equal((await at.transactions.initProducer(claim, 10_000)).errorCode, busy)
  assert.equal(
    (await at.transactions.end(claim, false)).errorCode,
    errorCodes.INVALID_TXN_STATE,
    'it is decided',
  )
  await at.clock.advance(500)
  assert.equal(at.log.lastStableOffset, 2)
  assert.equal(at.transactions.addPartitions(claim, [[at.topicId, [0]]]), 0)
})

test('coordinator: a crash before delayed markers is completed at the next start', async () => {
  const at = await bench(500)
  const claim = await begin(at)
  write(at, claim)
  await at.transactions.end(claim, true)
  const again = at.restart()
  assert.equal(again.log.lastStableOffset, 2)
  assert.equal(again.log.abortedTransactions.length, 0)
  assert.equal(again.transactions.find('id')!.state, TransactionState.COMPLETE_COMMIT)
})

test('coordinator: ids that nobody uses are forgotten after 7 days, but not with an open transaction', async () => {
  const at = await bench()
  const claim = await begin(at)
  const transaction = at.transactions.find('id')!
  const expireAfter = (ms: number): void => {
    transaction.updatedMs = at.clock.now() - ms
    at.transactions.expire()
  }
  expireAfter(limits.transactionalIdExpirationMs)
  assert.equal(at.transactions.count, 1)
  write(at, claim)
  expireAfter(limits.transactionalIdExpirationMs + 1)
  assert.equal(at.transactions.count, 1)
  await at.transactions.end(claim, true)
  expireAfter(limits.transactionalIdExpirationMs + 1)
  assert.equal(at.transactions.count, 0)
  assert.equal(at.restart().transactions.count, 0)
  const answer = await at.transactions.end(claim, true)
  assert.equal(answer.errorCode, errorCodes.INVALID_PRODUCER_ID_MAPPING)
})

test('coordinator: a later plain commit of an offset wins over one that waits for its transaction', async () => {
  const at = await bench()
  const claim = await begin(at)
  at.transactions.addOffsets(claim, 'g')
  await at.state.groups.commitPending('g', claim.producerId, [['t', 0, 5, -1, '']])
  await at.state.groups.commit('g', [['t', 0, 9, -1, '']])
  await at.transactions.end(claim, true)
  assert.equal(at.state.groups.committed('g', 't', 0)?.offset, 9)
})

test('coordinator: retention does not end an open transaction whose records it takes', async () => {
  const at = await bench()
  const claim = await begin(at, limits.maxTransactionTimeoutMs)
  write(at, claim)
  at.log.settings = { ...at.log.settings, retentionMs: 1_000 }
  await at.clock.advance(10_000)
  assert.equal(at.log.applyRetention(), 1)
  assert.equal(at.log.lastStableOffset, at.log.logStartOffset)
  write(at, claim, 1)
  assert.equal(at.log.lastStableOffset, 1)
  assert.equal((await at.transactions.end(claim, true)).errorCode, 0)
  assert.equal(at.log.lastStableOffset, 3)
})
