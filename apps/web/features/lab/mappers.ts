import { count, duration } from '../../lib/format.ts'
import { WireReader } from '../../lib/wire.ts'
import type { LabFault, LabFindings, LabState, Verdict } from './model.ts'

export function toLabState(body: unknown): LabState {
  const wire = new WireReader(body, 'lab')
  const checker = wire.objectOrNull('checker')
  if (checker === null) throw new TypeError('lab.checker should be an object, got null')
  return { faults: wire.list('faults', readFault), checker: readFindings(checker) }
}

export function toLabFault(body: unknown): LabFault {
  return readFault(new WireReader(body, 'fault'))
}

/** Wrong beats waiting, waiting beats done. */
export function verdictOf(found: LabFindings): Verdict {
  if (found.fault !== null)
    return { tone: 'attention', text: `The checker reads no more: ${found.fault}` }
  const wrong = [
    ...(found.decidedTwice > 0 ? [`${count(found.decidedTwice, 'order')} decided twice`] : []),
    ...(found.confirmedWithoutAnswers > 0 && found.open === 0
      ? [`${count(found.confirmedWithoutAnswers, 'order')} confirmed without both answers`]
      : []),
  ]
  if (wrong.length > 0) return { tone: 'bad', text: wrong.join(', ') }
  if (found.placed === 0) return { tone: 'attention', text: 'No orders yet: place some to see.' }
  if (found.open > 0)
    return {
      tone: 'busy',
      text: `${count(found.open, 'order')} on the way, the oldest for ${duration(found.oldestOpenMs)}`,
    }
  return {
    tone: 'good',
    text: `0 lost, 0 double: all ${count(found.placed, 'order')} decided, once each`,
  }
}

function readFault(wire: WireReader): LabFault {
  return {
    id: wire.text('id'),
    title: wire.text('title'),
    act: wire.text('act'),
    expected: wire.text('expected'),
    kind: wire.text('kind') === 'once' ? 'once' : 'switch',
    isOn: wire.flag('isOn'),
    lastAtMs: wire.timeOrNull('lastAt'),
    lastResult: wire.textOrNull('lastResult'),
  }
}

function readFindings(wire: WireReader): LabFindings {
  const decided = wire.objectOrNull('decided')
  return {
    placed: wire.number('placed'),
    open: wire.number('open'),
    oldestOpenMs: wire.numberOrNull('oldestOpenMs'),
    confirmed: decided?.number('CONFIRMED') ?? 0,
    rejected: decided?.number('REJECTED') ?? 0,
    rolledBack: decided?.number('ROLLBACK') ?? 0,
    rolledBackBy: (wire.objectOrNull('rolledBackBy')?.entries() ?? []).map(([source, orders]) => [
      source,
      Number(orders),
    ]),
    decidedTwice: wire.number('decidedTwice'),
    confirmedWithoutAnswers: wire.number('confirmedWithoutAnswers'),
    repeats: wire.number('repeats'),
    unreadable: wire.number('unreadable'),
    fault: wire.textOrNull('fault'),
  }
}
