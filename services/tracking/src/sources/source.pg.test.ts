import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '@millrace/core'
import { SimulatedClock } from '@millrace/core/testing'
import { testDatabase } from '@millrace/embedded/testing'
import { ContractRegistry } from '@millrace/events'
import { createInbox } from '@millrace/inbox'
import { createOutbox } from '@millrace/outbox'
import { openDatabase } from '@millrace/postgres'
import { Source } from './source.ts'

test('source: a log made later is found once it is time to look again, and at each look while there is none', async () => {
  await using home = await testDatabase()
  await using database = openDatabase({ url: home.url, applicationName: 'test' })
  const clock = new SimulatedClock()
  const source = new Source(
    { service: 'shop', url: home.url },
    { maxConnections: 1, timeoutMs: 30_000, lookAgainMs: 700, logger: silentLogger, clock },
  )
  const keys = async (): Promise<readonly string[]> => {
    const { productions, consumptions } = await source.logs()
    return [...productions, ...consumptions].map(({ key }) => key)
  }
  try {
    assert.deepEqual(await keys(), [])
    await createOutbox({ database, serviceName: 'shop' }).migrate()
    assert.deepEqual(await keys(), ['shop/p/outbox'], 'looked for at once, since there was none')

    const contracts = new ContractRegistry([])
    await createInbox({ database, serviceName: 'shop', groupId: 'shop', contracts }).migrate()
    await clock.advance(699)
    assert.deepEqual(await keys(), ['shop/p/outbox'], 'not looked for yet')
    await clock.advance(1)
    assert.deepEqual(await keys(), ['shop/p/outbox', 'shop/c/inbox'])
  } finally {
    await source.close()
  }
})
