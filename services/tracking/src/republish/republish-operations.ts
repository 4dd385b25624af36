import { uuidv7 } from '@millrace/core'
import { actMoves, type Act } from '@millrace/inbox'
import type { Database, Queryable } from '@millrace/postgres'
import { refusedFilters } from '../filter-errors.ts'
import { trackingProblem } from '../problem.ts'
import type { Source } from '../sources/source.ts'
import { look, type Looked } from './look.ts'
import {
  cancelRepublishItems,
  confirmRepublish,
  insertRepublish,
  insertRepublishItems,
  listRepublish,
  listRepublishItems,
  moveRepublish,
  openPlansOf,
  readRepublish,
  readRepublishAudit,
  setRepublishRate,
  tidyRepublish,
  writeRepublishAudit,
  type RepublishRow,
} from './republish-rows.ts'
import type {
  RepublishAuditLine,
  RepublishItem,
  RepublishOperation,
  RepublishPlan,
  RepublishRequest,
} from './types.ts'

const defaultRatePerSecond = 50
const planTtlMs = 15 * 60_000
/** Most plans that one person may have waiting for a confirmation. */
const maxOpenPlans = 20
/** Longer requests are cut in lists. */
const maxListedRequest = 16_384

export interface RepublishOptions {
  /** This service's own. */
  readonly database: Database
  readonly sourceOf: (service: string) => Source
  /** Told when there may be something to carry out. */
  readonly onDue: () => void
}

/** Publishing refused events again, as operations: planned, confirmed, paced, paused, cancelled, with an audit. The worker carries them out. */
export class RepublishOperations {
  readonly #options: RepublishOptions

  constructor(options: RepublishOptions) {
    this.#options = options
  }

  /** Looks what it would touch, and keeps that. @throws ProblemError 400, 404, 429 */
  async plan(service: string, wish: RepublishRequest, by: string): Promise<RepublishOperation> {
    if ((wish.eventIds === undefined) === (wish.filter === undefined))
      throw trackingProblem(
        'MR_TRACKING_BAD_OPERATION',
        'Give eventIds, or a filter, and not both. Nothing was planned.',
      )
    const eventIds = wish.eventIds?.map((id) => id.toLowerCase())
    const request = { ...wish, ...(eventIds && { eventIds }) }
    const source = this.#options.sourceOf(service)
    const cutOff = request.filter ? (request.cutOff ?? (await nowOf(source.reading))) : null
    const looked = await this.#look(source, request, cutOff)
    const id = uuidv7()
    const plan = planOf(looked, cutOff)
    return this.#options.database.transaction(async (tx) => {
      const open = await openPlansOf(tx, by)
      if (open.count >= maxOpenPlans) throw tooManyPlans(by, open.count, open.firstExpiresInMs)
      await tidyRepublish(tx)
      await insertRepublish(tx, {
        id,
        service,
        request: JSON.stringify(request),
        plan: JSON.stringify(plan),
        ratePerSecond: request.ratePerSecond ?? defaultRatePerSecond,
        by,
        ttlMs: planTtlMs,
      })
      const details = { count: plan.count }
      await writeRepublishAudit(tx, { id, by, action: 'plan', reason: null, details })
      return this.#read(tx, id)
    })
  }

  /** Looks again, and sets it going. @throws ProblemError 404, 409 */
  async confirm(id: string, { by, reason }: Act): Promise<RepublishOperation> {
    const { database, sourceOf, onDue } = this.#options
    const planned = await this.#row(database, id)
    const request = requestOf(planned)
    const before = storedPlan(planned)
    const looked = await this.#look(sourceOf(planned.service), request, before.cutOff)
    const plan = planOf(looked, before.cutOff)
    const operation = await database.transaction(async (tx) => {
      const row = await this.#row(tx, id, true)
      checkMove(row, 'confirm')
      if (row.isExpired)
        throw refused(
          `The plan could be confirmed until ${row.expiresAt.toISOString()}. Plan anew and confirm sooner.`,
        )
      const final = plan.refusals.find((each) => each.isFinal)
      if (final) throw refused(final.explanation)
      if (before.count === 0) throw refused('There is no event it would touch.')
      if (plan.count > before.count)
        throw refused(
          `The plan was made for ${before.count} events, there are ${plan.count} now. Plan anew.`,
        )
      await confirmRepublish(tx, id, { by, reason, plan: JSON.stringify(plan) })
      await insertRepublishItems(tx, id, looked.chosen)
      if (plan.count === 0) await moveRepublish(tx, id, 'DONE')
      const details = { count: plan.count, planned: before.count }
      await writeRepublishAudit(tx, { id, by, action: 'confirm', reason, details })
      return this.#read(tx, id)
    })
    onDue()
    return operation
  }

  async get(id: string): Promise<RepublishOperation | undefined> {
    const row = await readRepublish(this.#options.database, id)
    return row && toOperation(row)
  }

  /** Newest first. */
  async list(filter: {
    readonly states?: readonly string[]
    readonly before?: string
    readonly limit: number
  }): Promise<readonly RepublishOperation[]> {
    const { states = null, before = null, limit } = filter
    const rows = await listRepublish(this.#options.database, { states, before, limit })
    return rows.map((row) => {
      const operation = toOperation(row)
      if (row.request.length <= maxListedRequest) return operation
      return { ...operation, request: { kind: 'republish', isCut: true } }
    })
  }

  items(
    id: string,
    page: { readonly limit: number; readonly after?: number },
  ): Promise<readonly RepublishItem[]> {
    const { limit, after = 0 } = page
    return listRepublishItems(this.#options.database, id, { limit, after })
  }

  audit(id: string): Promise<readonly RepublishAuditLine[]> {
    return readRepublishAudit(this.#options.database, id)
  }

  pause(id: string, act: Act): Promise<RepublishOperation> {
    return this.#move(id, act, 'pause')
  }

  resume(id: string, act: Act): Promise<RepublishOperation> {
    return this.#move(id, act, 'resume')
  }

  cancel(id: string, act: Act): Promise<RepublishOperation> {
    return this.#move(id, act, 'cancel')
  }

  async setRate(id: string, ratePerSecond: number, act: Act): Promise<RepublishOperation> {
    return this.#options.database.transaction(async (tx) => {
      const row = await this.#row(tx, id, true)
      if (row.state === 'DONE' || row.state === 'CANCELLED') throw wrongState(row, 'a new rate')
      await setRepublishRate(tx, id, ratePerSecond)
      const details = { before: row.ratePerSecond, after: ratePerSecond }
      await writeRepublishAudit(tx, { id, ...act, action: 'rate', details })
      return this.#read(tx, id)
    })
  }

  async #move(
    id: string,
    act: Act,
    action: 'pause' | 'resume' | 'cancel',
  ): Promise<RepublishOperation> {
    const operation = await this.#options.database.transaction(async (tx) => {
      const row = await this.#row(tx, id, true)
      checkMove(row, action)
      if (action === 'cancel') await cancelRepublishItems(tx, id)
      await moveRepublish(tx, id, actMoves[action].to)
      await writeRepublishAudit(tx, { id, ...act, action, details: { from: row.state } })
      return this.#read(tx, id)
    })
    this.#options.onDue()
    return operation
  }

  async #look(source: Source, request: RepublishRequest, cutOff: Date | null): Promise<Looked> {
    const { productions } = await source.logs()
    if (productions.length === 0)
      throw trackingProblem(
        'MR_TRACKING_SERVICE_UNKNOWN',
        `The service ${source.service} has no production log, so there is nothing to publish again.`,
      )
    return refusedFilters(look(productions, request, cutOff))
  }

  async #row(on: Queryable, id: string, isLocked = false): Promise<RepublishRow> {
    const row = await readRepublish(on, id, isLocked)
    if (row) return row
    throw trackingProblem('MR_TRACKING_OPERATION_NOT_FOUND', `No operation has the id ${id}.`)
  }

  async #read(on: Queryable, id: string): Promise<RepublishOperation> {
    return toOperation(await this.#row(on, id))
  }
}

/** By the clock that stamps the refusals; up to the next whole ms, since a `Date` holds no less. */
async function nowOf(on: Queryable): Promise<Date> {
  const found = await on.query<{ readonly now: Date }>('select clock_timestamp() as now')
  return new Date((found.rows[0]?.now.getTime() ?? 0) + 1)
}

function planOf({ chosen, refusals }: Looked, cutOff: Date | null): RepublishPlan {
  return {
    count: chosen.length,
    sample: chosen.slice(0, 5).map((event) => ({
      eventId: event.eventId,
      topic: event.topic,
      partitionNumber: null,
      offset: null,
      eventType: event.eventType,
      eventKey: event.eventKey,
      status: event.status,
      errorClass: event.errorClass,
      errorMessage: event.errorMessage,
      receivedAt: event.createdAt,
    })),
    refusals,
    effects: null,
    cutOff,
  }
}

function toOperation(row: RepublishRow): RepublishOperation {
  const { total, waiting, released, done, failed, skipped, cancelled, isExpired, ...rest } = row
  const isUnderWay = row.state === 'RUNNING' || row.state === 'CONFIRMED'
  const timeLeftMs = isUnderWay ? ((waiting + released) / row.ratePerSecond) * 1_000 : null
  return {
    ...rest,
    kind: 'republish',
    group: null,
    state: isExpired ? 'EXPIRED' : row.state,
    request: requestOf(row),
    plan: storedPlan(row),
    progress: { total, waiting, released, done, failed, skipped, cancelled, timeLeftMs },
  }
}

function requestOf(row: RepublishRow): RepublishRequest {
  return JSON.parse(row.request, dateOf) as RepublishRequest
}

function storedPlan(row: RepublishRow): RepublishPlan {
  return JSON.parse(row.plan, dateOf) as RepublishPlan
}

/** The fields that hold times in what is stored. */
const timeFields: readonly string[] = ['cutOff', 'from', 'to', 'receivedAt']

function dateOf(name: string, value: unknown): unknown {
  return timeFields.includes(name) && typeof value === 'string' ? new Date(value) : value
}

function checkMove(row: RepublishRow, action: keyof typeof actMoves): void {
  const from: readonly string[] = actMoves[action].from
  if (!from.includes(row.state)) throw wrongState(row, action)
}

function wrongState(row: RepublishRow, action: string): Error {
  return refused(`It is ${row.state}; ${action} cannot be done in this state.`)
}

function refused(why: string): Error {
  return trackingProblem('MR_TRACKING_OPERATION_REFUSED', `${why} Nothing was changed.`)
}

function tooManyPlans(by: string, count: number, firstExpiresInMs: number): Error {
  const seconds = Math.ceil(firstExpiresInMs / 1_000)
  return trackingProblem(
    'MR_TRACKING_TOO_MANY_PLANS',
    `${by} has ${count} plans that wait for a confirmation, as many as one may have; nothing was planned. Confirm or cancel some, or wait: the first expires in ${seconds} s.`,
    { retryAfterMs: seconds * 1_000 },
  )
}
