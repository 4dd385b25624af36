/** What is told of the stream app, for the console. */
import { Type, type Static } from 'typebox'

export const NumberOrNull = Type.Union([Type.Number(), Type.Null()])
const Offset = Type.Union([Type.String(), Type.Null()], { description: '64-bit, so it is text' })
/** Of the instance that has it; empty before its start. */
const processId = Type.String()
const Counts = Type.Record(Type.String(), Type.Number())

const NodeSchema = Type.Object({
  name: Type.String(),
  kind: Type.Union([Type.Literal('source'), Type.Literal('processor'), Type.Literal('sink')]),
  parents: Type.Array(Type.String()),
  topics: Type.Array(Type.String()),
  stores: Type.Array(Type.String()),
  processedRecords: Type.Union([Type.Number(), Type.Null()], {
    description:
      'Records that the node was given since the start of the process; null where that is not counted',
  }),
})

const TaskSchema = Type.Object({
  taskId: Type.String(),
  state: Type.String(),
  partitions: Type.Array(
    Type.Object({
      topic: Type.String(),
      partition: Type.Integer(),
      committedOffset: Offset,
      endOffset: Offset,
      lagRecords: NumberOrNull,
    }),
  ),
})

/** Who runs what, as the group last told. */
export const InstanceSchema = Type.Object({
  processId: Type.String(),
  applicationServer: Type.Union([Type.String(), Type.Null()]),
  isThis: Type.Boolean(),
})

/** Which instances an answer is about. */
export const ScopeQuery = Type.Object(
  {
    scope: Type.Union([Type.Literal('application'), Type.Literal('instance')], {
      default: 'application',
      description: 'All instances of the application, or the one that is asked alone',
    }),
  },
  { additionalProperties: false },
)

export const PauseActSchema = Type.Object({
  act: Type.Union([Type.Literal('pause'), Type.Literal('resume')]),
  by: Type.String(),
  reason: Type.String(),
  at: Type.String(),
  correlationId: Type.String({ description: 'The same where one wish reached several instances' }),
})

const isPausedDescription = 'Whether all instances that answered are paused'
const acts = Type.Array(PauseActSchema, {
  description: 'The newest 20 of an instance, the newest first',
})

/** Whether it is paused, and the acts that led there, the newest first. */
export const PausingSchema = Type.Object({
  isPaused: Type.Boolean({ description: isPausedDescription }),
  acts,
})

const ProblemOfInstance = Type.Union([Type.String(), Type.Null()], {
  description: 'Why it is not known how it is with this one; null where it answered',
})

/** What a pause or resume came to. */
export const PausedSchema = Type.Object({
  isPaused: Type.Boolean({ description: isPausedDescription }),
  acts,
  instances: Type.Array(
    Type.Object({
      ...InstanceSchema.properties,
      isPaused: Type.Union([Type.Boolean(), Type.Null()]),
      problem: ProblemOfInstance,
    }),
    {
      description:
        'Each instance that the group last told of; one with a problem was not reached, and is as it was',
    },
  ),
})

export const StreamAppSchema = Type.Object({
  applicationId: Type.String(),
  state: Type.String(),
  isWhole: Type.Boolean({
    description:
      'Whether the figures are of all instances: false where one did not answer, and for `scope=instance`',
  }),
  pausing: PausingSchema,
  topology: Type.Object({
    text: Type.String({ description: 'As Kafka Streams describes topologies' }),
    nodes: Type.Array(NodeSchema),
  }),
  threads: Type.Array(
    Type.Object({
      processId,
      name: Type.String(),
      state: Type.String(),
      tasks: Type.Array(TaskSchema),
      standbys: Type.Array(Type.String()),
    }),
  ),
  instances: Type.Array(
    Type.Object({
      ...InstanceSchema.properties,
      activeTasks: Type.Array(Type.String()),
      standbyTasks: Type.Array(Type.String()),
      state: Type.Union([Type.String(), Type.Null()]),
      isPaused: Type.Union([Type.Boolean(), Type.Null()]),
      problem: ProblemOfInstance,
    }),
    { description: 'All instances of the application, as the group last told' },
  ),
  lagRecords: NumberOrNull,
  topics: Type.Array(
    Type.Object({
      topic: Type.String(),
      consumedRecords: Type.Number({ description: 'Read by the tasks' }),
      sentRecords: Type.Number({ description: 'Written by them, and acknowledged' }),
    }),
    {
      description:
        'Topics that sources read and sinks write; since the start of each process: rates are differences of two answers',
    },
  ),
  stores: Type.Array(
    Type.Object({
      name: Type.String(),
      kind: Type.String(),
      keyForm: Type.Union([Type.String(), Type.Null()], {
        description:
          'How keys are written: text, integer, number, base64url, json; null where it cannot be read from outside',
      }),
      approximateEntryCount: NumberOrNull,
    }),
    { description: 'A count is null where an instance does not know it just now' },
  ),
  restores: Type.Array(
    Type.Object({
      processId,
      taskId: Type.String(),
      store: Type.String(),
      partition: Type.Integer(),
      role: Type.String(),
      phase: Type.String(),
      restoredCount: Type.Integer(),
      remainingRecords: Type.Integer(),
    }),
  ),
  copies: Type.Array(
    Type.Object({
      processId,
      store: Type.String(),
      partition: Type.Integer(),
      lagRecords: Type.Integer({ description: 'Behind its changelog' }),
    }),
    { description: 'Stores of which an instance keeps a copy' },
  ),
  totals: Type.Object(
    {
      processedRecords: Type.Number(),
      processSeconds: Type.Number(),
      commits: Type.Number(),
      commitSeconds: Type.Number(),
      droppedRecords: Type.Number(),
      restoredRecords: Type.Number(),
    },
    { description: 'Since the start of each process: rates are differences of two answers' },
  ),
  saga: Type.Object({
    openOrders: Type.Number(),
    decided: Counts,
    decidedBy: Counts,
    rollbackSources: Counts,
    lateAnswers: Type.Number(),
    unmatchedAnswers: Type.Number(),
    ignored: Type.Number(),
    deadLetters: Type.Number(),
    retries: Type.Number(),
    joinWindowMs: Type.Number(),
    timeoutMs: Type.Number(),
    commitIntervalMs: Type.Number(),
  }),
  answeredAt: Type.String(),
})

export type StreamAppAnswer = Static<typeof StreamAppSchema>
