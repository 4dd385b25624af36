import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger, SimulatedClock, type Gauge } from '@millrace/core'
import { deposit } from '../test/fixture.ts'
import { OutageGate } from './outage-gate.ts'
import type { ReceivedEvent } from './types.ts'

const clock = new SimulatedClock()

interface Opened {
  readonly gate: OutageGate
  readonly gauge: { value: number }
}

function open(minKeys = 3, share = 0.5): Opened {
  const gauge = { value: 0 }
  const set: Gauge['set'] = (value) => void (gauge.value = value)
  const gate = new OutageGate({
    minKeys,
    share,
    windowMs: 1_000,
    probeBackoff: { baseMs: 100, maxMs: 400 },
    groupId: 'g',
    gauge: { set },
    logger: silentLogger,
    clock,
  })
  return { gate, gauge }
}

function at(key: string | null): ReceivedEvent {
  const event = deposit(1)
  const place = { topic: 't', partition: 0, offset: 0n, headers: [], receivedAt: 0 }
  return { event, key, ...place }
}

function keys(from: number, count: number): readonly ReceivedEvent[] {
  return Array.from({ length: count }, (_, index) => at(`k${from + index}`))
}

test('outage gate: so many keys with one class are an outage; one key that fails often is none', () => {
  const { gate, gauge } = open()
  for (let index = 0; index < 10; index++) assert.equal(gate.noteFailed(at('one'), 'E'), false)
  assert.equal(gate.noteFailed(at('two'), 'E'), false)
  assert.equal(gate.noteFailed(at('three'), 'Other'), false)
  assert.equal(gate.admit().kind, 'open')
  assert.equal(gate.noteFailed(at('four'), 'E'), true)
  assert.equal(gate.outage?.errorClass, 'E')
  assert.equal(gauge.value, 1)
})

test('outage gate: events without a key count each for itself', () => {
  const { gate } = open()
  const failed = [at(null), at(null), at(null)].map((event) => gate.noteFailed(event, 'E'))
  assert.deepEqual(failed, [false, false, true])
})

test('outage gate: keys that succeed in the window, or did just before it, hold it open', () => {
  const { gate } = open()
  gate.noteHandled(keys(0, 4))
  for (const event of keys(100, 3)) assert.equal(gate.noteFailed(event, 'E'), false)
  // 4 of 8 is half.
  assert.equal(gate.noteFailed(at('k103'), 'E'), true)
})

test('outage gate: failures of long ago do not count', async () => {
  const { gate } = open()
  for (const event of keys(0, 2)) gate.noteFailed(event, 'E')
  await clock.advance(1_500)
  assert.equal(gate.noteFailed(at('k9'), 'E'), false)
  assert.equal(gate.outage, null)
})

test('outage gate: closed but for one probe at a time, with backoff, and open after one that succeeds', async () => {
  const { gate, gauge } = open()
  for (const event of keys(0, 3)) gate.noteFailed(event, 'E')
  const closed = gate.admit()
  assert.ok(closed.kind === 'closed' && closed.inMs >= 50 && closed.inMs <= 100)
  const waits: number[] = []
  for (let probe = 1; probe <= 4; probe++) {
    const { nextProbeInMs } = gate.outage ?? { nextProbeInMs: 0 }
    waits.push(nextProbeInMs)
    await clock.advance(Math.ceil(nextProbeInMs))
    assert.equal(gate.admit().kind, 'probe')
    assert.equal(gate.admit().kind, 'closed', 'one at a time')
    assert.equal(gate.noteFailed(at('k0'), 'E'), true)
    assert.equal(gate.outage?.probes, probe)
  }
  assert.ok((waits[1] ?? 0) >= 100 && (waits[1] ?? 0) <= 200, String(waits))
  assert.ok((waits[3] ?? 0) >= 200 && (waits[3] ?? 0) <= 400, String(waits))
  await clock.advance(400)
  assert.equal(gate.admit().kind, 'probe')
  gate.noteHandled(keys(0, 1))
  assert.equal(gate.outage, null)
  assert.equal(gate.admit().kind, 'open')
  assert.equal(gauge.value, 0)
  assert.equal(gate.noteFailed(at('k1'), 'E'), false, 'the window begins anew')
})

test('outage gate: a probe that fails otherwise ends the outage and is its own failure; one without an end allows another', async () => {
  const { gate } = open()
  for (const event of keys(0, 3)) gate.noteFailed(event, 'E')
  await clock.advance(100)
  assert.equal(gate.admit().kind, 'probe')
  gate.endProbe()
  assert.equal(gate.admit().kind, 'probe')
  assert.equal(gate.noteFailed(at('k0'), 'Other'), false)
  assert.equal(gate.outage, null)
})

test('outage gate: remembers a bounded number of keys', () => {
  const { gate } = open(1_000, 0.9)
  gate.noteFailed(at('first'), 'Other')
  for (let round = 0; round < 20; round++) gate.noteHandled(keys(round * 1_000, 1_000))
  const failing = keys(1_000_000, 5_000)
  const tripped = failing.findIndex((event) => gate.noteFailed(event, 'E'))
  // 2,000 are remembered, nine tenths of them must fail.
  assert.equal(tripped, 1_799)
})
