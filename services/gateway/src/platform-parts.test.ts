import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { PartReadiness } from '@millrace/runtime'
import { platformParts } from './platform-parts.ts'
import type { ProbeResult } from './service-probe.ts'

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

  test('the supervisor is believed while it starts them, and not after', () => {
    const stateOf = (state: 'starting' | 'failed' | 'ready') =>
      platformParts([], [{ name: 'postgres', state, detail: 'initdb', ms: null }])[0]?.state
    assert.deepEqual(
      [stateOf('starting'), stateOf('failed'), stateOf('ready')],
      ['starting', 'down', undefined],
    )
  })
})
