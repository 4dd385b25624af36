import type {
  DerivedTableOptions,
  GlobalKTable,
  GroupSelector,
  KGroupedTable,
  KTable,
} from '@millrace/streams'
import {
  named,
  namedSerdes,
  serdes,
  storeOf,
  word,
  type Context,
  type StepFamily,
} from './context.ts'
import {
  aggregators,
  functionOf,
  initializers,
  predicates,
  reducers,
  selectors,
  text,
  valueMappers,
} from './functions.ts'
import type { Step } from './scenario.ts'
import { sourceOptions } from './stateless-steps.ts'
import { serdeOf } from './types.ts'

type Groups = Readonly<Record<string, GroupSelector<unknown, unknown, unknown, unknown>>>
const groups: Groups = {
  byValue: (value, key) => [value, key],
  firstLetter: (value) => [text(value).slice(0, 1), value],
  lengthByKey: (value, key) => [key, text(value).length],
  nullKey: (value) => [null, value],
  nullValue: (_, key) => [key, null],
  nullOnX: (value) => (value === 'x' ? null : ['g', value]),
  nullKeyOnX: (value) => [value === 'x' ? null : 'g', value],
  same: (value, key) => [key, value],
  throwOnX: (value) => ['g', refuseX(value)],
}

const subtractors: Readonly<Record<string, (reduced: unknown, value: unknown) => unknown>> = {
  remove: (reduced, value) => text(reduced).replaceAll(text(value), ''),
  minus: (reduced, value) => (reduced as number) - (value as number),
  mark: (reduced, value) => `${text(reduced)}-${text(value)}`,
  toNull: () => null,
}

type Joiner = (left: unknown, right: unknown, key: unknown) => unknown
const joiners: Readonly<Record<string, Joiner>> = {
  plus: (left, right) => `${text(left)}+${text(right)}`,
  left: (left) => left,
  right: (_, right) => right,
  toNull: () => null,
  nullOnX: (left, right) => (left === 'x' || right === 'x' ? null : `${text(left)}+${text(right)}`),
  throwOnX: (left, right) => `${text(refuseX(left))}/${text(right)}`,
  withKey: (left, right, key) => `${text(key)}:${text(left)}+${text(right)}`,
}

/** Tables: derived, grouped, joined with each other and with streams. java/TableSteps.java is its twin. */
export const tableSteps: StepFamily = {
  tableFilter: (context, step) =>
    context.table(step).filter(functionOf(predicates, step['fn']), {
      ...named(step),
      ...derivedStore(context, step),
    }),
  tableFilterNot: (context, step) =>
    context.table(step).filterNot(functionOf(predicates, step['fn']), {
      ...named(step),
      ...derivedStore(context, step),
    }),
  tableMapValues: (context, step) => {
    const { key } = context.table(step).parts
    return context.table(step).mapValues(functionOf(valueMappers, step['fn']), {
      ...named(step),
      ...(step['store'] !== undefined && { store: storeOf(step, { key }) }),
    })
  },
  toStreamByKey: (context, step) =>
    context.table(step).toStream({
      ...named(step),
      selectKey: functionOf(selectors, step['fn']),
    }),
  toTable: (context, step) => {
    const stream = context.stream(step)
    return stream.toTable({ ...named(step), store: storeOf(step, stream.parts) })
  },
  tableGroupBy: (context, step) =>
    context
      .table(step)
      .groupBy(functionOf(groups, step['fn']), { ...named(step), ...serdes(step) }),
  tableCount: (context, step) => {
    const { key } = grouped(context, step).parts
    return grouped(context, step).count({
      ...named(step),
      store: storeOf(step, { key, value: serdeOf('long') }) as never,
    })
  },
  tableReduce: (context, step) =>
    grouped(context, step).reduce(
      functionOf(reducers, step['fn']),
      functionOf(subtractors, step['subtract']),
      { ...named(step), store: storeOf(step, grouped(context, step).parts) },
    ),
  tableAggregate: (context, step) =>
    grouped(context, step).aggregate(
      functionOf(initializers, step['init']),
      functionOf(aggregators, step['fn']),
      functionOf(subtractors, step['subtract']),
      { ...named(step), store: storeOf(step, { key: grouped(context, step).parts.key }) },
    ),
  tableJoin: (context, step) =>
    context.table(step).join(other(context, step), joiner(step), joinOptions(context, step)),
  tableLeftJoin: (context, step) =>
    context.table(step).leftJoin(other(context, step), joiner(step), joinOptions(context, step)),
  tableOuterJoin: (context, step) =>
    context.table(step).outerJoin(other(context, step), joiner(step), joinOptions(context, step)),
  tableJoinByForeignKey: (context, step) =>
    textual(context.table(step)).joinByForeignKey(
      textual(other(context, step)),
      functionOf(selectors, step['keyOf']),
      joiner(step),
      { value: serdeOf('string'), ...joinOptions(context, step) },
    ),
  tableLeftJoinByForeignKey: (context, step) =>
    textual(context.table(step)).leftJoinByForeignKey(
      textual(other(context, step)),
      functionOf(selectors, step['keyOf']),
      joiner(step),
      { value: serdeOf('string'), ...joinOptions(context, step) },
    ),
  joinTable: (context, step) =>
    context.stream(step).joinTable(other(context, step), joiner(step), sideOptions(context, step)),
  leftJoinTable: (context, step) =>
    context
      .stream(step)
      .leftJoinTable(other(context, step), joiner(step), sideOptions(context, step)),
  globalTable: ({ builder }, step) =>
    builder.globalTable(
      word(step, 'topic') ?? '',
      sourceOptions(step),
      step['store'] === undefined ? undefined : storeOf(step, namedSerdes(step)),
    ),
  joinGlobalTable: (context, step) =>
    context
      .stream(step)
      .joinGlobalTable(
        globalTable(context, step),
        functionOf(selectors, step['keyOf']),
        joiner(step),
        named(step),
      ),
  leftJoinGlobalTable: (context, step) =>
    context
      .stream(step)
      .leftJoinGlobalTable(
        globalTable(context, step),
        functionOf(selectors, step['keyOf']),
        joiner(step),
        named(step),
      ),
}

function refuseX(value: unknown): unknown {
  if (value === 'x') throw new Error('the function was given an x')
  return value
}

function joiner(step: Step): Joiner {
  return functionOf(joiners, step['fn'])
}

function grouped(context: Context, step: Step): KGroupedTable<unknown, unknown> {
  return context.at(step, 'from') as KGroupedTable<unknown, unknown>
}

function other(context: Context, step: Step): KTable<unknown, unknown> {
  return context.at(step, 'other') as KTable<unknown, unknown>
}

/** The table with the serdes that Java falls back on where it knows none. */
function textual(table: KTable<unknown, unknown>): KTable<unknown, unknown> {
  const { key = serdeOf('string'), value = serdeOf('string') } = table.parts
  return table.parts.graph.make.table({ ...table.parts, key, value })
}

function globalTable(context: Context, step: Step): GlobalKTable<unknown, unknown> {
  return context.at(step, 'other') as GlobalKTable<unknown, unknown>
}

/** Nothing where the step has no store: then the table is computed. */
function derivedStore(context: Context, step: Step): DerivedTableOptions<unknown, unknown> {
  if (step['store'] === undefined) return {}
  return { store: storeOf(step, context.table(step).parts) }
}

function joinOptions(context: Context, step: Step): DerivedTableOptions<unknown, unknown> {
  const { key } = context.table(step).parts
  return {
    ...named(step),
    ...(step['store'] !== undefined && { store: storeOf(step, { key }) }),
  }
}

function sideOptions(context: Context, step: Step) {
  const { key, value } = context.stream(step).parts
  const leftValue = word(step, 'leftValue')
  return {
    ...named(step),
    key: serdes(step, { key }).key,
    leftValue: leftValue === undefined ? (value ?? serdeOf('string')) : serdeOf(leftValue),
  }
}
