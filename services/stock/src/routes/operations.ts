import { checkImportToken } from '@millrace/runtime'
import { limits } from '../domain/limits.ts'
import { stockProblem } from '../errors.ts'
import { audit } from '../sql/audit.ts'
import { readFaultMode, writeFaultMode } from '../sql/fault-mode.ts'
import { readStats } from '../sql/stats.ts'
import { importMovements } from '../stock.ts'
import { basePath, type Consuming, type RouteContext } from './context.ts'
import { FaultBody, ImportBody, ImportResult, StatsQuery } from './schemas.ts'

const tags = ['operations']

export interface OperationOptions {
  readonly importToken: string | null
  /** Whether the Lab may make this service do wrong. */
  readonly hasFaults: boolean
  readonly consumer: Consuming
}

/** What people who run the shop need: figures, an audit, the import and the Lab's switch. */
export function registerOperations(context: RouteContext, options: OperationOptions): void {
  const { app, database, outbox, managerOf } = context
  app.get(
    `${basePath}/stats`,
    {
      schema: {
        tags,
        summary: 'Sums over all skus, open reservations, and the consumer',
        querystring: StatsQuery,
      },
    },
    async (request) => {
      managerOf(request)
      const stats = options.consumer?.stats()
      const { publishedTotal, pending, oldestPendingAgeMs, failed } = await outbox.stats()
      return {
        ...(request.query.sums && (await readStats(database))),
        answers: { published: String(publishedTotal), pending, oldestPendingAgeMs, failed },
        consumer: stats
          ? { state: stats.state, lagRecords: stats.lagRecords, lagAgeMs: stats.lagAgeMs }
          : null,
      }
    },
  )

  app.get(
    `${basePath}/audit`,
    { schema: { tags, summary: 'Skus whose figures are not the sums of their movements: none' } },
    async (request) => {
      managerOf(request)
      const findings = await audit(database)
      return { isSound: findings.length === 0, findings }
    },
  )

  app.get(
    `${basePath}/faults`,
    { schema: { tags, summary: 'What the Lab makes wrong' } },
    async () => ({
      mode: await readFaultMode(database),
      isOpen: options.hasFaults,
    }),
  )

  app.put(
    `${basePath}/faults`,
    {
      schema: {
        tags,
        summary: 'Refuse orders, or keep silent; in development',
        body: FaultBody,
        response: { 200: FaultBody },
      },
    },
    async (request) => {
      managerOf(request)
      if (!options.hasFaults)
        throw stockProblem(
          'MR_STOCK_FAULTS_CLOSED',
          'Faults are for development; this service runs in production mode.',
        )
      await writeFaultMode(database, request.body.mode)
      return request.body
    },
  )

  app.post(
    `${basePath}/import`,
    {
      bodyLimit: limits.importBodyBytes,
      // The token decides, not who sends it.
      config: { isPublic: true },
      onRequest: async (request) => checkImportToken(request, options.importToken),
      schema: {
        tags: ['import'],
        summary: 'Book receipts and adjustments of a file; for the import command',
        description: 'Needs `Authorization: Bearer <IMPORT_TOKEN>`. A batch is one transaction.',
        body: ImportBody,
        response: { 200: ImportResult },
      },
    },
    async (request) => {
      const lines = request.body.lines.map((line) => ({ reason: null, ...line }))
      const created = await database.transaction((tx) => importMovements(tx, lines))
      const told = new Set<string>()
      return {
        results: lines.map(({ id }) => {
          const isCreated = created.has(id) && !told.has(id)
          told.add(id)
          return { id, result: isCreated ? ('created' as const) : ('exists' as const) }
        }),
      }
    },
  )
}
