import { faults } from '@millrace/core'
import type { ContractRegistry } from '@millrace/events'
import type { Database, Statement, Transaction } from '@millrace/postgres'
import { concurrentDuplicate, isConcurrentDuplicate } from '../batch-faults.ts'
import { deliveryOf, type Delivery } from '../delivery.ts'
import { failureOf } from '../failure.ts'
import type { HandlerCall } from '../handler-call.ts'
import type { LogPartitions } from '../partitions.ts'
import { recordHandled } from '../sql/record-handled.ts'
import { recordOf } from '../stored-record.ts'
import type { HandlerEffects, ReceivedEvent } from '../types.ts'
import type { Pace } from './pace.ts'
import type { StepContext, Stepped } from './redrive-step.ts'
import {
  addCounts,
  holdOperation,
  markEnded,
  markReleased,
  readHead,
  type EndedItem,
  type HeldOperation,
  type OperationHead,
} from './sql/carry-out.ts'
import { endCutShort, nextReplayItems, type ReplayItem } from './sql/replay-items.ts'
import { requestOf } from './stored-request.ts'
import type { ReplayRequest } from './types.ts'

/** Events of one transaction. */
const maxBatch = 100

export interface ReplayStepOptions {
  readonly database: Database
  readonly serviceName: string
  readonly contracts: ContractRegistry
  readonly partitions: LogPartitions
  readonly call: HandlerCall
  readonly effects: HandlerEffects
  readonly maxAttempts: number
  readonly recordHandled: Statement
  readonly isTransient: (error: unknown) => boolean
}

/** One item on its way through the handler. */
interface Turn {
  readonly item: ReplayItem
  readonly delivery: Delivery
  readonly received: ReceivedEvent
}

/** The operation was called off, or taken over, while the handler worked: what it did is rolled back. */
class TurnedAway extends Error {}

/**
 * Steps of a replay: the next events of one partition through the handler, in a transaction that also notes their items. So a kill repeats
 * nothing and forgets nothing. The log's rows of events that the group has processed stay as they are; into another group, each event
 * gets that group's own row. The operation's row is locked at the end only, so that it can be paused while a handler works.
 */
export class ReplayStep {
  readonly #options: ReplayStepOptions
  /** Items to be handled one by one, since they failed together. */
  #singles = 0

  constructor(options: ReplayStepOptions) {
    this.#options = options
  }

  /** @throws errors of infrastructure; the step can be done again */
  async run(
    held: HeldOperation,
    context: StepContext,
    pace: Pace,
    signal: AbortSignal,
  ): Promise<Stepped | undefined> {
    const { database, effects, partitions } = this.#options
    const { schema, group } = context
    const head = await readHead(database, schema, held)
    if (!head) return undefined
    if (head.released > 0) return this.#cutShort(held, context, head)
    const allowance = head.state === 'RUNNING' ? pace.allowance(head.ratePerSecond) : 0
    const isExternal = effects === 'external'
    const most = isExternal || this.#singles > 0 ? 1 : maxBatch
    const limit = Math.min(allowance, most, head.waiting)
    if (limit <= 0) return { head, begun: 0, ended: 0 }
    const request = requestOf(held.request) as ReplayRequest
    const source = request.sourceGroup ?? group
    const operation = { id: held.id, source, target: group, limit }
    const items = await nextReplayItems(database, schema, operation)
    await partitions.load()
    const turns: Turn[] = []
    const ended: EndedItem[] = []
    for (const item of items) {
      const turn = this.#turnOf(item, source === group, isExternal && request.force !== true)
      if (typeof turn === 'string')
        ended.push({ position: item.position, state: 'SKIPPED', note: turn })
      else turns.push(turn)
    }
    const isOver = await this.#handle(held, context, turns, ended, signal)
    this.#singles = Math.max(0, this.#singles - items.length)
    return isOver
      ? { head, begun: items.length, ended: items.length }
      : { head, begun: 0, ended: 0 }
  }

  /** What the handler gets; text: why it gets nothing. */
  #turnOf(item: ReplayItem, isOwn: boolean, isRefused: boolean): Turn | string {
    const { contracts, partitions } = this.#options
    if (isRefused) return 'The handler has external effects by now, and the replay is not forced.'
    if (item.sourceStatus === null) return 'Its row is no longer in the log.'
    if (isOwn && item.targetStatus !== 'PROCESSED') return 'It is not processed any more.'
    if (!isOwn && item.targetStatus === 'PROCESSED') return 'The group has processed it meanwhile.'
    const record = recordOf(item, contracts)
    if (!record) return 'The log does not keep its payload.'
    const receivedAt = item.receivedAt.getTime()
    const delivery = deliveryOf(record, { contracts, receivedAt, hasDay: partitions.hasDay })
    if (delivery.kind === 'unknown-type') return 'No contract of the group names its type.'
    if (!delivery.received) return `It cannot be read as an event: ${delivery.reason ?? ''}.`
    return { item, delivery, received: delivery.received }
  }

  /** False when the items must be tried one by one, or were called off. */
  async #handle(
    held: HeldOperation,
    context: StepContext,
    turns: readonly Turn[],
    skipped: readonly EndedItem[],
    signal: AbortSignal,
  ): Promise<boolean> {
    const { database, effects } = this.#options
    const isExternal = effects === 'external' && turns.length > 0
    if (isExternal && !(await this.#begin(held, context, turns))) return false
    const progress = { isHandling: false }
    try {
      await database.transaction((tx) =>
        this.#transact(tx, held, context, turns, skipped, signal, progress),
      )
      await faults.at('inbox.replay.afterCommit')
      return true
    } catch (error) {
      if (error instanceof TurnedAway) return false
      if (isConcurrentDuplicate(error)) return false
      if (signal.aborted || !progress.isHandling || this.#options.isTransient(error)) throw error
      if (turns.length > 1) {
        this.#singles = turns.length + skipped.length
        return false
      }
      return this.#failed(held, context, turns, skipped, error)
    }
  }

  async #transact(
    tx: Transaction,
    held: HeldOperation,
    context: StepContext,
    turns: readonly Turn[],
    skipped: readonly EndedItem[],
    signal: AbortSignal,
    progress: { isHandling: boolean },
  ): Promise<void> {
    const { call, effects } = this.#options
    let shareMs = 0
    if (turns.length > 0) {
      progress.isHandling = true
      const events = turns.map((turn) => turn.received)
      const operation = { isReplay: true, operationId: held.id }
      const handlerMs = await call.run(tx, events, { signal, attempt: 1, ...operation })
      signal.throwIfAborted()
      shareMs = handlerMs / turns.length
      await this.#record(tx, context, turns, shareMs)
      progress.isHandling = false
    }
    const done = turns.map(({ item }): EndedItem => ({
      position: item.position,
      state: 'DONE',
      runMs: shareMs,
    }))
    const wasReleased = effects === 'external' && turns.length > 0
    await faults.at('inbox.replay.afterHandler')
    await this.#end(tx, held, context, [...done, ...skipped], wasReleased ? turns.length : 0)
  }

  /** Rows for events that are new to the group. Those of events it has processed stay as they are. */
  async #record(
    tx: Transaction,
    { group }: StepContext,
    turns: readonly Turn[],
    shareMs: number,
  ): Promise<void> {
    const { serviceName, maxAttempts } = this.#options
    const fresh = turns.filter((turn) => turn.item.targetStatus !== 'PROCESSED')
    const [first] = fresh
    if (!first) return
    const { topic, partition } = first.item
    const batch = { groupId: group, serviceName, topic, partition, maxAttempts, shareMs }
    const written = await recordHandled(
      tx,
      this.#options.recordHandled,
      { ...batch, receivedAgoMs: shareMs * turns.length, keepsPayload: true },
      fresh.map((turn) => turn.delivery),
    )
    if (written < fresh.length)
      throw concurrentDuplicate(
        { at: { groupId: group, topic, partition } },
        fresh.length - written,
      )
  }

  /** External effects: the attempt is noted before it is made, so that a crash in it does not make it again. */
  async #begin(
    held: HeldOperation,
    context: StepContext,
    turns: readonly Turn[],
  ): Promise<boolean> {
    const { schema, leaseMs } = context
    return this.#options.database.transaction(async (tx) => {
      const head = await holdOperation(tx, schema, held, leaseMs)
      if (head?.state !== 'RUNNING') return false
      const positions = turns.map((turn) => turn.item.position)
      await markReleased(tx, schema, held.id, positions)
      const none = { done: 0, failed: 0, skipped: 0 }
      const { length } = positions
      await addCounts(tx, schema, held.id, { ...none, waiting: -length, released: length })
      return true
    })
  }

  async #failed(
    held: HeldOperation,
    context: StepContext,
    turns: readonly Turn[],
    skipped: readonly EndedItem[],
    error: unknown,
  ): Promise<boolean> {
    const failure = failureOf(error)
    const failed = turns.map(({ item }): EndedItem => ({
      position: item.position,
      state: 'FAILED',
      note: failure.message,
      errorClass: failure.errorClass,
    }))
    const released = this.#options.effects === 'external' ? turns.length : 0
    try {
      await this.#options.database.transaction((tx) =>
        this.#end(tx, held, context, [...failed, ...skipped], released),
      )
      return true
    } catch (fault) {
      if (fault instanceof TurnedAway) return false
      throw fault
    }
  }

  /** Notes the items, if the operation is still ours and they were not called off. */
  async #end(
    tx: Transaction,
    held: HeldOperation,
    { schema, leaseMs }: StepContext,
    items: readonly EndedItem[],
    released: number,
  ): Promise<void> {
    if (items.length === 0) return
    const head = await holdOperation(tx, schema, held, leaseMs)
    if (!head) throw new TurnedAway('Another consumer carries the operation out')
    const written = await markEnded(tx, schema, held.id, items)
    if (written < items.length) throw new TurnedAway('Items were called off meanwhile')
    const count = (state: string): number => items.filter((item) => item.state === state).length
    await addCounts(tx, schema, held.id, {
      waiting: released - items.length,
      released: -released,
      done: count('DONE'),
      failed: count('FAILED'),
      skipped: count('SKIPPED'),
    })
  }

  async #cutShort(
    held: HeldOperation,
    { schema, leaseMs }: StepContext,
    head: OperationHead,
  ): Promise<Stepped | undefined> {
    return this.#options.database.transaction(async (tx) => {
      if (!(await holdOperation(tx, schema, held, leaseMs))) return undefined
      const note =
        'Its attempt began and never ended: the process died meanwhile. Its effects may have happened; it was not tried again.'
      const ended = await endCutShort(tx, schema, held.id, note)
      const none = { waiting: 0, done: 0, skipped: 0 }
      await addCounts(tx, schema, held.id, { ...none, released: -ended, failed: ended })
      return { head, begun: 0, ended }
    })
  }
}
