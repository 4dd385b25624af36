import {
  createOperations,
  InboxError,
  type Act,
  type AuditLine,
  type KnownGroup,
  type ListedOperation,
  type Operation,
  type OperationItem,
  type OperationRequest,
  type Operations,
  type OperationState,
} from '@millrace/inbox'
import type { Database } from '@millrace/postgres'
import { trackingProblem } from '../problem.ts'
import type { RepublishOperations } from '../republish/republish-operations.ts'
import type { RepublishItem, RepublishOperation, RepublishRequest } from '../republish/types.ts'
import type { Unreachable } from './ask-all.ts'
import type { Source } from './source.ts'
import type { TrackedLogs } from './tracked-logs.ts'

/** An operation, and the service whose events it is about. */
export interface TrackedOperation {
  readonly service: string
  readonly operation: Operation | RepublishOperation
}

/** One of a list: a large request is cut. */
export interface ListedTrackedOperation {
  readonly service: string
  readonly operation: ListedOperation | RepublishOperation
}

/** What can be asked of an operation of either kind. */
export interface FoundOperation extends TrackedOperation {
  readonly items: (page: {
    readonly limit: number
    readonly after?: number
  }) => Promise<readonly (OperationItem | RepublishItem)[]>
  readonly audit: () => Promise<readonly AuditLine[]>
}

/** Acts of operators on either kind. */
interface ActsOn<T> {
  confirm(id: string, act: Act): Promise<T>
  pause(id: string, act: Act): Promise<T>
  resume(id: string, act: Act): Promise<T>
  cancel(id: string, act: Act): Promise<T>
  setRate(id: string, ratePerSecond: number, act: Act): Promise<T>
}
export type OperationActs = ActsOn<Operation | RepublishOperation>

/**
 * The operations of all services. Those on what groups consumed are written down in the service's own database and carried out by its consumers; those
 * on what its relay could not publish are this service's own.
 */
export class TrackedOperations {
  readonly #logs: TrackedLogs
  readonly #republish: RepublishOperations

  constructor(logs: TrackedLogs, republish: RepublishOperations) {
    this.#logs = logs
    this.#republish = republish
  }

  /** @throws ProblemError 400, 404, 429 */
  async plan(
    service: string,
    request: OperationRequest | RepublishRequest,
    by: string,
  ): Promise<TrackedOperation> {
    if (request.kind === 'republish')
      return { service, operation: await this.#republish.plan(service, request, by) }
    const source = this.#logs.sourceOf(service)
    const [operations] = await operationsOf(source, source.writing)
    if (!operations)
      throw trackingProblem(
        'MR_TRACKING_SERVICE_UNKNOWN',
        `The service ${service} has no consumption log, so there is nothing to re-drive or replay.`,
      )
    return { service, operation: await refused(operations.plan(request, { by })) }
  }

  /** By service and name. */
  async groups(): Promise<{
    readonly items: readonly { readonly service: string; readonly known: KnownGroup }[]
    readonly unreachable: readonly Unreachable[]
  }> {
    const { answers, unreachable } = await this.#logs.ask(async (_logs, source) => {
      const all = await operationsOf(source, source.reading)
      return (await Promise.all(all.map((each) => each.groups()))).flat()
    })
    const items = answers.flatMap(({ service, value }) =>
      value.map((known) => ({ service, known })),
    )
    return { items, unreachable }
  }

  /** Newest first over all services. @param filter.group leaves out what no group carries out */
  async list(filter: {
    readonly group?: string
    readonly states?: readonly OperationState[]
    readonly limit: number
    readonly before?: string
  }): Promise<{
    readonly items: readonly ListedTrackedOperation[]
    readonly unreachable: readonly Unreachable[]
  }> {
    const [{ answers, unreachable }, own] = await Promise.all([
      this.#logs.ask(async (_logs, source) => {
        const all = await operationsOf(source, source.reading)
        return (await Promise.all(all.map((each) => each.list(filter)))).flat()
      }),
      filter.group === undefined ? this.#republish.list(filter) : [],
    ])
    const items = [
      ...answers.flatMap(({ service, value }) =>
        value.map((operation): ListedTrackedOperation => ({ service, operation })),
      ),
      ...own.map((operation): ListedTrackedOperation => ({
        service: operation.service,
        operation,
      })),
    ]
    return {
      items: items
        .toSorted((a, b) => (a.operation.id < b.operation.id ? 1 : -1))
        .slice(0, filter.limit),
      unreachable,
    }
  }

  /** @throws ProblemError 404 `MR_TRACKING_OPERATION_NOT_FOUND` */
  async find(id: string): Promise<FoundOperation> {
    const own = await this.#republish.get(id)
    if (own)
      return {
        service: own.service,
        operation: own,
        items: (page) => this.#republish.items(id, page),
        audit: () => this.#republish.audit(id),
      }
    const { service, operations, operation } = await this.#findInInboxes(id)
    return {
      service,
      operation,
      items: (page) => operations.items(id, page),
      audit: () => operations.audit(id),
    }
  }

  /** Does something with an operation, over the connection that may write. @throws ProblemError 404, 409 */
  async act(
    id: string,
    work: (acts: OperationActs) => Promise<Operation | RepublishOperation>,
  ): Promise<TrackedOperation> {
    const own = await this.#republish.get(id)
    if (own) return { service: own.service, operation: await work(this.#republish) }
    const { service } = await this.#findInInboxes(id)
    const source = this.#logs.sourceOf(service)
    for (const operations of await operationsOf(source, source.writing))
      if (await operations.get(id)) return { service, operation: await refused(work(operations)) }
    throw trackingProblem('MR_TRACKING_OPERATION_NOT_FOUND', `No operation has the id ${id}.`)
  }

  async #findInInboxes(id: string): Promise<{
    readonly service: string
    readonly operations: Operations
    readonly operation: Operation
  }> {
    const { answers, unreachable } = await this.#logs.ask(async (_logs, source) => {
      const all = await operationsOf(source, source.reading)
      return Promise.all(
        all.map(async (operations) => ({ operations, operation: await operations.get(id) })),
      )
    })
    for (const { service, value } of answers)
      for (const { operations, operation } of value)
        if (operation) return { service, operation, operations }
    const away = unreachable.map(({ service }) => service).join(', ')
    throw trackingProblem(
      'MR_TRACKING_OPERATION_NOT_FOUND',
      `No operation has the id ${id}.${away === '' ? '' : ` Not asked, since they do not answer: ${away}.`}`,
    )
  }
}

async function operationsOf(source: Source, database: Database): Promise<readonly Operations[]> {
  const { consumptions } = await source.logs()
  return consumptions.map(({ schema }) => createOperations({ database, schema }))
}

const refusalCodes: readonly string[] = [
  'MR_INBOX_OPERATION_STATE',
  'MR_INBOX_PLAN_EXPIRED',
  'MR_INBOX_PLAN_STALE',
  'MR_INBOX_PLAN_REFUSED',
  'MR_INBOX_ALREADY_EDITED',
]

/** What the inbox refuses, as a problem with the inbox's own words. */
async function refused<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof InboxError)) throw error
    if (error.code === 'MR_INBOX_BAD_OPERATION' || error.code === 'MR_INBOX_BAD_FILTER')
      throw trackingProblem('MR_TRACKING_BAD_OPERATION', error.message)
    if (error.code === 'MR_INBOX_OPERATION_UNKNOWN')
      throw trackingProblem('MR_TRACKING_OPERATION_NOT_FOUND', error.message)
    if (error.code === 'MR_INBOX_TOO_MANY_PLANS')
      throw trackingProblem('MR_TRACKING_TOO_MANY_PLANS', error.message, {
        retryAfterMs: Number(error.details['retryAfterMs']),
      })
    if (refusalCodes.includes(error.code))
      throw trackingProblem('MR_TRACKING_OPERATION_REFUSED', error.message)
    throw error
  }
}
