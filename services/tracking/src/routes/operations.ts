import type { OperationRequest, OperationState } from '@millrace/inbox'
import { UuidSchema } from '@millrace/events'
import { ProblemSchema, userOf } from '@millrace/runtime'
import { Type, type Static } from 'typebox'
import { badFilter, trackingProblem } from '../problem.ts'
import type { RepublishRequest } from '../republish/types.ts'
import type { ListedTrackedOperation, TrackedOperations } from '../sources/tracked-operations.ts'
import { basePath, type RouteContext } from './context.ts'
import { timeOf } from './filter.ts'
import {
  AuditSchema,
  ItemPageSchema,
  OperationPageSchema,
  OperationSchema,
  PlanBody,
  RateBody,
  ReasonBody,
} from './operation-schemas.ts'
import { exact, IdText } from './schemas.ts'

const tags = ['operations']
const path = `${basePath}/operations`
const params = Type.Object({ id: UuidSchema })
const problems = { 400: ProblemSchema, 404: ProblemSchema, 409: ProblemSchema }

const states: readonly OperationState[] = [
  'PLANNED',
  'EXPIRED',
  'CONFIRMED',
  'RUNNING',
  'PAUSED',
  'DONE',
  'CANCELLED',
]

/**
 * Re-drive, replay, edit: planned, then confirmed, then carried out by the consumers of the group. Republish: the same for what the relay of a service
 * could not publish.
 */
export function registerOperations({ app }: RouteContext, tracked: TrackedOperations): void {
  app.post(
    path,
    {
      // An edited payload may be as large as a record.
      bodyLimit: 2_000_000,
      schema: {
        tags,
        summary: 'Plan an operation: how many events, which, and what is refused. Changes nothing',
        body: PlanBody,
        response: { 201: OperationSchema, 429: ProblemSchema, ...problems },
      },
    },
    async (request, reply) => {
      const { service } = request.body
      const planned = await tracked.plan(service, requestOf(request.body), userOf(request))
      return reply.code(201).send(operationToWire(planned))
    },
  )

  app.get(
    path,
    {
      schema: {
        tags,
        summary: 'Operations of all services, newest first',
        querystring: Type.Object(
          {
            group: Type.Optional(IdText),
            state: Type.Optional(
              Type.String({ maxLength: 200, description: 'One or more, parted by commas' }),
            ),
            limit: Type.Integer({ minimum: 1, maximum: 200, default: 50 }),
            before: Type.Optional(UuidSchema),
          },
          exact,
        ),
        response: { 200: OperationPageSchema, ...problems },
      },
    },
    async (request) => {
      const { group, state, limit, before } = request.query
      const { items, unreachable } = await tracked.list({
        limit,
        ...(group !== undefined && { group }),
        ...(before !== undefined && { before }),
        ...(state !== undefined && { states: statesOf(state) }),
      })
      return {
        items: items.map(operationToWire),
        next: items.length === limit ? (items.at(-1)?.operation.id ?? null) : null,
        unreachable: [...unreachable],
      }
    },
  )

  app.get(
    `${path}/:id`,
    {
      schema: {
        tags,
        summary: 'One operation with its plan, progress and audit',
        params,
        response: {
          200: Type.Object({ operation: OperationSchema, audit: AuditSchema }),
          ...problems,
        },
      },
    },
    async (request) => {
      const found = await tracked.find(request.params.id)
      const audit = await found.audit()
      return {
        operation: operationToWire(found),
        audit: audit.map((line) => ({ ...line, at: line.at.toISOString() })),
      }
    },
  )

  app.get(
    `${path}/:id/items`,
    {
      schema: {
        tags,
        summary: 'What became of each event, in the order of their turns',
        params,
        querystring: Type.Object(
          {
            limit: Type.Integer({ minimum: 1, maximum: 1_000, default: 100 }),
            after: Type.Optional(Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 })),
          },
          exact,
        ),
        response: { 200: ItemPageSchema, ...problems },
      },
    },
    async (request) => {
      const { limit, after } = request.query
      const found = await tracked.find(request.params.id)
      const items = await found.items({ limit, ...(after !== undefined && { after }) })
      return {
        items: items.map((item) => ({
          ...item,
          releasedAt: isoOrNull(item.releasedAt),
          endedAt: isoOrNull(item.endedAt),
        })),
        next: items.length === limit ? (items.at(-1)?.position ?? null) : null,
      }
    },
  )

  const acts = {
    confirm: 'Set a planned operation going; it is planned anew first, and refused if it grew',
    pause: 'Begin nothing more; what is under way ends',
    resume: 'Go on',
    cancel: 'Leave, or make again, what has not begun as it was; also drops a plan',
  } as const
  for (const act of ['confirm', 'pause', 'resume', 'cancel'] as const)
    app.post(
      `${path}/:id/${act}`,
      {
        schema: {
          tags,
          summary: acts[act],
          params,
          body: ReasonBody,
          response: { 200: OperationSchema, ...problems },
        },
      },
      async (request) => {
        const by = userOf(request)
        const { reason } = request.body
        const { id } = request.params
        return operationToWire(await tracked.act(id, (acts) => acts[act](id, { by, reason })))
      },
    )

  app.post(
    `${path}/:id/rate`,
    {
      schema: {
        tags,
        summary: 'Faster or slower',
        params,
        body: RateBody,
        response: { 200: OperationSchema, ...problems },
      },
    },
    async (request) => {
      const by = userOf(request)
      const { reason, ratePerSecond } = request.body
      const { id } = request.params
      return operationToWire(
        await tracked.act(id, (acts) => acts.setRate(id, ratePerSecond, { by, reason })),
      )
    },
  )
}

/** What each kind takes. Anything else narrowed nothing, and more events would be touched than was meant. */
const fieldsOfKind = {
  redrive: ['group', 'eventIds', 'filter', 'cutOff', 'ratePerSecond'],
  replay: [
    'group',
    'topic',
    'from',
    'to',
    'eventType',
    'key',
    'sourceGroup',
    'force',
    'ratePerSecond',
  ],
  edit: ['group', 'eventId', 'payload'],
  republish: ['eventIds', 'filter', 'cutOff', 'ratePerSecond'],
} as const satisfies Record<string, readonly (keyof Static<typeof PlanBody>)[]>

function checkFields({ kind, service: _service, ...given }: PlanRequest): void {
  const known: readonly string[] = fieldsOfKind[kind]
  const foreign = Object.keys(given).filter((field) => !known.includes(field))
  if (foreign.length === 0) return
  const reason = `is not for the kind ${kind}, which takes ${known.join(', ')}`
  throw trackingProblem(
    'MR_TRACKING_BAD_OPERATION',
    `${foreign.join(', ')}: ${reason}. Nothing was planned.`,
    { errors: foreign.map((field) => ({ field, reason, in: 'body' })) },
  )
}

type PlanRequest = Static<typeof PlanBody>

function requestOf(body: PlanRequest): OperationRequest | RepublishRequest {
  checkFields(body)
  if (body.kind !== 'republish' && body.group === undefined)
    throw trackingProblem(
      'MR_TRACKING_BAD_OPERATION',
      `A ${body.kind} needs the group whose consumers carry it out. Nothing was planned.`,
    )
  const { service: _service, filter, cutOff, from, to, ...rest } = body
  const times = {
    cutOff: timeOf('cutOff', cutOff),
    from: timeOf('from', from),
    to: timeOf('to', to),
  }
  if (rest.kind === 'replay' && (!times.from || !times.to || rest.topic === undefined))
    throw trackingProblem(
      'MR_TRACKING_BAD_OPERATION',
      'A replay needs topic, from and to: which part of the past is to be handled once more.',
    )
  if (rest.kind === 'edit' && (rest.eventId === undefined || rest.payload === undefined))
    throw trackingProblem('MR_TRACKING_BAD_OPERATION', 'An edit needs eventId and payload.')
  return {
    ...rest,
    ...(times.cutOff && { cutOff: times.cutOff }),
    ...(times.from && { from: times.from }),
    ...(times.to && { to: times.to }),
    ...(filter && {
      filter: {
        ...filter,
        from: timeOf('filter.from', filter.from),
        to: timeOf('filter.to', filter.to),
      },
    }),
  } as unknown as OperationRequest | RepublishRequest
}

function statesOf(text: string): readonly OperationState[] {
  const wanted = text.split(',').map((each) => each.trim().toUpperCase())
  const known = states.filter((state) => wanted.includes(state))
  if (known.length !== new Set(wanted).size)
    throw badFilter('state', `must be some of ${states.join(', ')}, parted by commas`)
  return known
}

function operationToWire({
  service,
  operation,
}: ListedTrackedOperation): Static<typeof OperationSchema> {
  const { plan, progress } = operation
  return {
    ...operation,
    service,
    request: shownRequest(operation),
    plan: {
      ...plan,
      sample: [...plan.sample],
      refusals: plan.refusals.map((each) => ({
        ...each,
        sampleEventIds: [...each.sampleEventIds],
      })),
      cutOff: isoOrNull(plan.cutOff),
    },
    progress: { ...progress },
    createdAt: operation.createdAt.toISOString(),
    expiresAt: operation.expiresAt.toISOString(),
    confirmedAt: isoOrNull(operation.confirmedAt),
    startedAt: isoOrNull(operation.startedAt),
    endedAt: isoOrNull(operation.endedAt),
    updatedAt: operation.updatedAt.toISOString(),
  }
}

/** The payload of an edit may hold secrets, and lists of operations need none of it. */
function shownRequest({ request }: ListedTrackedOperation['operation']): unknown {
  if (request.kind !== 'edit' || 'isCut' in request) return request
  const { payload, ...rest } = request
  return { ...rest, payloadBytes: Buffer.byteLength(payload) }
}

function isoOrNull(date: Date | null): string | null {
  return date?.toISOString() ?? null
}
