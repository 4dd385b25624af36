import { pendingCountLimit } from '@millrace/outbox'
import { ProblemSchema } from '@millrace/runtime'
import { Type } from 'typebox'
import { badFilter } from '../problem.ts'
import { checkTimes } from '../sources/log-filter.ts'
import { basePath, type RouteContext } from './context.ts'
import { timeOf } from './filter.ts'
import { exact, nullable, TimeText, UnreachableSchema } from './schemas.ts'

const NumberOrNull = nullable(Type.Number())
const Count = Type.Integer()

const CountsSchema = Type.Object({
  from: Type.String(),
  to: Type.String(),
  production: Type.Array(
    Type.Object({
      service: Type.String(),
      topic: Type.String(),
      status: Type.String(),
      count: Count,
    }),
  ),
  consumption: Type.Array(
    Type.Object({
      service: Type.String(),
      topic: Type.String(),
      consumerGroup: Type.String(),
      status: Type.String(),
      count: Count,
    }),
  ),
  isComplete: Type.Boolean({
    description:
      'False when counting stopped at its limit: figures are of events since scannedFrom',
  }),
  scannedFrom: Type.String(),
  unreachable: UnreachableSchema,
})

const BacklogSchema = Type.Object({
  services: Type.Array(
    Type.Object({
      service: Type.String(),
      production: nullable(
        Type.Object({
          pending: Count,
          isPendingCut: Type.Boolean({ description: 'There are at least that many' }),
          oldestPendingAgeMs: NumberOrNull,
          failed: Count,
          parked: Count,
        }),
      ),
      groups: Type.Array(
        Type.Object({
          consumerGroup: Type.String(),
          pending: Count,
          processing: Count,
          failed: Count,
          parked: Count,
          oldestPendingAgeMs: NumberOrNull,
        }),
      ),
    }),
  ),
  unreachable: UnreachableSchema,
})

const defaultRangeMs = 3_600_000
const maxRangeMs = 31 * 86_400_000

/** Figures over all services. */
export function registerCounts({ app, logs }: RouteContext, now: () => number): void {
  app.get(
    `${basePath}/counts`,
    {
      schema: {
        tags: ['figures'],
        summary: 'Events per status, service and topic, in a time range; by default the last hour',
        querystring: Type.Object(
          { from: Type.Optional(TimeText), to: Type.Optional(TimeText) },
          exact,
        ),
        response: { 200: CountsSchema, 400: ProblemSchema, 503: ProblemSchema },
      },
    },
    async (request) => {
      const range = rangeOf(request.query, now())
      const { answers, unreachable } = await logs.ask(async ({ productions, consumptions }) => ({
        productions: await Promise.all(productions.map(({ log }) => log.counts(range))),
        consumptions: await Promise.all(consumptions.map(({ log }) => log.counts(range))),
      }))
      const produced = answers.flatMap(({ value }) => value.productions)
      const consumed = answers.flatMap(({ value }) => value.consumptions)
      const all = [...produced, ...consumed]
      return {
        from: range.from.toISOString(),
        to: range.to.toISOString(),
        production: produced.flatMap(({ counts }) => counts.map((each) => ({ ...each }))),
        consumption: consumed.flatMap(({ counts }) =>
          counts.map(({ serviceName, ...each }) => ({ service: serviceName, ...each })),
        ),
        isComplete: all.every((each) => each.isComplete),
        scannedFrom: new Date(
          Math.max(range.from.getTime(), ...all.map((each) => each.scannedFrom.getTime())),
        ).toISOString(),
        unreachable: [...unreachable],
      }
    },
  )

  app.get(
    `${basePath}/backlog`,
    {
      schema: {
        tags: ['figures'],
        summary: 'What waits, failed or is parked now, per service',
        response: { 200: BacklogSchema, 503: ProblemSchema },
      },
    },
    async () => {
      const { answers, unreachable } = await logs.ask(async ({ productions, consumptions }) => ({
        productions: await Promise.all(productions.map(({ log }) => log.summary())),
        consumptions: await Promise.all(consumptions.map(({ log }) => log.summary())),
      }))
      return {
        services: answers.map(({ service, value }) => {
          const [produced] = value.productions
          return {
            service,
            production: produced
              ? {
                  pending: produced.pending,
                  isPendingCut: produced.pending >= pendingCountLimit,
                  oldestPendingAgeMs: produced.oldestPendingAgeMs,
                  failed: produced.failed,
                  parked: produced.parked,
                }
              : null,
            groups: value.consumptions.flatMap((each) =>
              each.groups.map((group) => ({ ...group })),
            ),
          }
        }),
        unreachable: [...unreachable],
      }
    },
  )
}

/** @throws ProblemError 400 */
export function rangeOf(
  query: { readonly from?: string; readonly to?: string },
  nowMs: number,
  defaultMs = defaultRangeMs,
): { readonly from: Date; readonly to: Date } {
  const to = timeOf('to', query.to) ?? new Date(nowMs)
  const from = timeOf('from', query.from) ?? new Date(Math.max(0, to.getTime() - defaultMs))
  checkTimes(from, to)
  if (to.getTime() - from.getTime() > maxRangeMs)
    throw badFilter('from', `may lie at most 31 days before to (${to.toISOString()})`)
  return { from, to }
}
