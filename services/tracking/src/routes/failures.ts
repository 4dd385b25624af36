import type { FailureGroups } from '@millrace/inbox'
import type { ProductionFailures } from '@millrace/outbox'
import { ProblemSchema } from '@millrace/runtime'
import { Type, type Static } from 'typebox'
import { trackingProblem } from '../problem.ts'
import { basePath, type RouteContext } from './context.ts'
import { rangeOf } from './counts.ts'
import { EventSchema, exact, IdText, nullable, TimeText, UnreachableSchema } from './schemas.ts'
import { eventToWire } from './wire.ts'

const Side = Type.Union([Type.Literal('consumption'), Type.Literal('production')], {
  description: 'consumption: a handler failed; production: the broker refused what was written',
})

const FailureSchema = Type.Object({
  side: Side,
  database: Type.String({ description: 'The service whose database holds the rows' }),
  fingerprint: Type.String(),
  errorClass: Type.String(),
  firstLine: Type.String(),
  failed: Type.Integer({ description: 'Events given up' }),
  retrying: Type.Integer({ description: 'Events that failed and wait for a further attempt' }),
  parked: nullable(
    Type.Integer({
      description: 'Of refused events: those of the same keys that wait behind them',
    }),
  ),
  firstSeenAt: Type.String(),
  lastSeenAt: Type.String(),
  topics: Type.Array(Type.String()),
  eventTypes: Type.Array(Type.String()),
  consumerGroups: Type.Array(Type.String(), { description: 'None of what was refused' }),
  sampleEventIds: Type.Array(Type.String()),
  trend: Type.Array(Type.Object({ at: Type.String(), count: Type.Integer() })),
})

const FailuresSchema = Type.Object({
  from: Type.String(),
  to: Type.String(),
  items: Type.Array(FailureSchema, { description: 'The largest first' }),
  bucketMs: Type.Number({ description: "Width of the trend's buckets" }),
  isComplete: Type.Boolean({
    description: 'False when there are more open failures than were looked at',
  }),
  unreachable: UnreachableSchema,
})

const day = 86_400_000

interface ReadGroups {
  readonly groups: readonly Omit<Static<typeof FailureSchema>, 'database'>[]
  readonly bucketMs: number
  readonly isComplete: boolean
}

function failuresOf({ groups, ...rest }: FailureGroups): ReadGroups {
  return {
    ...rest,
    groups: groups.map((group) => ({
      side: 'consumption',
      ...group,
      ...timesOf(group),
      parked: null,
      topics: [...group.topics],
      eventTypes: [...group.eventTypes],
      consumerGroups: [...group.consumerGroups],
      sampleEventIds: [...group.sampleEventIds],
    })),
  }
}

function refusalsOf({ groups, ...rest }: ProductionFailures): ReadGroups {
  return {
    ...rest,
    groups: groups.map(({ topic, eventType, ...group }) => ({
      side: 'production',
      ...group,
      ...timesOf(group),
      topics: [topic],
      eventTypes: [eventType],
      consumerGroups: [],
      sampleEventIds: [...group.sampleEventIds],
    })),
  }
}

function timesOf(
  group: Pick<FailureGroups['groups'][number], 'firstSeenAt' | 'lastSeenAt' | 'trend'>,
) {
  return {
    firstSeenAt: group.firstSeenAt.toISOString(),
    lastSeenAt: group.lastSeenAt.toISOString(),
    trend: group.trend.map(({ at, count }) => ({ at: at.toISOString(), count })),
  }
}

interface FailuresQuery {
  readonly from?: string
  readonly to?: string
  readonly side?: Static<typeof Side>
  readonly group?: string
}

/** Failures of handlers and refusals of the broker, grouped by what went wrong where. */
export function registerFailures({ app, logs }: RouteContext, now: () => number): void {
  const groupsOf = async (query: FailuresQuery, fingerprint?: string) => {
    const range = rangeOf(query, now(), day)
    const { side, group } = query
    const asked = { ...range, ...(fingerprint !== undefined && { fingerprint }) }
    const { answers, unreachable } = await logs.ask(async (found) => {
      // What was refused has met no group yet.
      const productions = side === 'consumption' || group !== undefined ? [] : found.productions
      const consumptions = side === 'production' ? [] : found.consumptions
      const [refused, failed] = await Promise.all([
        Promise.all(productions.map(({ log }) => log.failureGroups(asked))),
        Promise.all(
          consumptions.map(({ log }) =>
            log.failureGroups({ ...asked, ...(group !== undefined && { group }) }),
          ),
        ),
      ])
      return [...refused.map(refusalsOf), ...failed.map(failuresOf)]
    })
    const found = answers.flatMap(({ service, value }) =>
      value.map((each) => ({ service, ...each })),
    )
    return {
      from: range.from.toISOString(),
      to: range.to.toISOString(),
      items: found
        .flatMap(({ service, groups }) => groups.map((each) => ({ database: service, ...each })))
        .toSorted((a, b) => b.failed + b.retrying - (a.failed + a.retrying)),
      bucketMs: found[0]?.bucketMs ?? 60_000,
      isComplete: found.every((each) => each.isComplete),
      unreachable: [...unreachable],
    }
  }

  const range = { from: Type.Optional(TimeText), to: Type.Optional(TimeText) }
  app.get(
    `${basePath}/failures`,
    {
      schema: {
        tags: ['failures'],
        summary: 'Failures by fingerprint over all services; by default of the last 24 hours',
        querystring: Type.Object(
          { ...range, side: Type.Optional(Side), group: Type.Optional(IdText) },
          exact,
        ),
        response: { 200: FailuresSchema, 400: ProblemSchema, 503: ProblemSchema },
      },
    },
    (request) => groupsOf(request.query),
  )

  app.get(
    `${basePath}/failures/:fingerprint`,
    {
      schema: {
        tags: ['failures'],
        summary:
          'One kind of failure with its newest events; of what handlers failed at also those mended since',
        params: Type.Object({ fingerprint: Type.String({ minLength: 1, maxLength: 100 }) }),
        querystring: Type.Object(
          { ...range, limit: Type.Integer({ minimum: 1, maximum: 200, default: 50 }) },
          exact,
        ),
        response: {
          200: Type.Object({
            failures: FailuresSchema,
            events: Type.Array(EventSchema),
          }),
          404: ProblemSchema,
        },
      },
    },
    async (request) => {
      const { fingerprint } = request.params
      const { limit, ...query } = request.query
      const [failures, page] = await Promise.all([
        groupsOf(query, fingerprint),
        logs.search({ fingerprint }, limit, undefined),
      ])
      if (failures.items.length === 0 && page.events.length === 0)
        throw trackingProblem(
          'MR_TRACKING_FAILURE_NOT_FOUND',
          `No failure has the fingerprint ${fingerprint}. Its events may have been archived.`,
        )
      return { failures, events: page.events.map(eventToWire) }
    },
  )
}
