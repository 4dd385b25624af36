/** One answer of all instances out of what each says of itself. */
import { Compile } from 'typebox/compile'
import type { PeerAnswer } from '../peers.ts'
import { pausingOfAll } from './pausing.ts'
import { StreamAppSchema, type StreamAppAnswer } from './stream-app-schema.ts'

const answerForm = Compile(StreamAppSchema)

/** What another instance came to. */
interface Told {
  readonly processId: string
  /** Undefined: it is not known. */
  readonly app: StreamAppAnswer | undefined
  readonly problem: string | null
}

/**
 * Sums over the instances that answered. What cannot be told without all of them, such as how far behind the whole is, is null where one did not.
 * Topology and settings are those of the instance that was asked.
 */
export function wholeApp(own: StreamAppAnswer, others: readonly PeerAnswer[]): StreamAppAnswer {
  const told = others.map(toldBy)
  const apps = [own, ...told.flatMap(({ app }) => app ?? [])]
  // Before the group has told who there is, nothing is known of the others.
  const isWhole = own.instances.length > 0 && told.every(({ app }) => app !== undefined)
  const threads = apps.flatMap((app) => app.threads)
  return {
    ...own,
    isWhole,
    pausing: pausingOfAll(apps.map(({ pausing }) => pausing)),
    topology: {
      ...own.topology,
      nodes: own.topology.nodes.map((node) => ({
        ...node,
        processedRecords: sumOrNull(
          apps.map(({ topology }) => named(topology.nodes, node.name)?.processedRecords ?? null),
        ),
      })),
    },
    threads,
    instances: own.instances.map((instance) => {
      const of = told.find(({ processId }) => processId === instance.processId)
      if (instance.isThis || !of) return instance
      const { app, problem } = of
      const isPaused = app?.pausing.isPaused ?? null
      return { ...instance, state: app?.state ?? null, isPaused, problem }
    }),
    lagRecords: isWhole ? lagOfTasks(threads) : null,
    topics: own.topics.map(({ topic }) => {
      const all = apps.flatMap(({ topics }) => topics.filter((each) => each.topic === topic))
      return {
        topic,
        consumedRecords: sumOf(all.map(({ consumedRecords }) => consumedRecords)),
        sentRecords: sumOf(all.map(({ sentRecords }) => sentRecords)),
      }
    }),
    stores: own.stores.map((store) => ({
      ...store,
      approximateEntryCount: isWhole
        ? sumOrNull(apps.map((app) => named(app.stores, store.name)?.approximateEntryCount ?? null))
        : null,
    })),
    restores: apps.flatMap((app) => app.restores),
    copies: apps.flatMap((app) => app.copies),
    totals: sumOfEach(apps.map(({ totals }) => totals)),
    saga: { ...own.saga, ...sagaFigures(apps.map(({ saga }) => saga)) },
  }
}

/** Of all tasks; null as long as that of a partition is not known, and without any. */
export function lagOfTasks(threads: StreamAppAnswer['threads']): number | null {
  const lags = threads.flatMap(({ tasks }) =>
    tasks.flatMap(({ partitions }) => partitions.map(({ lagRecords }) => lagRecords)),
  )
  return lags.length === 0 ? null : sumOrNull(lags)
}

function toldBy(answer: PeerAnswer): Told {
  const { processId } = answer.instance
  if ('problem' in answer) return { processId, app: undefined, problem: answer.problem }
  if (answerForm.Check(answer.body)) return { processId, app: answer.body, problem: null }
  const problem = 'It answers in another form: look at its version.'
  return { processId, app: undefined, problem }
}

type SagaFigures = StreamAppAnswer['saga']

function sagaFigures(
  all: readonly SagaFigures[],
): Omit<SagaFigures, 'joinWindowMs' | 'timeoutMs' | 'commitIntervalMs'> {
  const sum = (of: (figures: SagaFigures) => number): number => sumOf(all.map(of))
  return {
    openOrders: sum((each) => each.openOrders),
    decided: sumOfEach(all.map((each) => each.decided)),
    decidedBy: sumOfEach(all.map((each) => each.decidedBy)),
    rollbackSources: sumOfEach(all.map((each) => each.rollbackSources)),
    lateAnswers: sum((each) => each.lateAnswers),
    unmatchedAnswers: sum((each) => each.unmatchedAnswers),
    ignored: sum((each) => each.ignored),
    deadLetters: sum((each) => each.deadLetters),
    retries: sum((each) => each.retries),
  }
}

/** By name, over all objects. */
function sumOfEach<Counts extends Readonly<Record<string, number>>>(
  all: readonly Counts[],
): Counts {
  const sums: Record<string, number> = {}
  for (const [name, count] of all.flatMap((each) => Object.entries(each)))
    sums[name] = (sums[name] ?? 0) + count
  return sums as Counts
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}

/** Null as soon as one is not known. */
function sumOrNull(values: readonly (number | null)[]): number | null {
  return values.reduce((sum, value) => (sum === null || value === null ? null : sum + value), 0)
}

function named<T extends { readonly name: string }>(
  all: readonly T[],
  name: string,
): T | undefined {
  return all.find((each) => each.name === name)
}
