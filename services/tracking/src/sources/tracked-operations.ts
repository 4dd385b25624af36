import {
  createOperations,
  InboxError,
  type KnownGroup,
  type ListedOperation,
  type Operation,
  type OperationRequest,
  type Operations,
  type OperationState,
} from '@millrace/inbox'
import type { Database } from '@millrace/postgres'
import { trackingProblem } from '../problem.ts'
import type { Unreachable } from './ask-all.ts'
import type { Source } from './source.ts'
import type { TrackedLogs } from './tracked-logs.ts'

/** An operation, and the service in whose database it stands. */
export interface TrackedOperation {
  readonly service: string
  readonly operation: Operation
}

/** One of a list: a large request is cut. */
export interface ListedTrackedOperation {
  readonly service: string
  readonly operation: ListedOperation
}

/** The operations of all services. They are written down in the service's own database and carried out by its consumers. */
export class TrackedOperations {
  readonly #logs: TrackedLogs

  constructor(logs: TrackedLogs) {
    this.#logs = logs
  }

  /** @throws ProblemError 400, 404, 429 */
  async plan(service: string, request: OperationRequest, by: string): Promise<TrackedOperation> {
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

  /** Newest first over all services. */
  async list(filter: {
    readonly group?: string
    readonly states?: readonly OperationState[]
    readonly limit: number
    readonly before?: string
  }): Promise<{
    readonly items: readonly ListedTrackedOperation[]
    readonly unreachable: readonly Unreachable[]
  }> {
    const { answers, unreachable } = await this.#logs.ask(async (_logs, source) => {
      const all = await operationsOf(source, source.reading)
      return (await Promise.all(all.map((each) => each.list(filter)))).flat()
    })
    const items = answers
      .flatMap(({ service, value }) => value.map((operation) => ({ service, operation })))
      .toSorted((a, b) => (a.operation.id < b.operation.id ? 1 : -1))
      .slice(0, filter.limit)
    return { items, unreachable }
  }

  /** @throws ProblemError 404 `MR_TRACKING_OPERATION_NOT_FOUND` */
  async find(id: string): Promise<TrackedOperation & { readonly operations: Operations }> {
    const { answers, unreachable } = await this.#logs.ask(async (_logs, source) => {
      const all = await operationsOf(source, source.reading)
      return Promise.all(
        all.map(async (operations, index) => ({
          index,
          operations,
          operation: await operations.get(id),
        })),
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

  /** Does something with an operation, over the connection that may write. @throws ProblemError 404, 409 */
  async act(
    id: string,
    work: (operations: Operations) => Promise<Operation>,
  ): Promise<TrackedOperation> {
    const { service } = await this.find(id)
    const source = this.#logs.sourceOf(service)
    for (const operations of await operationsOf(source, source.writing))
      if (await operations.get(id)) return { service, operation: await refused(work(operations)) }
    throw trackingProblem('MR_TRACKING_OPERATION_NOT_FOUND', `No operation has the id ${id}.`)
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
