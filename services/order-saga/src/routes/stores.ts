import { toError } from '@millrace/core'
import { callerWithRole, ProblemError, ProblemSchema, type ServiceApp } from '@millrace/runtime'
import { partitionForKey } from '@millrace/kafka'
import {
  int64Serde,
  locateText,
  readAsText,
  StreamsError,
  type StreamPartitioner,
  type StreamsApp,
  type TextInstance,
  type TextRead,
  type TextRow,
} from '@millrace/streams'
import { Type, type Static } from 'typebox'
import type { SagaApp } from '../saga-app.ts'
import { dueOrdersStore } from '../topology/decider.ts'
import type { DueKey } from '../topology/due-key.ts'
import { applicationId } from '../topology/saga-topology.ts'
import { InstanceSchema, NumberOrNull } from './stream-app-schema.ts'

/** Most rows of one page. */
const maxPageSize = 100
/** A value of a page is shown up to so many characters of its JSON; one that was asked for by its key alone has more. */
const maxValueLength = 2_000
const maxOneValueLength = 100_000

const reads = [
  'get',
  'range',
  'prefix',
  'window',
  'windows',
  'windows-of-key',
  'session',
  'sessions-of-key',
  'ended-sessions',
] as const

const text = (description: string) => Type.Optional(Type.String({ maxLength: 4_000, description }))
const time = (description: string) =>
  Type.Optional(Type.String({ pattern: '^-?[0-9]{1,16}$', description: `${description}, ms` }))

const QuerySchema = Type.Object(
  {
    key: text('As its `keyForm` says'),
    from: text('First key of a range'),
    to: text('Last key of a range'),
    prefix: text('With which keys begin'),
    startMs: time('Start of one window or session'),
    endMs: time('End of one session'),
    fromMs: time('Earliest start of windows'),
    toMs: time('Latest start of windows'),
    earliestEndMs: time('Earliest end of sessions'),
    latestEndMs: time('Latest end of sessions'),
    latestStartMs: time('Latest start of sessions'),
    order: Type.Optional(Type.Union([Type.Literal('asc'), Type.Literal('desc')])),
    limit: Type.Integer({ minimum: 1, maximum: maxPageSize, default: 50 }),
    after: text('As the answer before gave it'),
  },
  { additionalProperties: false },
)

const NullableInstance = Type.Union([InstanceSchema, Type.Null()])

const RowSchema = Type.Object({
  key: Type.String({ description: 'As a read takes it' }),
  value: Type.String({ description: 'JSON, cut where isCut' }),
  isCut: Type.Boolean(),
  sizeBytes: Type.Integer({ description: 'Of the value in the store' }),
  timestamp: Type.Union([Type.String(), Type.Null()]),
  startMs: NumberOrNull,
  endMs: NumberOrNull,
  partition: NumberOrNull,
})

const AnswerSchema = Type.Object({
  rows: Type.Array(RowSchema),
  after: Type.Union([Type.String(), Type.Null()], {
    description: 'For the rows behind these; null where there are none',
  }),
  key: Type.Union(
    [
      Type.Object({
        partition: NumberOrNull,
        owner: InstanceSchema,
        copies: Type.Array(InstanceSchema),
      }),
      Type.Null(),
    ],
    { description: 'Who has the key that was asked for, whether there is such a key or not' },
  ),
  partitions: Type.Array(
    Type.Object({ partition: NumberOrNull, owner: NullableInstance, lagRecords: NumberOrNull }),
    { description: 'Those that answered, and how many input records were not in them yet' },
  ),
  answeredAt: Type.String(),
})

type Answer = Static<typeof AnswerSchema>

/** Where keys are that are not hashed as they stand: an order's timer is with the order. */
const partitioners: Readonly<Record<string, StreamPartitioner<never, never>>> = {
  [dueOrdersStore]: (_topic, { orderId }: DueKey, _value, count) =>
    partitionForKey(int64Serde.serialize(orderId), count),
}

export interface StoresRouteOptions {
  readonly saga: Pick<SagaApp, 'app'>
  readonly timeoutMs: number
  readonly nowMs: () => number
  /** In production mode. */
  readonly isForStaff: boolean
}

/** What the stores of the stream app hold, whichever instance has it, as the last commit left it. */
export function registerStores(app: ServiceApp, options: StoresRouteOptions): void {
  const { saga, timeoutMs, nowMs, isForStaff } = options
  app.get(
    `/api/streams/${applicationId}/stores/:store/:read`,
    {
      schema: {
        summary: 'Rows of a store: by key, by range of keys, by span of time',
        description:
          'Keys are written as the `keyForm` of the store says; ranges and spans include both ends. Which parameters there are depends on the read.',
        params: Type.Object({
          store: Type.String({ minLength: 1, maxLength: 249 }),
          read: Type.Union(reads.map((read) => Type.Literal(read))),
        }),
        querystring: QuerySchema,
        response: {
          200: AnswerSchema,
          400: ProblemSchema,
          401: ProblemSchema,
          403: ProblemSchema,
          404: ProblemSchema,
          503: ProblemSchema,
        },
      },
    },
    async (request) => {
      if (isForStaff) callerWithRole(request, 'staff', 'admin')
      const { store, read } = request.params
      const parameters = new URLSearchParams({
        isolation: 'committed',
        timeoutMs: String(timeoutMs),
      })
      for (const [name, value] of Object.entries(request.query))
        if (value !== undefined) parameters.set(name, String(value))
      try {
        return await answerOf(runningIn(saga), { store, read, parameters }, nowMs())
      } catch (error) {
        throw problemOfRead(error)
      }
    },
  )
}

function runningIn({ app }: Pick<SagaApp, 'app'>): StreamsApp {
  if (app) return app
  throw unreadable('the stream app has not reached the broker yet.')
}

async function answerOf(
  app: StreamsApp,
  asked: Omit<TextRead, 'partitioner'>,
  nowMs: number,
): Promise<Answer> {
  const { store } = asked
  const partitioner = partitioners[store]
  const { rows, after, partitions } = await readAsText(app, { ...asked, partitioner })
  const keyText = asked.parameters.get('key')
  const key = keyText === null ? null : locateText(app, { store, partitioner }, keyText)
  return {
    rows: rows.map((row) => rowOf(row, asked.read === 'get' ? maxOneValueLength : maxValueLength)),
    after,
    key: key && {
      partition: key.partition ?? null,
      owner: instanceAnswer(key.owner),
      copies: key.copies.map(instanceAnswer),
    },
    partitions: partitions.map(({ partition, owner, lagRecords }) => ({
      partition: partition ?? null,
      owner: owner ? instanceAnswer(owner) : null,
      lagRecords: lagRecords ?? null,
    })),
    answeredAt: new Date(nowMs).toISOString(),
  }
}

function instanceAnswer({
  processId,
  applicationServer,
  isThis,
}: TextInstance): Static<typeof InstanceSchema> {
  return { processId, applicationServer: applicationServer ?? null, isThis }
}

function rowOf(row: TextRow, maxLength: number): Answer['rows'][number] {
  const { keyText, value, sizeBytes, timestamp, startMs, endMs, partition } = row
  const json = JSON.stringify(value)
  return {
    key: keyText,
    value: json.slice(0, maxLength),
    isCut: json.length > maxLength,
    sizeBytes,
    timestamp: timestamp === undefined ? null : new Date(timestamp).toISOString(),
    startMs: startMs ?? null,
    endMs: endMs ?? null,
    partition: partition ?? null,
  }
}

/** What the stream app says of a read, in the words of HTTP. */
function problemOfRead(error: unknown): Error {
  if (!(error instanceof StreamsError)) return toError(error)
  const { code, message, details } = error
  const field = details['name']
  if (code === 'MR_STREAMS_BAD_QUERY')
    return new ProblemError(400, 'MR_ORDER_SAGA_BAD_QUERY', message, {
      cause: error,
      ...(typeof field === 'string' && {
        errors: [{ field, reason: message, in: 'query' as const }],
      }),
    })
  if (code === 'MR_STREAMS_UNKNOWN_STORE')
    return new ProblemError(404, 'MR_ORDER_SAGA_UNKNOWN_STORE', message, { cause: error })
  if (code === 'MR_STREAMS_INSTANCE_UNREACHABLE')
    return new ProblemError(
      503,
      'MR_ORDER_SAGA_OWNER_AWAY',
      `The instance that has this part of the store does not answer: ${message} The group gives it to another one when its session is over; ask again then.`,
      { headers: { 'retry-after': '1' }, cause: error },
    )
  if (error.retryable || code === 'MR_STREAMS_CLOSED') return unreadable(message, error)
  return error
}

function unreadable(why: string, cause?: Error): ProblemError {
  return new ProblemError(
    503,
    'MR_ORDER_SAGA_NOT_READY',
    `The store cannot be read just now: ${why} Orders are taken all the same.`,
    { headers: { 'retry-after': '1' }, cause },
  )
}
