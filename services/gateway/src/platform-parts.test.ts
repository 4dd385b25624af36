import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { PartReadiness } from '@millrace/runtime'
import { platformParts } from './platform-parts.ts'
import type { ProbeResult } from './service-probe.ts'
import { brokerSilentMs } from './service-stats.ts'

function probe(parts: readonly PartReadiness[]): ProbeResult {
  return { name: 'analytics', state: 'up', reason: null, url: 'http://a', answers: true, parts }
}

function part(
  name: string,
  state: PartReadiness['state'],
  reason: string | null = null,
): PartReadiness {
  return { name, state, reason }
}

suite('Postgres and the broker, seen through the services', () => {
  for (const row of [
    { name: 'nobody speaks of it', probes: [probe([])], broker: undefined },
    { name: 'named and up', probes: [probe([part('kafka', 'up')])], broker: 'up' },
    {
      name: 'the worst of several',
      probes: [probe([part('broker', 'up')]), probe([part('kafka', 'down', 'gone')])],
      broker: 'down',
    },
    {
      name: 'a consumer that runs, runs on one',
      probes: [probe([part('consumer', 'up')])],
      broker: 'up',
    },
    {
      name: 'a consumer that does not',
      probes: [probe([part('consumer', 'down', 'recovering')])],
      broker: 'down',
    },
    {
      name: 'a consumer that runs proves it, whatever holds up another',
      probes: [
        probe([part('consumer', 'down', 'most keys fail')]),
        probe([part('consumer', 'up')]),
      ],
      broker: 'up',
    },
    {
      name: 'a relay that has nothing refused shows nothing',
      probes: [probe([part('relay', 'up')])],
      broker: undefined,
    },
    {
      name: 'who names it is believed before others',
      probes: [probe([part('kafka', 'up')]), probe([part('consumer', 'down')])],
      broker: 'up',
    },
    {
      name: 'a consumer that is switched off shows nothing',
      probes: [probe([part('consumer', 'up', 'switched off')])],
      broker: undefined,
    },
  ] as const)
    test(row.name, () => {
      const parts = platformParts(row.probes, [])
      assert.equal(parts.find((item) => item.name === 'broker')?.state, row.broker)
    })

  test('why the broker is down is told by the supervisor, where it knows', () => {
    const down = [probe([part('consumer', 'down', 'connecting')])]
    const reasonBy = (detail: string) =>
      platformParts(down, [{ name: 'broker', state: 'waiting', detail, ms: null }]).find(
        ({ name }) => name === 'broker',
      )?.reason
    assert.equal(reasonBy('down for 20 s'), 'down for 20 s')
    assert.equal(reasonBy(''), 'analytics says: connecting')
  })

  test('one that was ready and is not any more is down, though its users ride it out', () => {
    const users = [probe([part('consumer', 'up')])]
    const brokerBy = (state: 'ready' | 'waiting', hasBeenReady: boolean) =>
      platformParts(users, [{ name: 'broker', state, detail: 'down for 20 s', ms: null }], {
        hasBeenReady: () => hasBeenReady,
      }).find(({ name }) => name === 'broker')
    const { state, reason } = brokerBy('waiting', true) ?? {}
    assert.deepEqual([state, reason], ['down', 'down for 20 s'])
    assert.equal(brokerBy('waiting', false)?.state, 'up')
    assert.equal(brokerBy('ready', true)?.state, 'up')
  })

  test('a broker that no consumer hears from is down', () => {
    const brokerAfter = (brokerSilentMs: number | null) =>
      platformParts([probe([part('consumer', 'up')])], [], { brokerSilentMs }).find(
        ({ name }) => name === 'broker',
      )
    assert.equal(brokerAfter(null)?.state, 'up')
    assert.equal(brokerAfter(8_000)?.state, 'up')
    const { state, reason } = brokerAfter(12_400) ?? {}
    assert.deepEqual([state, reason], ['down', 'no consumer has heard from it for 12 s'])
    const withPostgres = platformParts([probe([part('postgres', 'up')])], [], {
      brokerSilentMs: 12_400,
    })
    assert.equal(withPostgres.find(({ name }) => name === 'postgres')?.state, 'up')
  })

  test('the broker is as silent as it is to the one who heard from it last', () => {
    const consumer = (lagAgeMs: number | null) => ({ consumer: { lagAgeMs } })
    const [payments, stock] = [consumer(9_000), consumer(null)]
    assert.equal(brokerSilentMs({ analytics: { lagAgeMs: 12_000 }, payments, stock }), 9_000)
    assert.equal(brokerSilentMs({ analytics: null, payments: { consumer: null }, stock }), null)
  })

  test('the supervisor is believed while it starts them, and not after', () => {
    const stateOf = (state: 'starting' | 'failed' | 'ready') =>
      platformParts([], [{ name: 'postgres', state, detail: 'initdb', ms: null }])[0]?.state
    assert.deepEqual(
      [stateOf('starting'), stateOf('failed'), stateOf('ready')],
      ['starting', 'down', undefined],
    )
  })
})
