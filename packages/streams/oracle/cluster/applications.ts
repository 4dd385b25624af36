import type { Step } from '../scenario.ts'
import type { Dataset } from './datasets.ts'

/**
 * How far two runs over the same input agree, from most to least: the same records in the same order per partition; the same ones in
 * some order; the same last value, with its timestamp, of each key.
 */
export const agreements = ['records', 'rows', 'table', 'nothing'] as const
export type Agreement = (typeof agreements)[number]

/** A topic that is written, and what two runs must agree on, since nothing that differs between them decides it. */
export interface Output {
  readonly name: string
  readonly claim: Agreement
}

/** A topology over a data set, with what it writes. */
export interface Application {
  readonly name: string
  readonly dataset: Dataset
  readonly maxTaskIdleMs: number
  readonly outputs: readonly Output[]
  /** What two runs must agree on in each changelog. */
  readonly changelogClaim: Agreement
  readonly steps: (topics: Topics) => readonly Step[]
}

export interface Topics {
  readonly left: string
  readonly right: string
  readonly output: (name: string) => string
}

/** Longer than any record of a data set is late. */
const longGraceMs = 40 * 86_400_000

/** Windows of each kind, with and without grace, and other tables of the left topic. */
export function windowsApplication(dataset: Dataset): Application {
  const { sizeMs, graceMs } = dataset
  const kinds = [
    { kind: 'tumbling', sizeMs },
    { kind: 'hopping', sizeMs, advanceMs: sizeMs / 5 },
    { kind: 'sliding', differenceMs: sizeMs },
    { kind: 'session', gapMs: sizeMs / 2 },
  ]
  const aggregates = kinds.flatMap((each) => [
    aggregate({ ...each, graceMs: 0 }),
    aggregate({ ...each, graceMs }),
  ])
  return {
    name: `${dataset.name}-windows`,
    dataset,
    maxTaskIdleMs: 0,
    changelogClaim: 'table',
    outputs: [...aggregates, suppressed(dataset), closed(dataset), repartitioned].map(outputOf),
    steps: (topics) => [
      { id: 'left', op: 'stream', topic: topics.left },
      { id: 'grouped', op: 'groupByKey', from: 'left', key: 'string', value: 'string' },
      ...[...aggregates, suppressed(dataset), closed(dataset), repartitioned].flatMap((part) =>
        written(part, topics),
      ),
    ],
  }
}

/** Joins of both topics. With -1 a task never waits for its other partition, so that only what no order decides is claimed. */
export function joinsApplication(dataset: Dataset, maxTaskIdleMs: 0 | -1): Application {
  const isOrdered = maxTaskIdleMs === 0
  const parts = [
    streamJoin('inner', 0, dataset, isOrdered ? 'records' : 'nothing'),
    streamJoin('inner', longGraceMs, dataset, isOrdered ? 'records' : 'rows'),
    // A record that comes after its own window is given up at once, grace or not (trap 23): so order decides here too.
    streamJoin('left', longGraceMs, dataset, isOrdered ? 'rows' : 'nothing'),
    streamJoin('outer', longGraceMs, dataset, isOrdered ? 'rows' : 'nothing'),
    // Unmatched records are looked for once in a second of the wall clock: which ones are given up too early is chance.
    streamJoin('outer', dataset.graceMs, dataset, 'nothing'),
    tableJoin('joinTable', isOrdered),
    tableJoin('leftJoinTable', isOrdered),
  ]
  return {
    name: `${dataset.name}-joins-${isOrdered ? 'waiting' : 'unordered'}`,
    dataset,
    maxTaskIdleMs,
    changelogClaim: isOrdered ? 'table' : 'nothing',
    outputs: parts.map(outputOf),
    steps: (topics) => [
      { id: 'left', op: 'stream', topic: topics.left },
      { id: 'right', op: 'stream', topic: topics.right },
      { id: 'table', op: 'toTable', from: 'right', store: 'latest' },
      ...parts.flatMap((part) => written(part, topics)),
    ],
  }
}

/** A stream under its name, made by the last of its steps, and where it goes. */
interface Part extends Output {
  readonly steps: readonly Step[]
}

function outputOf({ name, claim }: Part): Output {
  return { name, claim }
}

function written({ name, steps }: Part, topics: Topics): readonly Step[] {
  return [...steps, { op: 'to', from: name, topic: topics.output(name) }]
}

interface Windows {
  readonly kind: string
  readonly graceMs: number
}

/** Each value that a window took, in its order. */
function aggregate(windows: Windows): Part {
  const name = `${windows.kind}-${windows.graceMs > 0 ? 'with' : 'without'}-grace`
  return { name, claim: 'records', steps: windowSteps(name, windows) }
}

function windowSteps(name: string, windows: Windows, store: object = {}): readonly Step[] {
  return [
    { id: `${name}-windows`, op: 'windowedBy', from: 'grouped', windows },
    {
      id: `${name}-table`,
      op: 'windowedAggregate',
      from: `${name}-windows`,
      init: 'empty',
      fn: 'withKey',
      merge: 'concat',
      store: { name, key: 'string', value: 'string', ...store },
    },
    { id: name, op: 'toStream', from: `${name}-table` },
  ]
}

function suppressed({ sizeMs, graceMs }: Dataset): Part {
  const name = 'suppressed'
  return {
    name,
    claim: 'records',
    steps: [
      {
        id: 'suppressed-windows',
        op: 'windowedBy',
        from: 'grouped',
        windows: { kind: 'tumbling', sizeMs, graceMs },
      },
      { id: 'suppressed-table', op: 'windowedCount', from: 'suppressed-windows', store: 'counted' },
      {
        id: 'suppressed-last',
        op: 'suppress',
        from: 'suppressed-table',
        until: 'windowCloses',
        name: 'last',
      },
      { id: name, op: 'toStream', from: 'suppressed-last' },
    ],
  }
}

/** Emitted on close. When is decided by the wall clock, so windows are kept for long: what is forgotten by then would be lost. */
function closed({ sizeMs, graceMs }: Dataset): Part {
  const name = 'closed'
  const windows = { kind: 'tumbling', sizeMs, graceMs }
  const steps = windowSteps(name, windows, { retentionMs: 5 * longGraceMs })
  const [windowed, ...rest] = steps as [Step, ...Step[]]
  return { name, claim: 'table', steps: [{ ...windowed, emit: 'close' }, ...rest] }
}

/** In which order six tasks write into one partition is chance; the sums at the end are not. */
const repartitioned: Part = {
  name: 'repartitioned',
  claim: 'table',
  steps: [
    {
      id: 'by-digit',
      op: 'groupBy',
      from: 'left',
      fn: 'firstLetter',
      name: 'by-digit',
      key: 'string',
      value: 'string',
    },
    { id: 'digits', op: 'count', from: 'by-digit', store: 'digits' },
    { id: 'repartitioned', op: 'toStream', from: 'digits' },
  ],
}

function streamJoin(kind: string, graceMs: number, { sizeMs }: Dataset, claim: Agreement): Part {
  const name = `${kind}-grace-${graceMs}`
  const step = {
    id: name,
    op: 'streamJoin',
    from: 'left',
    other: 'right',
    kind,
    withinMs: sizeMs / 10,
    graceMs,
    fn: 'pair',
    name,
    store: name,
  }
  return { name, claim, steps: [step] }
}

function tableJoin(op: 'joinTable' | 'leftJoinTable', isOrdered: boolean): Part {
  const step = { id: op, op, from: 'left', other: 'table', fn: 'plus', name: op }
  return { name: op, claim: isOrdered ? 'records' : 'nothing', steps: [step] }
}
