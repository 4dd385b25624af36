import { WireReader } from '../../lib/wire.ts'
import {
  type Overview,
  type Part,
  partNames,
  type PartName,
  type PartState,
  type Standing,
  type Totals,
} from './model.ts'

/** The gateway's `overview` answer. A part it says nothing of is "not known", never "ready". */
export function toOverview(body: unknown): Overview {
  const wire = new WireReader(body, 'overview')
  const reported = new Map(wire.list('parts', readPart).map((part) => [part.name, part]))
  return {
    atMs: wire.time('at'),
    parts: partNames.map((name) => reported.get(name) ?? silentPart(name)),
    totals: readTotals(wire),
    standing: readStanding(wire),
    partitions: (wire.objectOrNull('topic') ?? new WireReader({})).list('partitions', (item) => ({
      partition: item.number('partition'),
      endOffset: item.numberOrNull('endOffset'),
    })),
  }
}

function readPart(wire: WireReader): Part {
  return {
    name: wire.text('name') as PartName,
    state: stateOf(wire.textOrNull('state')),
    detail: wire.textOrNull('detail'),
    startedInMs: wire.numberOrNull('startedInMs'),
  }
}

const stateWords: Readonly<Record<string, PartState>> = {
  ready: 'ready',
  up: 'ready',
  starting: 'starting',
  degraded: 'degraded',
  down: 'down',
}

function stateOf(word: string | null): PartState {
  return stateWords[word?.toLowerCase() ?? ''] ?? 'unknown'
}

function silentPart(name: PartName): Part {
  return { name, state: 'unknown', detail: null, startedInMs: null }
}

function readTotals(wire: WireReader): Totals {
  const production = wire.objectOrNull('production')
  const consumption = wire.objectOrNull('consumption')
  return {
    requests: wire.objectOrNull('requests')?.numberOrNull('total') ?? null,
    created: production?.numberOrNull('created') ?? null,
    published: production?.numberOrNull('published') ?? null,
    processed: consumption?.numberOrNull('processed') ?? null,
  }
}

function readStanding(wire: WireReader): Standing {
  const production = wire.objectOrNull('production')
  const consumption = wire.objectOrNull('consumption')
  return {
    pending: production?.numberOrNull('pending') ?? null,
    oldestPendingAgeMs: production?.numberOrNull('oldestPendingAgeMs') ?? null,
    publishFailed: production?.numberOrNull('failed') ?? null,
    lagRecords: consumption?.numberOrNull('lagRecords') ?? null,
    processFailed: consumption?.numberOrNull('failed') ?? null,
    duplicatesSkipped: consumption?.numberOrNull('duplicatesSkipped') ?? null,
    deadLettered: consumption?.numberOrNull('deadLettered') ?? null,
    aggregates: consumption?.numberOrNull('aggregates') ?? null,
  }
}
