import { checkImportToken } from '@millrace/runtime'
import { importDeposits } from '../accounts.ts'
import { limits } from '../domain/limits.ts'
import { paymentsProblem } from '../errors.ts'
import type { FakeProvider } from '../provider/fake-provider.ts'
import { audit } from '../sql/audit.ts'
import { normalSetting } from '../sql/provider-setting.ts'
import { readStats } from '../sql/stats.ts'
import { basePath, type Consuming, type RouteContext } from './context.ts'
import { ImportBody, ImportResult, ProviderBody, ProviderSchema, StatsQuery } from './schemas.ts'

const tags = ['operations']

export interface OperationOptions {
  readonly importToken: string | null
  readonly provider: FakeProvider
  /** Whether the Lab may tell the provider how to answer. */
  readonly hasFaults: boolean
  readonly consumer: Consuming
}

/** What people who run the shop need: figures, an audit, the import and the Lab's switch. */
export function registerOperations(context: RouteContext, options: OperationOptions): void {
  const { app, database, outbox, managerOf } = context
  const { provider, hasFaults, consumer, importToken } = options
  app.get(
    `${basePath}/stats`,
    {
      schema: {
        tags,
        summary: 'Sums over all accounts, what waits, and the consumer',
        querystring: StatsQuery,
      },
    },
    async (request) => {
      managerOf(request)
      const stats = consumer?.stats()
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
    {
      schema: { tags, summary: 'Accounts whose figures are not the sums of their movements: none' },
    },
    async (request) => {
      managerOf(request)
      const findings = await audit(database)
      return { isSound: findings.length === 0, findings }
    },
  )

  app.get(
    `${basePath}/provider`,
    { schema: { tags, summary: 'How the fake provider answers' } },
    async () => ({ ...(await provider.setting()), isOpen: hasFaults }),
  )

  app.put(
    `${basePath}/provider`,
    {
      schema: {
        tags,
        summary: 'Tell the fake provider how to answer; in development',
        body: ProviderBody,
        response: { 200: ProviderSchema },
      },
    },
    async (request) => {
      managerOf(request)
      if (!hasFaults)
        throw paymentsProblem(
          'MR_PAYMENTS_FAULTS_CLOSED',
          'Faults are for development; this service runs in production mode.',
        )
      const setting = { ...normalSetting, ...request.body }
      await provider.change(setting)
      return setting
    },
  )

  app.post(
    `${basePath}/import`,
    {
      bodyLimit: limits.importBodyBytes,
      // The token decides, not who sends it.
      config: { isPublic: true },
      onRequest: async (request) => checkImportToken(request, importToken),
      schema: {
        tags: ['import'],
        summary: 'Book deposits of a file; for the import command',
        description: 'Needs `Authorization: Bearer <IMPORT_TOKEN>`. A batch is one transaction.',
        body: ImportBody,
        response: { 200: ImportResult },
      },
    },
    async (request) => {
      const lines = request.body.lines.map((line) => ({ reason: null, ...line }))
      const created = await database.transaction((tx) => importDeposits(tx, lines))
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
