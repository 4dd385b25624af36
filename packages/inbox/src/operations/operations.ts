import { silentLogger, uuidv7 } from '@millrace/core'
import { quoteIdentifier, type Database, type Queryable } from '@millrace/postgres'
import { inBounds } from '../consume-bounds.ts'
import { InboxError } from '../errors.ts'
import { InboxDays } from '../inbox-days.ts'
import { idsOf } from '../log-filter.ts'
import { prepareFor } from '../sql/names.ts'
import { archivedRefusals } from './archived-days.ts'
import {
  badOperation,
  checkAct,
  checkId,
  checkLimit,
  checkRate,
  checkRequest,
  checkText,
  defaultRatePerSecond,
} from './check-request.ts'
import {
  alreadyEdited,
  expired,
  refused,
  stale,
  tooManyPlans,
  wrongState,
} from './operation-errors.ts'
import { actMoves } from './operation-moves.ts'
import { makePlan, type MadePlan } from './plan.ts'
import { candidatesOf } from './sql/candidates.ts'
import { insertEdit } from './sql/edits.ts'
import { listGroups } from './sql/groups.ts'
import { insertItems } from './sql/look.ts'
import { cancelItems, confirmOperation, moveOperation, setOperationRate } from './sql/moves.ts'
import { lockPlansOf, readOpenPlans } from './sql/open-plans.ts'
import {
  insertOperation,
  listItems,
  listItemsOfEvent,
  listOperations,
  readAudit,
  readEdits,
  readOperation,
  tidyOperations,
  writeAudit,
  type OperationRow,
} from './sql/operation-rows.ts'
import { parseStored, requestOf } from './stored-request.ts'
import type {
  Act,
  AuditLine,
  EventEdit,
  KnownGroup,
  ListedOperation,
  Operation,
  OperationItem,
  OperationRequest,
  Operations,
  OperationsOptions,
} from './types.ts'

const defaultPlanTtlMs = 15 * 60_000
const defaultMaxOpenPlans = 20

/**
 * Operators' acts on the events of a service: re-drive, replay, edit.
 * @throws InboxError `MR_INBOX_BAD_OPTION`
 */
export function createOperations(options: OperationsOptions): Operations {
  const schema = options.schema ?? 'inbox'
  prepareFor(schema)
  const planTtlMs = options.planTtlMs ?? defaultPlanTtlMs
  if (!(planTtlMs >= 1_000 && planTtlMs <= 86_400_000))
    throw new InboxError(
      'MR_INBOX_BAD_OPTION',
      `planTtlMs is ${planTtlMs}; it must be from 1,000 to 86,400,000 ms. Nothing was started.`,
      { planTtlMs },
    )
  const maxOpenPlans = inBounds(
    'maxOpenPlans',
    options.maxOpenPlans ?? defaultMaxOpenPlans,
    1,
    1_000,
  )
  const { database, clock } = options
  const days = new InboxDays(database, schema, silentLogger, clock)
  return new PostgresOperations(database, quoteIdentifier(schema), days, planTtlMs, maxOpenPlans)
}

class PostgresOperations implements Operations {
  readonly #database: Database
  readonly #schema: string
  readonly #days: InboxDays
  readonly #planTtlMs: number
  readonly #maxOpenPlans: number

  constructor(
    database: Database,
    schema: string,
    days: InboxDays,
    planTtlMs: number,
    maxOpenPlans: number,
  ) {
    this.#database = database
    this.#schema = schema
    this.#days = days
    this.#planTtlMs = planTtlMs
    this.#maxOpenPlans = maxOpenPlans
  }

  groups(): Promise<readonly KnownGroup[]> {
    return listGroups(this.#database, this.#schema)
  }

  async plan(request: OperationRequest, planned?: { readonly by: string }): Promise<Operation> {
    const checked = checkRequest(request)
    const by = planned?.by ?? 'unknown'
    checkText('by', by, 200)
    const id = uuidv7()
    await tidyOperations(this.#database, this.#schema)
    // Before the look, which costs the most.
    await this.#refuseTooMany(this.#database, by)
    const archived = await archivedRefusals(this.#days, checked)
    const made = await this.#database.transaction(
      async (tx) => makePlan(tx, this.#schema, checked, await cutOffOf(tx, checked)),
      { isolation: 'repeatable read', isReadOnly: true },
    )
    const plan = { ...made, refusals: [...made.refusals, ...archived] }
    // Its own transaction: those that wait for the lock must see what the one before them wrote, which one snapshot would hide.
    return this.#database.transaction(async (tx) => {
      await lockPlansOf(tx, this.#schema, by)
      await this.#refuseTooMany(tx, by)
      await insertOperation(tx, this.#schema, {
        id,
        kind: checked.kind,
        group: checked.group,
        request: JSON.stringify(checked),
        plan: JSON.stringify(plan),
        ratePerSecond: rateOf(checked),
        by,
        ttlMs: this.#planTtlMs,
      })
      await this.#audit(tx, id, { by, reason: null }, 'plan', { count: plan.count })
      return this.#read(tx, id)
    })
  }

  async #refuseTooMany(on: Queryable, by: string): Promise<void> {
    const { count, firstExpiresInMs } = await readOpenPlans(on, this.#schema, by)
    if (count >= this.#maxOpenPlans) throw tooManyPlans(by, count, firstExpiresInMs)
  }

  async confirm(id: string, act: Act): Promise<Operation> {
    checkAct(act)
    return this.#database.transaction(async (tx) => {
      const row = await this.#lock(tx, id)
      if (row.isExpired) throw expired(row)
      checkMove(row, 'confirm')
      const request = requestOf(row.request)
      const planned = parseStored(row.plan) as MadePlan
      const now = await makePlan(tx, this.#schema, request, planned.cutOff)
      const final = [...planned.refusals, ...now.refusals].find((refusal) => refusal.isFinal)
      if (final) throw refused(row, final.explanation)
      if (planned.count === 0) throw refused(row, 'There is no event it would touch.')
      const candidates = candidatesOf(this.#schema, request, planned.cutOff)
      const count = await insertItems(tx, this.#schema, row.id, candidates)
      if (count > planned.count) throw stale(row, planned.count, count)
      if (request.kind === 'edit') {
        const revision = (planned.editRevision ?? 0) + 1
        const edit = { request, operationId: row.id, revision, ...act }
        if (!(await insertEdit(tx, this.#schema, edit))) throw alreadyEdited(request.eventId)
      }
      await confirmOperation(tx, this.#schema, row.id, count, act)
      await this.#audit(tx, row.id, act, 'confirm', { count, planned: planned.count })
      return this.#read(tx, row.id)
    })
  }

  async get(id: string): Promise<Operation | undefined> {
    const row = await readOperation(this.#database, this.#schema, checkId(id))
    return row && toOperation(row)
  }

  async list(filter: Parameters<Operations['list']>[0] = {}): Promise<readonly ListedOperation[]> {
    const rows = await listOperations(this.#database, this.#schema, {
      group: filter.group ?? null,
      states: filter.states ?? null,
      limit: checkLimit(filter.limit ?? 50, 500),
      before: filter.before === undefined ? null : checkId(filter.before),
    })
    return rows.map(toOperation)
  }

  async items(
    id: string,
    filter: Parameters<Operations['items']>[1] = {},
  ): Promise<readonly OperationItem[]> {
    const after = filter.after ?? 0
    if (!Number.isInteger(after) || after < 0 || after >= 2 ** 31)
      throw badOperation('after', 'a position')
    return listItems(this.#database, this.#schema, {
      operationId: checkId(id),
      states: filter.states ?? null,
      limit: checkLimit(filter.limit ?? 100, 1_000),
      after,
    })
  }

  async itemsOfEvent(eventId: string): Promise<readonly OperationItem[]> {
    return listItemsOfEvent(this.#database, this.#schema, idsOf(eventId))
  }

  async audit(id: string): Promise<readonly AuditLine[]> {
    return readAudit(this.#database, this.#schema, checkId(id))
  }

  async edits(eventId: string, group: string): Promise<readonly EventEdit[]> {
    return readEdits(this.#database, this.#schema, idsOf(eventId), group)
  }

  async pause(id: string, act: Act): Promise<Operation> {
    return this.#move(id, act, 'pause')
  }

  async resume(id: string, act: Act): Promise<Operation> {
    return this.#move(id, act, 'resume')
  }

  async cancel(id: string, act: Act): Promise<Operation> {
    return this.#move(id, act, 'cancel')
  }

  async setRate(id: string, ratePerSecond: number, act: Act): Promise<Operation> {
    checkAct(act)
    checkRate(ratePerSecond)
    return this.#database.transaction(async (tx) => {
      const row = await this.#lock(tx, id)
      if (row.state === 'DONE' || row.state === 'CANCELLED') throw wrongState(row, 'setRate')
      await setOperationRate(tx, this.#schema, row.id, ratePerSecond)
      const change = { before: row.ratePerSecond, after: ratePerSecond }
      await this.#audit(tx, row.id, act, 'rate', change)
      return this.#read(tx, row.id)
    })
  }

  async #move(id: string, act: Act, action: 'pause' | 'resume' | 'cancel'): Promise<Operation> {
    checkAct(act)
    return this.#database.transaction(async (tx) => {
      const row = await this.#lock(tx, id)
      checkMove(row, action)
      if (action === 'cancel') await cancelItems(tx, this.#schema, row.id, row.group)
      await moveOperation(tx, this.#schema, row.id, actMoves[action].to)
      await this.#audit(tx, row.id, act, action, { from: row.state })
      return this.#read(tx, row.id)
    })
  }

  async #lock(tx: Queryable, id: string): Promise<OperationRow> {
    const row = await readOperation(tx, this.#schema, checkId(id), true)
    if (row) return row
    throw new InboxError(
      'MR_INBOX_OPERATION_UNKNOWN',
      `There is no operation ${id}. Plans that nobody confirmed are dropped a day after their time.`,
      { id },
    )
  }

  async #read(on: Queryable, id: string): Promise<Operation> {
    const row = await readOperation(on, this.#schema, id)
    if (!row) throw new InboxError('MR_INBOX_OPERATION_UNKNOWN', `Operation ${id} is gone.`, { id })
    return toOperation(row)
  }

  #audit(
    tx: Queryable,
    operationId: string,
    act: { readonly by: string; readonly reason: string | null },
    action: AuditLine['action'],
    details: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    return writeAudit(tx, this.#schema, { operationId, ...act, action, details })
  }
}

/** By the database's clock, which stamps the failures; up to the next whole ms, since a `Date` holds no less. */
async function cutOffOf(on: Queryable, request: OperationRequest): Promise<Date | null> {
  if (request.kind !== 'redrive' || !request.filter) return null
  if (request.cutOff) return request.cutOff
  const found = await on.query<{ readonly now: Date }>('select clock_timestamp() as now')
  return new Date((found.rows[0]?.now.getTime() ?? 0) + 1)
}

function rateOf(request: OperationRequest): number {
  if (request.kind === 'edit') return 1
  return request.ratePerSecond ?? defaultRatePerSecond
}

function toOperation(row: OperationRow): Operation {
  const { total, waiting, released, done, failed, skipped, cancelled, isExpired, ...rest } = row
  const { editRevision: _editRevision, ...plan } = parseStored(row.plan) as MadePlan
  const timeLeftMs = timeLeftOf(row)
  return {
    ...rest,
    state: isExpired ? 'EXPIRED' : row.state,
    request: requestOf(row.request),
    plan,
    progress: { total, waiting, released, done, failed, skipped, cancelled, timeLeftMs },
  }
}

/** By the rate seen so far, once there is one to speak of: the handler may be slower than the rate that is asked for. */
function timeLeftOf(row: OperationRow): number | null {
  if (row.state !== 'RUNNING' && row.state !== 'CONFIRMED') return null
  const ended = row.done + row.failed + row.skipped
  const elapsedMs = row.startedAt ? row.updatedAt.getTime() - row.startedAt.getTime() : 0
  const isSeen = ended >= 20 && elapsedMs >= 5_000
  const seenPerSecond = isSeen ? (ended / elapsedMs) * 1_000 : Number.POSITIVE_INFINITY
  return ((row.waiting + row.released) / Math.min(row.ratePerSecond, seenPerSecond)) * 1_000
}

function checkMove(row: OperationRow, action: keyof typeof actMoves): void {
  const from: readonly string[] = actMoves[action].from
  if (!from.includes(row.state)) throw wrongState(row, action)
}
